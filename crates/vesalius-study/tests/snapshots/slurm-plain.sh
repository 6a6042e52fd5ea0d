#!/bin/sh
#SBATCH --job-name=vesalius-paper-0123456789ab
#SBATCH --array=0-0
#SBATCH --output=/data/out/slurm/n/%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@300
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
exec '/opt/it'\''s here/vesalius' worker --device cpu --threads 1 \
    --submission '/data/out/slurm/n/submission.json' --element "$SLURM_ARRAY_TASK_ID"
