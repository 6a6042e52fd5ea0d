#!/usr/bin/env python3
"""Adds man pages and completions to a wheel, written by the program in it: `pip install` puts them under share/.

add_manual.py WHEEL
"""
import subprocess
import sys
import tempfile
from pathlib import Path

COMPLETIONS = {
    "bash": "bash-completion/completions/vesalius",
    "zsh": "zsh/site-functions/_vesalius",
    "fish": "fish/vendor_completions.d/vesalius.fish",
}


def main():
    if len(sys.argv) != 2:
        sys.exit("error: add_manual.py: expected WHEEL")
    wheel = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        run = lambda *words: subprocess.run([sys.executable, "-m", "wheel", *words], check=True, stdout=subprocess.DEVNULL)
        run("unpack", str(wheel), "--dest", folder)
        (unpacked,) = Path(folder).iterdir()
        (data,) = unpacked.glob("*.data")
        program = data / "scripts" / "vesalius"
        program.chmod(0o755)
        share = data / "data" / "share"
        subprocess.run([program, "manual", share / "man" / "man1"], check=True, stdout=subprocess.DEVNULL)
        for shell, place in COMPLETIONS.items():
            script = subprocess.run([program, "completions", shell], check=True, stdout=subprocess.PIPE).stdout
            (share / place).parent.mkdir(parents=True)
            (share / place).write_bytes(script)
        wheel.unlink()
        run("pack", str(unpacked), "--dest-dir", str(wheel.parent))
    if not wheel.is_file():
        sys.exit(f"error: {wheel}: packed under another name")


if __name__ == "__main__":
    main()
