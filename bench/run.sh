#!/usr/bin/env bash
# All benchmarks, on an otherwise idle machine; prints the rows of bench/README.md. Two threads throughout.
# Makes an environment for the Python peers unless BENCH_PYTHON names an interpreter that has them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${BENCH_PYTHON:-}" ]; then
  [ -d bench/.venv ] || python3 -m venv bench/.venv
  bench/.venv/bin/pip install --quiet -r bench/requirements.txt
  BENCH_PYTHON=bench/.venv/bin/python
fi
export OMP_NUM_THREADS=2 MKL_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 RAYON_NUM_THREADS=2
cargo build --release --locked --quiet --bin vesalius
cargo build --release --locked --quiet --examples -p vesalius-torch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
vesalius=target/release/vesalius
core=target/release/examples/bench_core

echo "== training step: ratio; images/s and peak memory of ours and of PyTorch eager or the authors' code"
step=target/release/examples/bench_gan_step
label="networks.mask=label_map"
python3 bench/paired.py dcgan 6 7 -- $step dcgan 2 64 32 1 $label augment.diff_augment=[] \
  -- "$BENCH_PYTHON" bench/peers/gan_step.py dcgan 2
python3 bench/paired.py wgan-gp 2 7 -- $step wgan-gp 2 64 32 1 $label \
  -- "$BENCH_PYTHON" bench/peers/gan_step.py wgan-gp 2
echo "== the same in bf16: against eager f32, and against autocast with channels last (DCGAN: compiled too)"
for preset in dcgan wgan-gp; do
  [ $preset = dcgan ] && steps=6 compiled=compiled || steps=2 compiled=
  ours="$step $preset 2 64 32 1 $label augment.diff_augment=[] training.precision=bf16"
  python3 bench/paired.py $preset-eager $steps 7 -- $ours -- "$BENCH_PYTHON" bench/peers/gan_step.py $preset 2
  python3 bench/paired.py $preset-best $steps 7 -- $ours \
    -- "$BENCH_PYTHON" bench/peers/gan_step.py $preset 2 autocast channels-last $compiled
done
echo "== volumes of 8x64x64, 32 filters, batch 8: against eager f32, and against autocast with channels last"
for preset in dcgan wgan-gp; do
  [ $preset = dcgan ] && steps=6 || steps=2
  ours="$step $preset 2 8x64x64 8 1 $label augment.diff_augment=[]"
  small="networks.generator.filters=32 networks.discriminator.filters=32"
  python3 bench/paired.py $preset-volumes $steps 5 -- $ours $small \
    -- "$BENCH_PYTHON" bench/peers/gan_step.py $preset 2 volumes
  python3 bench/paired.py $preset-volumes-bf16 $steps 5 -- $ours $small training.precision=bf16 \
    -- "$BENCH_PYTHON" bench/peers/gan_step.py $preset 2 volumes \
    -- "$BENCH_PYTHON" bench/peers/gan_step.py $preset 2 volumes autocast channels-last
done
echo "== nnU-Net's step for 64x64 slices, batch 16, in bf16: against its own in f32, and with autocast and channels last"
segment=target/release/examples/bench_segment_step
python3 bench/paired.py nnunet 4 5 -- $segment 2 64 16 bf16 -- "$BENCH_PYTHON" bench/peers/nnunet_step.py 2 64 16
python3 bench/paired.py nnunet-best 4 5 -- $segment 2 64 16 bf16 \
  -- "$BENCH_PYTHON" bench/peers/nnunet_step.py 2 64 16 autocast channels-last
# The authors' own code, where a checkout is named: STYLEGAN2_CODE and SPADE_CODE (see golden/).
if [ -n "${STYLEGAN2_CODE:-}" ]; then
  python3 bench/paired.py stylegan2 16 5 -- $step stylegan2 2 64 8 1 $label augment.ada.transforms=[] \
    -- "$BENCH_PYTHON" bench/peers/stylegan2_step.py "$STYLEGAN2_CODE" 2 8
  python3 bench/paired.py stylegan2-bf16 16 2 \
    -- $step stylegan2 2 64 8 1 $label augment.ada.transforms=[] training.precision=bf16 \
    -- "$BENCH_PYTHON" bench/peers/stylegan2_step.py "$STYLEGAN2_CODE" 2 8
fi
if [ -n "${SPADE_CODE:-}" ]; then
  python3 bench/paired.py spade 2 7 -- $step spade 2 128 4 3 networks.generator.style=0 regularise.kl=0 regularise.vgg=0 \
    -- "$BENCH_PYTHON" bench/peers/spade_step.py "$SPADE_CODE" 2 128 4
  python3 bench/paired.py spade-bf16 2 5 \
    -- $step spade 2 128 4 3 networks.generator.style=0 regularise.kl=0 regularise.vgg=0 training.precision=bf16 \
    -- "$BENCH_PYTHON" bench/peers/spade_step.py "$SPADE_CODE" 2 128 4
