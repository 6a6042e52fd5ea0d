#!/usr/bin/env bash
# Makes an environment of the pinned reference packages and writes the golden numbers again.
# Usage: golden/generate.sh DiffAugment_pytorch.py
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
[ $# -eq 1 ] || { echo "usage: golden/generate.sh DiffAugment_pytorch.py (see generate.py)" >&2; exit 2; }
[ -d .venv ] || python3 -m venv .venv
.venv/bin/pip install --quiet -r requirements.txt
.venv/bin/python generate.py --diffaugment "$1"
