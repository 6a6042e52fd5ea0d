"""A folder with phantoms, prepared by the program that VESALIUS_PROGRAM names."""

import os
from pathlib import Path

import pytest

import vesalius


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    os.environ["VESALIUS_CACHE"] = str(folder / "cache")
    vesalius.run("phantom", "acdc", folder / "hearts", patients=4, seed=3, quiet=True)
    prepare = {"size": "32x32", "crop": "centre:128x128", "quiet": True}
    vesalius.run("prepare", "acdc", folder / "hearts", out=folder / "pack", **prepare)
    vesalius.run("prepare", "acdc", folder / "hearts", out=folder / "folded", folds=2, name="hearts", **prepare)
    volumes = {"volume": "8x32x32", "spacing": "10x4x4", "quiet": True}
    vesalius.run("prepare", "acdc", folder / "hearts", out=folder / "volumes", **volumes)
    vesalius.run("phantom", "idrid", folder / "eyes", patients=4, quiet=True)
    vesalius.run(
        "prepare", "idrid", folder / "eyes", out=folder / "colour", size="32x32", crop="foreground", depth="u16", quiet=True
    )
    return folder
