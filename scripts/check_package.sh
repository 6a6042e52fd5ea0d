#!/usr/bin/env bash
# The Python package (python/) with the program: packs, results, commands, errors, and the notebook of the docs. PyTorch's part is tested where it is installed.
# Usage: scripts/check_package.sh; from the environment: VESALIUS (target/debug/vesalius), PYTHON (target/checks-venv/bin/python, of
# scripts/check_with_peers.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export VESALIUS_PROGRAM=${VESALIUS:-$PWD/target/debug/vesalius} PYTHONPATH=$PWD/python PYTHONDONTWRITEBYTECODE=1
PYTHON=${PYTHON:-$PWD/target/checks-venv/bin/python}
[ -x "$PYTHON" ] || { echo "error: $PYTHON: not there, expected a Python with scripts/requirements-checks.txt" >&2; exit 1; }
"$PYTHON" -m pytest -q -p no:cacheprovider python/tests
"$PYTHON" scripts/run_notebook.py "$PWD/docs/first_study.ipynb"
if ! "$PYTHON" -c "import torch" 2>/dev/null; then
  echo "SKIPPED (torch): Pack.torch() needs PyTorch" >&2
  [ -z "${VESALIUS_SKIPPED:-}" ] || echo "torch: check_package.sh: Pack.torch() needs PyTorch, which is not installed" >> "$VESALIUS_SKIPPED"
fi
