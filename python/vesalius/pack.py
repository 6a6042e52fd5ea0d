"""A pack: equally shaped slices or volumes with label maps, memory-mapped."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import numpy as np

from vesalius import _format
from vesalius.errors import VesaliusError

if TYPE_CHECKING:
    import torch.utils.data

_SIDES = ("train", "validate", "test")


class Pack:
    """A pack of the program, real or synthetic.

    Parameters
    ----------
    path:
        Folder of the pack.
    fold:
        Of a pack with folds (``prepare --folds``) the one whose patients test, from 0.

    Attributes
    ----------
    images:
        ``[N, C, H, W]``, of volumes ``[N, C, D, H, W]``, uint8 (0 to 255) or uint16 (0 to 65535), a view of the file;
        read-only.
    masks:
        ``[N, H, W]``, of volumes ``[N, D, H, W]``, uint8, label values that index :attr:`classes`; a view of the file,
        read-only.
    manifest:
        The content of ``manifest.json``.
    digest:
        SHA-256 by which results know the pack, or its fold.

    The file's layout is checked when it is opened, a slice's checksum by ``pack[i]`` and all of them by :meth:`check`;
    :attr:`images` and :attr:`masks` are as they lie there.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"], fold: Optional[int] = None) -> None:
        self.path = Path(path)
        self.manifest, self.digest = _format.read_manifest(self.path / "manifest.json")
        self._open()
        self.folds = 1 + max((case["fold"] for case in self.manifest["cases"] if "fold" in case), default=-1)
        self.fold = fold
        if fold is None and self.folds:
            raise VesaliusError(f"{self.path}: {self.folds} folds, expected one of them: fold=0 to {self.folds - 1}")
        if fold is not None:
            if not self.folds:
                raise VesaliusError(f"{self.path}: no folds, expected a pack of `vesalius prepare --folds`")
            if not 0 <= fold < self.folds:
                raise VesaliusError(f"{self.path}: fold {fold}, expected 0 to {self.folds - 1}")
            self.digest = hashlib.sha256(f"{self.digest}/fold/{fold}".encode()).hexdigest()

    def _open(self) -> None:
        data = self.path / "slices.bin"
        try:
            mapped = np.memmap(data, mode="r")
        except (OSError, ValueError) as error:
            raise VesaliusError(f"{data}: cannot be read ({error}); expected a pack") from None
        header = _format.read_header(data, mapped[: _format.HEADER_BYTES].tobytes())
        start, end = _format.HEADER_BYTES, _format.HEADER_BYTES + header.count * header.record_bytes
        if len(mapped) != end + 4 * header.count + 4:
            raise VesaliusError(
                f"{data}: {len(mapped)} bytes, expected {end + 4 * header.count + 4} for {header.count} slices"
            )
        if len(self.manifest["slices"]) != header.count:
            raise VesaliusError(
                f"{self.path}/manifest.json: {len(self.manifest['slices'])} slices, but slices.bin has {header.count}"
            )
        self._checksums = _format.read_checksums(data, header, mapped[end:].tobytes())
        self._records = mapped[start:end].reshape(header.count, header.record_bytes)
        pixels = self._records[:, : header.pixel_bytes]
        kind = np.dtype("<u2" if header.bytes_per_pixel == 2 else "u1")
        # Planes of a volume lie one behind the other, each with all its channels.
        shape = (header.count, header.planes, header.channels, header.height, header.width)
        strides = (self._records.strides[0], *_inner(shape[1:], kind.itemsize))
        images = np.ndarray(shape, kind, pixels.base, _offset(mapped, pixels), strides)
        self.images: np.ndarray = images[:, 0] if header.planes == 1 else images.transpose(0, 2, 1, 3, 4)
        labels = self._records[:, header.pixel_bytes :]
        planes = (header.count, header.planes, header.height, header.width)
        strides = (self._records.strides[0], *_inner(planes[1:], 1))
        masks = np.ndarray(planes, np.uint8, labels.base, _offset(mapped, labels), strides)
        self.masks: np.ndarray = masks[:, 0] if header.planes == 1 else masks
        self.images.flags.writeable = self.masks.flags.writeable = False

    def __len__(self) -> int:
        return len(self._checksums)

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Image ``[C, H, W]`` and mask ``[H, W]`` of slice ``i`` (a volume has planes behind C), its checksum verified."""
        if zlib.crc32(self._records[i]) != self._checksums[i]:
            raise VesaliusError(f"{self.path}/slices.bin: slice {i}: checksum does not match: the file was damaged")
        return self.images[i], self.masks[i]

    def __repr__(self) -> str:
        channels, *size = self.images.shape[1:]
        what = "volumes" if len(size) == 3 else "slices"
        fold = "" if self.fold is None else f", fold {self.fold} of {self.folds}"
        return f"<Pack {self.path}: {len(self)} {what} of {'x'.join(map(str, (channels, *size)))}, {self.dataset}{fold}>"

    def check(self) -> None:
        """Verifies every slice, its labels too; raises :class:`VesaliusError` at the first that is damaged."""
        for i in range(len(self)):
            _, mask = self[i]
            if mask.max() >= len(self.classes):
                raise VesaliusError(
                    f"{self.path}/slices.bin: slice {i}: label {mask.max()}, expected one of {len(self.classes)} classes"
                )

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.manifest["dataset"]

    @property
    def classes(self) -> list[str]:
        """Names of the label values 0, 1, …; the first is the background."""
        return self.manifest["classes"]

    @property
    def is_synthetic(self) -> bool:
        """Whether a generator made it."""
        return self.manifest["provenance"]["kind"] == "synthetic"

    def case(self, i: int) -> dict[str, Any]:
        """The examination that slice ``i`` belongs to: ``id``, ``patient``, ``spacing_mm`` where it is known, …"""
        return self.manifest["cases"][self.manifest["slices"][i]["case"]]

    def side(self, i: int) -> str:
        """``train``, ``validate`` or ``test``: what the patient of slice ``i`` does, in the fold if there is one."""
        case = self.case(i)
        if self.fold is None:
            return case["split"]
        if case["fold"] == self.fold:
            return "test"
        return "validate" if self.fold in case.get("validates_in", ()) else "train"

    def indices(self, side: str) -> np.ndarray:
        """Slices of one side of the split, ascending."""
        if side not in _SIDES:
            raise VesaliusError(f"side {side!r}, expected one of {', '.join(_SIDES)}")
        return np.array([i for i in range(len(self)) if self.side(i) == side], dtype=np.intp)

    def patients(self, side: Optional[str] = None) -> list[str]:
        """Names of the patients of one side, or of all, sorted."""
        indices = range(len(self)) if side is None else self.indices(side)
        return sorted({self.case(int(i))["patient"] for i in indices})

    def torch(
        self,
        side: Optional[str] = None,
        transform: Optional[Callable[[dict[str, Any]], Any]] = None,
    ) -> "torch.utils.data.Dataset[Any]":
        """A map-style dataset of one side, or of all slices.

        Each item is a dictionary as MONAI's transforms take them: ``image``, float32 ``[C, H, W]`` from 0 to 1;
        ``label``, int64 ``[1, H, W]``; ``patient``; ``case``; ``slice``, the index in this pack. ``transform`` is applied
        to it.
        """
        from vesalius._torch import SliceDataset

        return SliceDataset(self, side, transform)


def _inner(shape: tuple[int, ...], item: int) -> tuple[int, ...]:
    """Strides of a contiguous array."""
    strides = [item]
    for side in reversed(shape[1:]):
        strides.insert(0, strides[0] * side)
    return tuple(strides)


def _offset(mapped: np.ndarray, part: np.ndarray) -> int:
    """Bytes of a part of the map from the beginning of the buffer that both stand in."""
    buffer = part.base if part.base is not None else mapped
    return part.__array_interface__["data"][0] - np.asarray(buffer).__array_interface__["data"][0]
