#!/usr/bin/env python3
"""Pixel values of small DICOM files of every storage: pydicom's apply_modality_lut; SimpleITK (GDCM) where MONOCHROME1 is
inverted; padding by PS3.3 C.7.5.1.1.2 on pydicom's stored values. The files are also the fuzz target's seeds.

    pip install pydicom==3.0.2 SimpleITK==2.5.7 numpy pillow && python dicom.py
"""
import base64
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

HERE = Path(__file__).resolve().parent
SEEDS = HERE.parent / "fuzz" / "seeds" / "dicom"
UID = "1.2.826.0.1.3680043.8.498.1"
U8 = np.array([[0, 1, 100], [63, 200, 255]], np.uint8)
U16 = np.array([[0, 1, 100], [4095, 4101, 65535]], np.uint16)
I16 = np.array([[0, -1, 100], [-2000, 32767, -32768]], np.int16)


def data_set(pixels, syntax=ExplicitVRLittleEndian, stored=None, photometric="MONOCHROME2", **elements):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID
    meta.TransferSyntaxUID = syntax
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    data = FileDataset(
        None, {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=implicit, is_little_endian=little
    )
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = CTImageStorage, UID, "CT"
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 3], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing = [1.5, 0.75]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, photometric
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated = 8 * pixels.dtype.itemsize
    data.BitsStored = stored or data.BitsAllocated
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.astype(pixels.dtype.newbyteorder("<" if little else ">")).tobytes()
    data["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def table(count, first, bits, entries, vr="US", first_vr="US"):
    item = Dataset()
    item.add_new("LUTDescriptor", first_vr, [count, first, bits])
    item.add_new("LUTData", vr, np.array(entries, "<u2").tobytes() if vr == "OW" else entries)
    item.ModalityLUTType = "US"
    return [item]


def jpeg(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return encapsulate([stream.getvalue()])


def rle(data):
    data.compress(RLELossless, generate_instance_uid=False)
    return data


def written(data):
    stream = io.BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def inverted_by_sitk(file):
    with tempfile.NamedTemporaryFile(suffix=".dcm") as out:
        Path(out.name).write_bytes(file)
        return sitk.GetArrayFromImage(sitk.ReadImage(out.name)).astype(float)


RESCALE = {"RescaleSlope": 2, "RescaleIntercept": -1000}
RAMP = (np.arange(64, dtype=np.uint8) * 3).reshape(8, 8)
FILES = {
    "u8": data_set(U8),
    "u8-6-bits": data_set(U8, stored=6),
    "u16-rescale": data_set(U16, **RESCALE),
    "i16-rescale": data_set(I16, RescaleSlope=0.5, RescaleIntercept=7.25),
    "u16-12-bits-and-overlay": data_set(U16, stored=12, **RESCALE),
    "i16-12-bits": data_set(I16, stored=12),
    "u32": data_set(U16.astype(np.uint32) * 60000),
    "i16-implicit": data_set(I16, ImplicitVRLittleEndian, **RESCALE),
    "i16-big-endian": data_set(I16, ExplicitVRBigEndian, **RESCALE),
    "i16-deflated": data_set(I16, DeflatedExplicitVRLittleEndian, **RESCALE),
    "i16-rle": rle(data_set(I16, **RESCALE)),
    "u8-rle": rle(data_set(U8)),
    "jpeg-baseline": data_set(RAMP, JPEGBaseline8Bit, PixelData=jpeg(RAMP)),
    "table": data_set(U8, ModalityLUTSequence=table(200, 10, 16, [3 * i for i in range(200)])),
    "table-of-words": data_set(U8, ModalityLUTSequence=table(4, 62, 16, [7, 65535, 9, 1], "OW")),
    "table-8-bits": data_set(U8, ModalityLUTSequence=table(3, 0, 8, [9, 255, 4])),
    # pydicom's subtraction of the first entry overflows near the ends of 16 bits.
    "table-from-below-0": data_set(I16 // 2, ModalityLUTSequence=table(4, -2, 16, [5, 60, 700, 8000], "US", "SS")),
    "table-implicit": data_set(
        I16 // 2, ImplicitVRLittleEndian, ModalityLUTSequence=table(4, -2, 16, [5, 60, 700, 8000], "OW", "SS")
    ),
    "monochrome1-u8": data_set(U8, photometric="MONOCHROME1"),
    "monochrome1-12-bits": data_set(U16 % 4096, stored=12, photometric="MONOCHROME1", **RESCALE),
    "monochrome1-i16": data_set(I16, photometric="MONOCHROME1", **RESCALE),
    "monochrome1-falling": data_set(
        U16, photometric="MONOCHROME1", RescaleSlope=-2, RescaleIntercept=10
    ),
    "padding": data_set(I16, PixelPaddingValue=-2000, **RESCALE),
    "padding-range": data_set(I16, PixelPaddingValue=-32768, PixelPaddingRangeLimit=-1, **RESCALE),
    "padding-range-backwards": data_set(I16, PixelPaddingValue=0, PixelPaddingRangeLimit=-2000),
    "padding-monochrome1": data_set(U16, photometric="MONOCHROME1", PixelPaddingValue=65535),
    "padding-12-bits": data_set(U16, stored=12, PixelPaddingValue=65535),
}

# Nothing in them is new to a fuzzer.
LIKE_OTHERS = {"u8-6-bits", "monochrome1-u8", "monochrome1-falling", "padding-range-backwards", "table-8-bits"}


def padded(data, stored):
    if "PixelPaddingValue" not in data:
        return np.zeros(stored.shape, bool)
    ends = sorted([data.PixelPaddingValue, data.get("PixelPaddingRangeLimit", data.PixelPaddingValue)])
    # Written over the bits that are not stored, it is padding too: of 12 bits, 65535 is no value.
    raw = np.frombuffer(data.PixelData, f"<u{data.BitsAllocated // 8}").reshape(stored.shape)
    same = raw == data.PixelPaddingValue
    return ((stored >= ends[0]) & (stored <= ends[1])) | same


def main():
    SEEDS.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, data in FILES.items():
        file = written(data)
        read = pydicom.dcmread(io.BytesIO(file))
        stored = read.pixel_array
        values = apply_modality_lut(stored, read).astype(float)
        if read.PhotometricInterpretation == "MONOCHROME1":
            values = inverted_by_sitk(file).reshape(stored.shape)
        padding = padded(read, stored)
        if padding.any():
            values[padding] = values[~padding].min()
        if name not in LIKE_OTHERS:
            (SEEDS / f"{name}.dcm").write_bytes(file)
        rows.append(
            {
                "name": name,
                "file": base64.b64encode(file).decode(),
                "shape": list(stored.shape),
                "values": values.ravel().tolist(),
                "padding": [int(p) for p in padding.ravel()] if padding.any() else [],
                # Decoders of JPEG round by themselves.
                "tolerance": 1 if "jpeg" in name else 0,
            }
        )
    versions = {"pydicom": pydicom.__version__, "SimpleITK": sitk.Version.VersionString()}
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "dicom.json").write_text(f'{{"versions": {json.dumps(versions)}, "files": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
