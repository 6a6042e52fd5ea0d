#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets that read pictures, packs, studies and feature files: the smallest files of each kind.

    pip install numpy pillow && python3 fuzz/seeds.py
"""

import base64
import io
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
PIXELS = (np.arange(24).reshape(4, 6) % 2 * 255).astype(np.uint8)


def write(target: str, name: str, content: bytes) -> None:
    folder = HERE / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def saved(image: Image.Image, kind: str, **settings) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def pictures() -> dict[str, bytes]:
    grey = Image.fromarray(PIXELS)
    colour = Image.fromarray(np.dstack([PIXELS, PIXELS // 2, PIXELS]))
    deep = Image.fromarray(PIXELS.astype(np.uint16) * 257)
    palette = Image.fromarray(PIXELS // 255).convert("P")
    palette.putpalette([0, 0, 0, 255, 0, 0])
    alpha = Image.fromarray(np.dstack([PIXELS, PIXELS]), "LA")
    exif = Image.Exif()
    exif[274] = 6
    files = {
        "grey.png": saved(grey, "PNG"),
        "deep.png": saved(deep, "PNG"),
        "one.png": saved(grey.convert("1"), "PNG"),
        "palette.png": saved(palette, "PNG", bits=2, transparency=0),
        "alpha.png": saved(alpha, "PNG"),
        "turned.png": saved(grey, "PNG", exif=exif),
        "grey.jpg": saved(grey, "JPEG", exif=exif),
        "colour.jpg": saved(colour, "JPEG", subsampling=2),
        "progressive.jpg": saved(colour, "JPEG", progressive=True, restart_marker_blocks=1),
        "cmyk.jpg": saved(colour.convert("CMYK"), "JPEG"),
        "grey.bmp": saved(grey, "BMP"),
        "one.bmp": saved(grey.convert("1"), "BMP"),
        "alpha.bmp": saved(alpha.convert("RGBA"), "BMP"),
        "raw.tif": saved(colour, "TIFF"),
        "deep.tif": saved(deep, "TIFF", big_tiff=True),
        "lzw.tif": saved(grey, "TIFF", compression="tiff_lzw"),
        "deflate.tif": saved(deep, "TIFF", compression="tiff_adobe_deflate"),
        "packbits.tif": saved(alpha, "TIFF", compression="packbits"),
        "jpeg.tif": saved(colour, "TIFF", compression="jpeg"),
        "g4.tif": saved(grey.convert("1"), "TIFF", compression="group4"),
        "palette.tif": saved(palette, "TIFF"),
        "float.tif": saved(Image.fromarray(PIXELS.astype(np.float32)), "TIFF"),
        "stack.tif": saved(grey, "TIFF", save_all=True, append_images=[grey]),
    }
    return files


def pack() -> bytes:
    case = {"id": "a", "patient": "a", "split": "train", "group": None, "spacing_mm": None}
    manifest = {
        "dataset": "test", "vesalius": "0", "classes": ["background", "disc"],
        "layout": {"channels": 1, "height": 2, "width": 2, "depth": "u8"},
        "provenance": {"kind": "real", "source": "folder", "preprocess": None, "split": "seed 1", "files": []},
        "cases": [case], "slices": [{"case": 0, "position": 0}], "command": "", "data_sha256": "",
    }
    header = b"VSALPACK" + struct.pack("<6I", 1, 1, 1, 2, 2, 0) + struct.pack("<Q", 1) + bytes(20) + bytes(4)
    return json.dumps(manifest).encode() + b"\0" + header + bytes(8) + bytes(4) + bytes(4)


def features() -> dict[str, bytes]:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    files = {}
    for name, array in {"c": values, "fortran": np.asfortranarray(values), "double": values.astype(">f8")}.items():
        file = io.BytesIO()
        np.save(file, array)
        files[f"{name}.npy"] = file.getvalue()
    header = json.dumps({
        "__metadata__": {"of": "test"},
        "features": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    }).encode()
    files["one.safetensors"] = struct.pack("<Q", len(header)) + header + values.tobytes()
    return files


for name, content in pictures().items():
    write("raster_image", name, content)
    write("raster_mask", name, content)
write("manifest", "one.bin", pack())
for study in ("smoke", "sunnybrook"):
    write("study_file", f"{study}.toml", (HERE.parent / "studies" / f"{study}.toml").read_bytes())
for name, content in features().items():
    write("safetensors_npy", name, content)

# What highdicom, rt-utils and pynrrd wrote (golden/segments.py).
segments = json.loads((HERE.parent / "golden" / "segments.json").read_text())
for number, entry in enumerate(segments["slicer"]):
    write("nrrd", f"slicer-{number}", base64.b64decode(entry["file"]))
volumes = [entry for entry in segments["volumes"] if entry["file"].endswith(".nrrd")]
for number, entry in enumerate(volumes[::3]):
    write("nrrd", f"volume-{number}", base64.b64decode(entry["files"][entry["file"]]))
for entry in segments["cases"]:
    if entry["name"] in ("binary", "labelmap", "fractional, native", "structure set"):
        write("dicom_segments", entry["name"].replace(",", "").replace(" ", "-"), base64.b64decode(entry["masks"][0]))
