"""Another generator's arrays as a pack."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Optional, Sequence, Union

import numpy as np

from vesalius.pack import Pack
from vesalius.program import run

PathLike = Union[str, "os.PathLike[str]"]


def write_pack(
    images: np.ndarray,
    masks: np.ndarray,
    *,
    like: Union[Pack, PathLike],
    name: str,
    out: PathLike,
    value_range: Optional[tuple[float, float]] = None,
    resize: bool = False,
    trained_on: Union[Pack, PathLike, None] = None,
    patients: Optional[Sequence[str]] = None,
) -> Pack:
    """Writes what a foreign generator made as a pack that every command takes; gives it.

    Parameters
    ----------
    images:
        ``[N, H, W]``, ``[N, C, H, W]`` or ``[N, H, W, C]``: uint8 or uint16 in the grey values of ``like``, or other
        numbers with ``value_range``. Like a pack of volumes with D in front of H.
    masks:
        ``[N, H, W]``, of volumes ``[N, D, H, W]``, label values of ``like``.
    like:
        The real pack whose shape, classes and window the images have.
    name:
        The generator, for tables.
    out:
        Folder of the pack; must not exist yet.
    value_range:
        Values that are black and white: ``(-1, 1)``.
    resize:
        Resample images of another size.
    trained_on, patients:
        On whom the generator was trained: a pack's training patients, or these of ``like``. Without it, what asks who was
        seen refuses.

    It is ``vesalius import`` that writes: its errors are this function's.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "pairs.npz"
        np.savez(archive, images=np.asarray(images), masks=np.asarray(masks))
        run(
            "import",
            archive,
            quiet=True,
            like=_path(like),
            name=name,
            range=None if value_range is None else f"{value_range[0]},{value_range[1]}",
            resize=resize,
            trained_on=None if trained_on is None else _path(trained_on),
            patients=None if patients is None else ",".join(patients),
            out=out,
        )
    return Pack(out)


def _path(pack: Union[Pack, PathLike]) -> Path:
    if isinstance(pack, Pack):
        return pack.path if pack.fold is None else pack.path / f"fold-{pack.fold}"
    return Path(pack)
