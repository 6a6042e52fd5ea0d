"""The program: found, run, its errors raised."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple, Union

from vesalius.errors import Interrupted, VesaliusError

# Exit codes of the program.
_DIVERGED, _INTERRUPTED = 1, (75, 130)
_ERROR = "error: "

Argument = Union[str, int, float, "os.PathLike[str]"]


class Finished(NamedTuple):
    """What a command printed, and how it ended."""

    #: The command line.
    command: list[str]
    #: What it printed as its result.
    stdout: str
    #: Whether a training broke down: an outcome, of which its result says more.
    diverged: bool

    def json(self) -> Any:
        """The result of a command that was given ``json=True``."""
        return json.loads(self.stdout)


def program() -> Path:
    """The program that belongs to this package.

    ``VESALIUS_PROGRAM`` names another one. Else it is that of this environment, or the first on ``PATH``.
    """
    named = os.environ.get("VESALIUS_PROGRAM")
    if named:
        path = Path(named)
        if not path.is_file():
            raise VesaliusError(f"VESALIUS_PROGRAM={named}: no such file, expected the program")
        return path
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        path = Path(folder) / "vesalius"
        if path.is_file():
            return path
    found = shutil.which("vesalius")
    if found is None:
        raise VesaliusError("vesalius: no such program in this environment or on PATH; expected what `pip install` put there")
    return Path(found)


def arguments(command: str, positional: tuple[Argument, ...], options: dict[str, Any]) -> list[str]:
    """Arguments of the program: ``set=[…]`` repeats an option, ``True`` is a flag, ``test_patients`` is
    ``--test-patients``; what is ``None`` or ``False`` is left out."""
    line = [*command.split(), *(str(part) for part in positional)]
    for name, value in options.items():
        option = f"--{name.rstrip('_').replace('_', '-')}"
        if value is None or value is False:
            continue
        if value is True:
            line.append(option)
        elif isinstance(value, dict):
            line.extend(part for key, inner in value.items() for part in (option, f"{key}={_text(inner)}"))
        elif isinstance(value, (list, tuple)):
            line.extend(part for inner in value for part in (option, str(inner)))
        else:
            line.extend((option, str(value)))
    return line


def _text(value: Any) -> str:
    """A setting's value as the program reads it."""
    return json.dumps(value) if isinstance(value, (bool, list)) else str(value)


def run(command: str, *positional: Argument, quiet: bool = False, **options: Any) -> Finished:
    """Runs ``vesalius COMMAND …``.

        vesalius.run("train", "packs/acdc", preset="wgan-gp", kimg=200, out="runs/wgan-gp",
                     set={"training.batch": 16})
        vesalius.run("segment", train=["packs/acdc", "packs/wgan-gp"], test="packs/acdc", out="runs/both")
        vesalius.run("study run", "study.toml", jobs=2)

    What it says of its progress goes to standard error, in a notebook below the cell; ``quiet=True`` keeps it back.

    Raises
    ------
    VesaliusError
        With the line in which the program says what is wrong.
    Interrupted
        It was stopped (in a notebook: the square) and kept what it had.
    """
    line = [str(program()), *arguments(command, positional, options)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    said = _Said(quiet)
    stopped = False
    while True:
        try:
            out = said.follow(process)
            break
        except KeyboardInterrupt:
            # It writes a checkpoint and ends; a second time it is not asked.
            process.send_signal(signal.SIGKILL if stopped else signal.SIGINT)
            stopped = True
    code = process.wait()
    if stopped or code in _INTERRUPTED:
        raise Interrupted(f"vesalius {command}: stopped; the same command goes on")
    if code not in (0, _DIVERGED):
        raise VesaliusError(said.error or f"vesalius {command}: ended with code {code}")
    return Finished(line, out.decode(errors="replace"), code == _DIVERGED)


class _Said:
    """Standard error of a command: passed on, and its error line kept."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.error = ""
        self._out = b""

    def follow(self, process: "subprocess.Popen[bytes]") -> bytes:
        """Everything on standard output once the command has ended."""
        import threading

        assert process.stdout is not None and process.stderr is not None

        def collect() -> None:
            assert process.stdout is not None
            for block in iter(lambda: process.stdout.read1(1 << 16), b""):  # type: ignore[union-attr]
                self._out += block

        collector = threading.Thread(target=collect, daemon=True)
        collector.start()
        for raw in process.stderr:
            text = raw.decode(errors="replace")
            if text.startswith(_ERROR):
                self.error = text[len(_ERROR) :].strip()
            if not self.quiet:
                sys.stderr.write(text)
                sys.stderr.flush()
        collector.join()
        return self._out
