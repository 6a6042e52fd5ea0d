#!/usr/bin/env python3
"""Check a wheel: its size, its licences, and that the program and its door ask for no younger library than the tag says.

check_wheel.py WHEEL DOOR

DOOR is libvesalius_tch.so, which the program carries in itself. The rules are auditwheel's own.
"""
import json
import re
import sys
import tempfile
import zipfile
from importlib import resources
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

TAG = "manylinux_2_28_x86_64"
MOST_MIB = 30
# Of the program in it.
MOST_BYTES = 30_000_000


def policy():
    """Versions of symbols that a machine of the tag has, by their prefix, and libraries that need not be in the wheel."""
    text = resources.files("auditwheel.policy").joinpath("manylinux-policy.json").read_text(encoding="utf-8")
    (found,) = (entry for entry in json.loads(text) if entry["name"] == "manylinux_2_28")
    # The loader is of the C library; auditwheel, too, does not list it.
    return found["symbol_versions"]["x86_64"], {*found["lib_whitelist"], "ld-linux-x86-64.so.2"}


def needed(path):
    """Libraries, and versions of their symbols."""
    with open(path, "rb") as file:
        elf = ELFFile(file)
        dynamic = elf.get_section_by_name(".dynamic")
        libraries = [tag.needed for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"]
        versions = [
            auxiliary.name
            for section in elf.iter_sections()
            if isinstance(section, GNUVerNeedSection)
            for _, auxiliaries in section.iter_versions()
            for auxiliary in auxiliaries
        ]
    return libraries, versions


def check(path, what, allowed, libraries, ours=()):
    found, versions = needed(path)
    for library in found:
        if library not in libraries and not library.startswith(ours):
            sys.exit(f"error: {what}: needs {library}, which {TAG} does not promise")
    for version in versions:
        name, _, number = version.partition("_")
        if name in allowed and number not in allowed[name]:
            sys.exit(f"error: {what}: needs {version}, which {TAG} does not have")
    newest = {}
    for version in versions:
        name, _, number = version.partition("_")
        newest[name] = max(newest.get(name, []), [int(part) for part in re.findall(r"\d+", number)])
    said = ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in sorted(newest.items()))
    print(f"{what}: at most {said}")


def main():
    if len(sys.argv) != 3:
        sys.exit("error: check_wheel.py: expected WHEEL DOOR")
    wheel, door = Path(sys.argv[1]), Path(sys.argv[2])
    if not wheel.name.endswith(f"-py3-none-{TAG}.whl"):
        sys.exit(f"error: {wheel.name}: expected the tag py3-none-{TAG}")
    mib = wheel.stat().st_size / (1 << 20)
    if mib > MOST_MIB:
        sys.exit(f"error: {wheel.name}: {mib:.1f} MiB, expected at most {MOST_MIB}")
    allowed, libraries = policy()
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        names = archive.namelist()
        (program,) = (name for name in names if name.endswith("scripts/vesalius"))
        for part in ("vesalius/__init__.py", "vesalius/py.typed", "LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.txt",
                     "share/man/man1/vesalius-train.1", "share/bash-completion/completions/vesalius"):
            if not any(name.endswith(part) for name in names):
                sys.exit(f"error: {wheel.name}: no {part}")
        tests = [name for name in names if "tests/" in name]
        if tests:
            sys.exit(f"error: {wheel.name}: holds {tests[0]}")
        size = archive.getinfo(program).file_size
        if size > MOST_BYTES:
            sys.exit(f"error: {program}: {size / 1e6:.1f} MB, expected at most {MOST_BYTES / 1e6:.0f}")
        check(archive.extract(program, folder), "program", allowed, libraries)
    # LibTorch's own are loaded before it.
    check(door, "door", allowed, libraries, ours=("libtorch", "libc10", "libgomp"))
    print(f"{wheel.name}: {mib:.1f} MiB, {len(names)} files, a program of {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
