"""The files of a pack: ``manifest.json`` with its seal, the header and checksums of ``slices.bin``.

Format 1, as ``crates/vesalius-data/src/pack/mod.rs`` describes it.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from vesalius.errors import VesaliusError

MAGIC = b"VSALPACK"
VERSION = 1
# Of packs of volumes.
VOLUMES = 2
HEADER_BYTES = 64
_SEAL = re.compile(rb'"seal"\s*:\s*"([^"]*)')


class Header(NamedTuple):
    """What the first 64 bytes say."""

    bytes_per_pixel: int
    channels: int
    planes: int
    height: int
    width: int
    count: int

    @property
    def pixel_bytes(self) -> int:
        """Of one slice or volume."""
        return self.channels * self.planes * self.height * self.width * self.bytes_per_pixel

    @property
    def record_bytes(self) -> int:
        """Pixels and labels of one slice or volume."""
        return self.pixel_bytes + self.planes * self.height * self.width


def read_header(path: Path, start: bytes) -> Header:
    """Raises :class:`VesaliusError` for what is no pack, is damaged or of another version."""
    if len(start) < HEADER_BYTES:
        raise VesaliusError(f"{path}: {len(start)} bytes, expected a {HEADER_BYTES}-byte header")
    if start[:8] != MAGIC:
        raise VesaliusError(f"{path}: does not start with VSALPACK: not a pack")
    version, pixel, channels, height, width, planes = struct.unpack_from("<6I", start, 8)
    (count,) = struct.unpack_from("<Q", start, 32)
    (checksum,) = struct.unpack_from("<I", start, 60)
    if version not in (VERSION, VOLUMES):
        raise VesaliusError(f"{path}: pack version {version}, expected {VERSION} or {VOLUMES}")
    if checksum != zlib.crc32(start[:60]):
        raise VesaliusError(f"{path}: header checksum does not match: the file was damaged")
    if pixel not in (1, 2):
        raise VesaliusError(f"{path}: {pixel} bytes per pixel, expected 1 or 2")
    return Header(pixel, channels, planes if version == VOLUMES else 1, height, width, count)


def read_checksums(path: Path, header: Header, tail: bytes) -> tuple[int, ...]:
    """CRC-32 of each slice, from the table at the end of the file."""
    table, own = tail[:-4], tail[-4:]
    if len(tail) != 4 * header.count + 4 or struct.unpack("<I", own)[0] != zlib.crc32(table):
        raise VesaliusError(f"{path}: checksum table does not match: the file was damaged")
    return struct.unpack(f"<{header.count}I", table)


def read_manifest(path: Path) -> tuple[dict[str, Any], str]:
    """The manifest and its digest, by which results know the pack."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise VesaliusError(
            f"{path}: cannot be read ({error.strerror}); expected a pack written by `vesalius prepare` or `sample`"
        ) from None
    return sealed_json(path, text), hashlib.sha256(text).hexdigest()


def sealed_json(path: Path, text: bytes) -> dict[str, Any]:
    """JSON whose last field ``seal`` is the SHA-256 of the text with zeros in its place; older files have none."""
    found = list(_SEAL.finditer(text))
    if found:
        seal = found[-1].span(1)
        zeroed = text[: seal[0]] + b"0" * 64 + text[seal[0] + 64 :]
        if hashlib.sha256(zeroed).hexdigest().encode() != found[-1].group(1):
            raise VesaliusError(f"{path}: changed since it was written, expected what its seal says")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise VesaliusError(f"{path}: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise VesaliusError(f"{path}: not a JSON object")
    return value
