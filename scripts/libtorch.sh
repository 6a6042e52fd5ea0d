#!/usr/bin/env bash
# Puts LibTorch into .libtorch/ from the wheels of the Python package index (libtorch.py): pinned, verified, resumable.
# Does nothing when it is there already, or when the user brings one (LIBTORCH, LIBTORCH_USE_PYTORCH=1).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -n "${LIBTORCH_USE_PYTORCH:-}" ]; then
  echo "libtorch: using the PyTorch of python3 (LIBTORCH_USE_PYTORCH is set)" >&2
  exit 0
fi
if [ -n "${LIBTORCH:-}" ]; then
  echo "libtorch: using $LIBTORCH (LIBTORCH is set)" >&2
  exit 0
fi
VERSION=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' scripts/libtorch.py)
if [ "$(cat .libtorch/build-version 2>/dev/null)" = "$VERSION" ]; then
  exit 0
fi
command -v python3 >/dev/null || { echo "error: python3 is missing; expected 3.9 or later with pip" >&2; exit 1; }
python3 scripts/libtorch.py "$PWD/.libtorch"
