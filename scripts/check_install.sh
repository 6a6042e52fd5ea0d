#!/usr/bin/env bash
# Installs the wheel into empty environments and runs it from elsewhere, without LibTorch and with the PyTorch of an environment.
# Usage: scripts/check_install.sh [WHEEL]   (dist/vesalius-*.whl). PyTorch itself is stood in for: a package torch with the version and
# the libraries of .libtorch (or LIBTORCH), which is all that the program looks at.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
WHEEL=$(readlink -f "${1:-$(echo dist/vesalius-*.whl)}")
OURS=$(readlink -f "${LIBTORCH:-.libtorch}")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
unset LIBTORCH LIBTORCH_USE_PYTORCH LD_LIBRARY_PATH PYTHONPATH VESALIUS_PROGRAM VIRTUAL_ENV
export VESALIUS_CACHE=$WORK/cache PIP_DISABLE_PIP_VERSION_CHECK=1
cd "$WORK"

fail() { echo "error: check_install: $*" >&2; exit 1; }
# Exit code 2 and one line that holds what is expected.
refused() {
  local expected=$1 code=0; shift
  "$@" >/dev/null 2>log || code=$?
  [ "$code" = 2 ] || { cat log >&2; fail "$*: exit code $code, expected 2"; }
  [ "$(grep -c '^error: ' log)" = 1 ] || { cat log >&2; fail "$*: expected one line that says why"; }
  grep -q "$expected" log || { cat log >&2; fail "$*: its line lacks: $expected"; }
}
holds() { grep -q "$1" <<<"$2" || fail "expected \`$1\` in: $2"; }

python3 -m venv env
seconds=$SECONDS
env/bin/pip install --quiet "$WHEEL"
echo "installed in $((SECONDS - seconds)) s: $(du -sh --apparent-size env/bin/vesalius | cut -f1) program"

# Without LibTorch: everything that computes nothing, from another folder than the environment's.
mkdir elsewhere && cd elsewhere
V=../env/bin/vesalius
$V --help >/dev/null
holds "without LibTorch" "$($V doctor)"
$V phantom acdc hearts --patients 4 2>/dev/null
$V prepare acdc hearts --out pack --size 32x32 --crop centre:128x128 2>/dev/null
$V inspect pack >/dev/null
../env/bin/python - <<'PY'
import vesalius
pack = vesalius.Pack("pack")
pack.check()
assert pack.images.shape[1:] == (1, 32, 32) and len(pack.patients()) == 4, pack
assert vesalius.__version__ in vesalius.run("--version", quiet=True).stdout
try:
    vesalius.run("train", "pack", preset="dcgan", kimg=0.02, out="gan", quiet=True)
except vesalius.VesaliusError as error:
    assert "vesalius setup" in str(error), error
else:
    raise SystemExit("error: a training without LibTorch")
PY
tiny=(--threads 1 --set networks.generator.filters=4 --set networks.discriminator.filters=4 --set training.batch=8
  --set training.distance_every_kimg=0)
train=(train pack --preset dcgan --kimg 0.02 --out gan "${tiny[@]}")
refused "LibTorch is missing: .*vesalius setup.*pip install torch==.*LIBTORCH=" $V "${train[@]}"
[ ! -e gan ] || fail "gan: something was written"

# With an environment's PyTorch: of another version, then of the right one.
torch=$(echo ../env/lib/python3.*/site-packages)/torch
mkdir "$torch" && ln -s "$OURS/lib" "$torch/lib"
echo "__version__ = '1.0.0'" > "$torch/version.py"
refused "PyTorch 1.0.0 in .* is another version" $V "${train[@]}"
echo "__version__ = '$(cat "$OURS/build-version")+cpu'" > "$torch/version.py"
holds "PyTorch of this environment" "$($V doctor)"
$V "${train[@]}" 2>log || { cat log >&2; fail "train"; }
grep -q "^LibTorch: PyTorch of this environment" log || fail "which LibTorch was taken is not said"
$V sample gan --count 24 --out made --threads 1 2>/dev/null
$V segment --train pack --train made --test pack --preset small --filters 2 --depth 2 --steps 2 --threads 1 --out runs/unet >/dev/null 2>&1
$V report runs --out report >/dev/null 2>&1
holds "mixed dice" "$(../env/bin/python -c 'import vesalius; print("mixed", vesalius.results("runs")[0]["metric"])')"

# What `vesalius setup` fetches, as if it had been: the download itself is scripts/libtorch.sh's, which set this machine up.
rm -r "$torch"
mkdir -p "$VESALIUS_CACHE" && ln -s "$OURS" "$VESALIUS_CACHE/libtorch-$(cat "$OURS/build-version")"
holds "fetched by .vesalius setup" "$($V doctor)"
$V setup 2>&1 | grep -q "LibTorch is there" || fail "setup fetches what is there"
echo "check_install: fine"
