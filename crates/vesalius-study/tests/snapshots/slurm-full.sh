#!/bin/sh
#SBATCH --job-name=vesalius-paper-0123456789ab
#SBATCH --array=0-1000%50
#SBATCH --output=/data/out/slurm/n/%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@600
#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --qos=long
#SBATCH --time=1-12
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16000M
#SBATCH --gres=gpu:1
#SBATCH --constraint=a100
module load cuda
exec '/opt/it'\''s here/vesalius' worker --device cuda --threads 4 \
    --submission '/data/out/slurm/n/submission.json' --element "$SLURM_ARRAY_TASK_ID"
