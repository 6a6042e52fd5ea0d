"""Pictures of 3x5 pixels in each of the eight orientations, and what PIL shows of them; and JPEGs cut at every byte.

Writes orientation.json: for JPEG (EXIF, XMP), PNG (eXIf, XMP, ImageMagick's text) and TIFF (both byte orders) the file in
hexadecimal and the pixels after `ImageOps.exif_transpose` (TIFF: after `load`, which applies the tag itself). `cut` holds
JPEGs and the number of leading bytes from which on PIL reads them.
"""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

PIXELS = (np.arange(15).reshape(3, 5) * 17).astype(np.uint8)
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{}"/></x:xmpmeta>'


def exif(tag: int, order: str = "<") -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, 274, 3, 1, tag, 0, 0)


def jpeg(**settings) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", quality=100, **settings)
    return file.getvalue()


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 3, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in PIXELS)))
    rest = b"".join(chunk(kind, data) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + rest + rows + chunk(b"IEND", b"")


def tiff(tag: int, order: str) -> bytes:
    entries = [
        (256, 4, 5), (257, 4, 3), (258, 3, 8), (259, 3, 1), (262, 3, 1),
        (273, 4, 8), (274, 3, tag), (277, 3, 1), (278, 4, 3), (279, 4, 15),
    ]
    mark = b"II*\0" if order == "<" else b"MM\0*"
    file = mark + struct.pack(order + "I", 24) + PIXELS.tobytes() + b"\0" + struct.pack(order + "H", len(entries))
    for number, kind, value in entries:
        file += struct.pack(order + "HHI", number, kind, 1)
        file += struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
    return file + struct.pack(order + "I", 0)


def files(tag: int) -> dict[str, bytes]:
    text = exif(tag).hex()
    raw = f"\nexif\n{len(text) // 2:8}\n{text}\n".encode()
    return {
        "jpeg": jpeg(exif=b"Exif\0\0" + exif(tag)),
        "jpeg, big endian": jpeg(exif=b"Exif\0\0" + exif(tag, ">")),
        "jpeg, xmp": jpeg(xmp=XMP.format(tag).encode()),
        "png": png([(b"eXIf", exif(tag))]),
        "png, big endian": png([(b"eXIf", exif(tag, ">"))]),
        "png, xmp": png([(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP.format(tag).encode())]),
        "png, text": png([(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw))]),
        "tiff": tiff(tag, "<"),
        "tiff, big endian": tiff(tag, ">"),
    }


def shown(file: bytes) -> list[list[int]]:
    picture = Image.open(io.BytesIO(file))
    picture.load()
    return np.asarray(ImageOps.exif_transpose(picture)).tolist()


def read_from(file: bytes) -> int:
    """The least number of leading bytes that PIL reads; it reads no fewer and all more."""

    def reads(length: int) -> bool:
        try:
            Image.open(io.BytesIO(file[:length])).load()
            return True
        except (OSError, SyntaxError):
            return False

    read = [length for length in range(len(file) + 1) if reads(length)]
    assert read == list(range(read[0], len(file) + 1))
    return read[0]


turned = [
    {"kind": kind, "tag": tag, "file": file.hex(), "pixels": shown(file)}
    for tag in range(1, 9)
    for kind, file in files(tag).items()
]
cuts = {"baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 1}}
cut = [
    {"kind": kind, "file": (file := jpeg(**settings)).hex(), "read_from": read_from(file)}
    for kind, settings in cuts.items()
]
out = {"versions": {"pillow": PIL.__version__}, "turned": turned, "cut": cut}
Path(__file__).with_name("orientation.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