fi

echo "== 80 volumes to a pack of 128x128, seconds of the whole process: ours, nibabel + scikit-image (without its imports)"
"$vesalius" phantom acdc "$work/data" --patients 40 2>/dev/null
for round in 1 2 3; do
  start=$(date +%s.%N)
  "$vesalius" prepare acdc "$work/data" --out "$work/pack$round" --size 128x128 2>/dev/null
  ours=$(python3 -c "import time; print(f'{time.time() - $start:.3f}')")
  start=$(date +%s.%N)
  inner=$("$BENCH_PYTHON" bench/peers/prepare.py "$work/data" "$work/peer.npz")
  peer=$(python3 -c "import time; print(f'{time.time() - $start:.3f}')")
  echo "$ours  $peer ($inner)"
done

echo "== surface distances of 80 volumes: seconds without reading, and of the whole process; surface-distance"
mkdir "$work/reference" "$work/prediction"
# Each frame's mask against the other frame's of that patient: both are on one grid.
for patient in "$work"/data/*/patient*; do
  frames=("$patient"/*_gt.nii.gz)
  for i in 0 1; do
    ln -s "${frames[$i]}" "$work/reference/$(basename "$patient")_$i.nii.gz"
    ln -s "${frames[1 - i]}" "$work/prediction/$(basename "$patient")_$i.nii.gz"
  done
done
cargo build --release --locked --quiet --example bench_surface -p vesalius-stages
target/release/examples/bench_surface "$work/reference" "$work/prediction" 4
time "$vesalius" score --reference "$work/reference" --prediction "$work/prediction" --json > "$work/score.json" 2>/dev/null
time "$BENCH_PYTHON" bench/peers/surface.py "$work/reference" "$work/prediction" 4

echo "== reading a pack of 64x64"
"$vesalius" prepare acdc "$work/data" --out "$work/pack64" --size 64x64 2>/dev/null
"$core" pack "$work/pack64"

echo "== sampling 10,000 pairs of 64x64: seconds, peak memory"
"$vesalius" train "$work/pack64" --preset dcgan --kimg 0.1 --out "$work/run" --threads 2 \
  --set training.distance_every_kimg=0 2>/dev/null
python3 - "$vesalius" "$work" <<'PY'
import resource
import subprocess
import sys
import time
program, work = sys.argv[1:]
start = time.time()
subprocess.run([program, "sample", f"{work}/run", "--count", "10000", "--out", f"{work}/fake", "--threads", "2"],
               check=True, stderr=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 << 20)
print(f"{time.time() - start:.1f} s, {peak:.2f} GiB")
start = time.time()
subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)
print(f"== vesalius --help: {time.time() - start:.3f} s")
PY

echo "== Fréchet distance, 10,000 x 2,048 against 10,000 x 2,048: ours, pytorch-fid"
"$core" frechet 10000 10000 2048 2
"$BENCH_PYTHON" bench/peers/frechet.py 10000 10000 2048
echo "== the same from .npy files, seconds of the whole process"
"$BENCH_PYTHON" - "$vesalius" "$work" <<'PY'
import subprocess
import sys
import time
import numpy as np
program, work = sys.argv[1:]
rng = np.random.default_rng(1)
files = [f"{work}/{side}.npy" for side in ("real", "synthetic")]
for file, scale in zip(files, (1.0, 1.1)):
    np.save(file, rng.standard_normal((10_000, 2048), dtype=np.float32) * np.float32(scale))
for _ in range(3):
    start = time.time()
    subprocess.run([program, "distance", "--real", files[0], "--synthetic", files[1]], check=True, stdout=subprocess.DEVNULL)
    print(f"{time.time() - start:.2f}")
PY
echo "== 54 against 10,000"
"$core" frechet 54 10000 2048 2
"$BENCH_PYTHON" bench/peers/frechet.py 54 10000 2048

echo "== maps of features: ours, umap-learn, manifolds-rs"
python3 bench/umap_rounds.py target/release "$BENCH_PYTHON" "$work" 3

echo "== FID, KID and Inception Score of folders, whole processes in turn: ours, torch-fidelity"
python3 bench/fidelity_rounds.py "$vesalius" "$BENCH_PYTHON" "$work" 190 1000 3

echo "== two trainings of a study: one thread each side by side, two threads one after the other"
python3 bench/jobs_rounds.py "$vesalius" "$work/pack64" "$work" 3
