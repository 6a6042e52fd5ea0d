#!/usr/bin/env bash
# Puts LibTorch 2.13.0 into .libtorch/ from the wheels of the Python package index: pinned, verified, resumable.
# Does nothing when it is there already, or when the user brings one (LIBTORCH, LIBTORCH_USE_PYTORCH=1).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=2.13.0
TARGET=.libtorch
WHEELS=.libtorch-wheels

if [ -n "${LIBTORCH_USE_PYTORCH:-}" ]; then
  echo "libtorch: using the PyTorch of python3 (LIBTORCH_USE_PYTORCH is set)" >&2
  exit 0
fi
if [ -n "${LIBTORCH:-}" ]; then
  echo "libtorch: using $LIBTORCH (LIBTORCH is set)" >&2
  exit 0
fi
if [ "$(cat $TARGET/build-version 2>/dev/null)" = "$VERSION" ]; then
  exit 0
fi
command -v python3 >/dev/null || { echo "error: python3 is missing; expected 3.9 or later with pip" >&2; exit 1; }

# project, file, SHA-256. The CUDA runtime is in the list because PyTorch's Linux wheels link it even on a CPU.
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64)
    PINS="
torch torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl 60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7
nvidia-cuda-runtime nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl 7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cupti nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl 4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8" ;;
  Linux-aarch64)
    PINS="
torch torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl 092790c696a760c729fd5722835f50b9d81fd7c8f141571f3f3cf4081a8f664c
nvidia-cuda-runtime nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55
nvidia-cuda-cupti nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_aarch64.whl 796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151" ;;
  Darwin-arm64)
    PINS="
torch torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl e76f9bcecc52b8ff711239a2f7547d5353df95878ab232f0773c1d95928b92f8" ;;
  *)
    echo "error: no LibTorch wheel for $(uname -s) on $(uname -m); expected Linux x86_64 or aarch64, or macOS arm64." \
         "Set LIBTORCH to a LibTorch $VERSION of your own" >&2
    exit 1 ;;
esac

free_kib=$(df -Pk . | awk 'NR == 2 {print $4}')
if [ "$free_kib" -lt 2500000 ]; then
  echo "error: $(pwd): $((free_kib / 1024)) MiB free, expected at least 2500 for LibTorch" >&2
  exit 1
fi

while read -r project file sha256; do
  [ -n "$project" ] && python3 scripts/fetch_package.py "$project" "$file" "$sha256" "$WHEELS"
done <<<"$PINS"

echo "unpacking LibTorch $VERSION" >&2
staging=$TARGET.tmp
rm -rf "$staging"
python3 - "$WHEELS" "$staging" <<'PY'
import os
import sys
import zipfile

wheels, staging = sys.argv[1:]
# Parts of the wheels that a CPU build neither links nor includes.
UNUSED = ("cuda", "nvshmem", "nvrtc", "libtorch_python", "libshm", "global_deps")


def wanted(name):
    """Where a member goes below .libtorch, or None."""
    if name.endswith("/"):
        return None
    if name.startswith("torch/include/"):
        return name[len("torch/"):]
    base = os.path.basename(name)
    if base in ("libcudart.so.13", "libcupti.so.13"):
        return "lib/" + base
    if os.path.dirname(name) == "torch/lib" and not any(part in base for part in UNUSED):
        return "lib/" + base
    return None


for wheel in sorted(os.listdir(wheels)):
    if not wheel.endswith(".whl"):
        continue
    with zipfile.ZipFile(os.path.join(wheels, wheel)) as archive:
        for name in archive.namelist():
            place = wanted(name)
            if place:
                path = os.path.join(staging, place)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(name) as source, open(path, "wb") as target:
                    while chunk := source.read(1 << 20):
                        target.write(chunk)
PY
echo "$VERSION" >"$staging/build-version"
rm -rf "$TARGET"
mv "$staging" "$TARGET"
rm -rf "$WHEELS"
echo "libtorch: $VERSION is in $(pwd)/$TARGET" >&2
