#!/usr/bin/env python3
"""Put LibTorch 2.13.0 into a folder, from the wheels of the package index that pip is set up to use: pinned, verified, resumable.

libtorch.py TARGET [--no-headers]

Needs fetch_package.py beside it. TARGET appears whole or not at all. Exit 1 with one line where it cannot be had.
"""
import os
import platform
import shutil
import subprocess
import sys
import zipfile

VERSION = "2.13.0"
# MiB that downloads and what is unpacked of them take together.
ROOM = 2500

# Project, file, SHA-256. The CUDA runtime is among them because PyTorch's Linux wheels link it even on a CPU.
PINS = {
    "Linux-x86_64": [
        ("torch", "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl",
         "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7"),
        ("nvidia-cuda-runtime", "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
         "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
        ("nvidia-cuda-cupti", "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
         "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
    ],
    "Linux-aarch64": [
        ("torch", "torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl",
         "092790c696a760c729fd5722835f50b9d81fd7c8f141571f3f3cf4081a8f664c"),
        ("nvidia-cuda-runtime", "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
         "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55"),
        ("nvidia-cuda-cupti", "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_aarch64.whl",
         "796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151"),
    ],
    "Darwin-arm64": [
        ("torch", "torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl",
         "e76f9bcecc52b8ff711239a2f7547d5353df95878ab232f0773c1d95928b92f8"),
    ],
}
# Parts of the wheels that a CPU build neither links nor includes.
UNUSED = ("cuda", "nvshmem", "nvrtc", "libtorch_python", "libshm", "global_deps")


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def place(name, headers):
    """Where a member of a wheel goes below the target, or None."""
    if name.endswith("/"):
        return None
    if name.startswith("torch/include/"):
        return name[len("torch/"):] if headers else None
    base = os.path.basename(name)
    if base in ("libcudart.so.13", "libcupti.so.13"):
        return "lib/" + base
    if os.path.dirname(name) == "torch/lib" and not any(part in base for part in UNUSED):
        return "lib/" + base
    return None


def unpack(wheel, staging, headers):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            target = place(name, headers)
            if target:
                path = os.path.join(staging, target)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(name) as source, open(path, "wb") as written:
                    shutil.copyfileobj(source, written, 1 << 20)


def main():
    # The target stands last where the program calls this.
    arguments = [argument for argument in sys.argv[1:] if argument != "--no-headers"]
    if len(arguments) != 1:
        fail("libtorch.py: expected TARGET [--no-headers]")
    target, headers = arguments[0].rstrip("/"), "--no-headers" not in sys.argv
    machine = f"{platform.system()}-{platform.machine()}"
    if machine not in PINS:
        fail(f"no LibTorch wheel for {machine}; expected one of {', '.join(PINS)}. Set LIBTORCH to a LibTorch {VERSION} of your own")
    above = os.path.dirname(os.path.abspath(target))
    os.makedirs(above, exist_ok=True)
    free = shutil.disk_usage(above).free >> 20
    if free < ROOM:
        fail(f"{above}: {free} MiB free, expected at least {ROOM} for LibTorch")
    wheels, staging = target + "-wheels", target + ".tmp"
    fetcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fetch_package.py")
    for project, file, sha256 in PINS[machine]:
        if subprocess.run([sys.executable, fetcher, project, file, sha256, wheels], check=False).returncode:
            sys.exit(1)  # it said why
    print(f"unpacking LibTorch {VERSION}", file=sys.stderr)
    shutil.rmtree(staging, ignore_errors=True)
    for _, file, _ in PINS[machine]:
        unpack(os.path.join(wheels, file), staging, headers)
    with open(os.path.join(staging, "build-version"), "w", encoding="ascii") as version:
        version.write(VERSION + "\n")
    shutil.rmtree(target, ignore_errors=True)
    os.rename(staging, target)
    shutil.rmtree(wheels)
    print(f"libtorch: {VERSION} is in {target}", file=sys.stderr)


if __name__ == "__main__":
    main()
