#!/usr/bin/env bash
# Builds dist/vesalius-*.whl: the stripped program for Linux x86_64 with glibc 2.28 or later, python/vesalius, all licences; and checks
# it (check_wheel.py). Tools go into target/wheel-venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
TRIPLE=x86_64-unknown-linux-gnu
TOOLS=$PWD/target/wheel-tools VENV=$PWD/target/wheel-venv
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || { echo "error: wheels are built on Linux x86_64, this is $(uname -s) on $(uname -m)" >&2; exit 1; }

[ -x "$VENV/bin/pip" ] || python3 -m venv --clear "$VENV"
"$VENV/bin/pip" install --quiet --disable-pip-version-check -r scripts/requirements-wheel.txt
export PATH=$VENV/bin:$PATH

# Rust and C link against the C library of 2018 (Zig has every version's symbols). LibTorch's door is C++ and of this machine's compiler,
# whose C++ library LibTorch shares; check_wheel.py looks at what it asks for. The program itself links neither C++ nor OpenMP, whatever
# the build scripts of its crates ask for.
mkdir -p "$TOOLS"
cat > "$TOOLS/cc" <<'SH'
#!/bin/sh
for argument do
  shift
  case $argument in -lgomp | -l:libgomp* | -lstdc++) ;; *) set -- "$@" "$argument" ;; esac
done
exec cargo-zigbuild zig cc -- -target x86_64-linux-gnu.2.28 "$@"
SH
chmod +x "$TOOLS/cc"
export CC_x86_64_unknown_linux_gnu=$TOOLS/cc CXX_x86_64_unknown_linux_gnu=${CXX:-g++}
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=$TOOLS/cc
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/wheel} VESALIUS_WHEEL=1

python3 scripts/licences.py target/licences/THIRD-PARTY.txt
rm -rf dist
"$VENV/bin/maturin" build --profile wheel --target $TRIPLE --compatibility manylinux_2_28 --out dist
"$VENV/bin/python" scripts/add_manual.py dist/*.whl
door=$(find "$CARGO_TARGET_DIR/$TRIPLE/wheel/build" -name libvesalius_tch.so -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
"$VENV/bin/python" scripts/check_wheel.py dist/*.whl "$door"
