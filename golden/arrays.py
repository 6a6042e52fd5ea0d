"""HDF5 files as h5py writes them, and the numbers that it reads from them again.

Writes arrays.json: each file compressed and as base64, with the array that is meant as image or mask, or with what is said of it.

    pip install numpy==2.4.6 h5py==3.16.0 && python3 golden/arrays.py golden/arrays.json
"""
import base64
import json
import sys
import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np

SHAPE = (3, 9, 8)
RNG = np.random.default_rng(19)
FOLDER = Path(tempfile.mkdtemp())


def grey(kind):
    values = RNG.normal(40, 300, SHAPE)
    if np.issubdtype(kind, np.integer):
        info = np.iinfo(kind)
        values = values.clip(max(info.min, -900), min(info.max, 900))
    return values.astype(kind)


def labels(kind=np.uint8):
    return RNG.integers(0, 3, SHAPE).astype(kind)


def gather(name, write, image=None, mask=None, error=None, **options):
    path = FOLDER / f"{name}.h5"
    with h5py.File(path, "w", **options) as file:
        write(file)
    case = {"file": base64.b64encode(zlib.compress(path.read_bytes(), 9)).decode()}
    with h5py.File(path) as file:
        for role, where in [("image", image), ("mask", mask)]:
            if where:
                array = np.atleast_3d(file[where][()]) if file[where].ndim < 3 else file[where][()]
                if file[where].ndim == 2:
                    array = file[where][()][None]
                case[role] = {"shape": list(array.shape), "values": array.astype(np.float32).ravel().tolist()}
    if error:
        case["error"] = error
    return name, case


def pair(file, image, mask, **options):
    file.create_dataset("image", data=image, **options)
    file.create_dataset("label", data=mask, **options)


def several(file):
    pair(file, grey(np.float32), labels(), compression="gzip")
    file.create_dataset("scribble", data=labels(), compression="gzip")
    file.create_dataset("spacing", data=np.array([10, 1.5, 1.5]))
    file.attrs["patient"] = "anybody"


def nested(file):
    data = file.create_group("scan/data")
    data.create_dataset("image", data=grey(">i2"), chunks=(1, 4, 8), shuffle=True, compression="gzip", fletcher32=True)
    file.create_group("drawn").create_dataset("mask", data=labels() > 0)
    file["scan/again"] = h5py.SoftLink("/scan/nothing")


def circle(file):
    one = file.create_group("one")
    one["root"] = file["/"]
    file.create_dataset("only", data=grey(np.uint16)[0])


def sparse(file):
    image = file.create_dataset("image", shape=SHAPE, dtype="i4", chunks=(1, 9, 8), fillvalue=-7)
    image[1] = grey(np.int32)[1]
    file.create_dataset("seg", data=labels(np.int64))


def twice(file):
    for name in ["a", "b"]:
        file.create_group(name).create_dataset("image", data=grey(np.uint8))


def unnamed(file):
    file.create_dataset("first", data=grey(np.uint8))
    file.create_dataset("second", data=grey(np.uint8))


def words(file):
    file.create_dataset("image", data=np.array([[b"no", b"numbers"]]))


cases = dict([
    gather("several", several, "image", "label"),
    gather("nested", nested, "scan/data/image", "drawn/mask"),
    gather("latest", lambda file: pair(file, grey(np.float64), labels(np.uint16), chunks=(2, 5, 3), compression="gzip"),
           "image", "label", libver="latest"),
    gather("circle", circle, "only"),
    gather("sparse", sparse, "image", "seg"),
    gather("grown", lambda file: pair(file, grey(np.int8), labels(np.uint32), maxshape=(None, None, 8)), "image", "label"),
    gather("fewer bits", lambda file: pair(file, grey(np.int16), labels(), chunks=SHAPE, scaleoffset=0), "image", "label"),
    gather("twice", twice, error="several datasets are called image: a/image, b/image"),
    gather("unnamed", unnamed, error="datasets first, second, expected one, or one called image"),
    gather("words", words, error="dataset image: a dataset that holds no numbers"),
    gather("empty", lambda file: file.create_group("nothing"), error="no datasets of two axes"),
    gather("half", lambda file: file.create_dataset("image", data=grey(np.float16)), error="floats of 2 bytes"),
    gather("lzf", lambda file: file.create_dataset("image", data=labels(np.int16) // 2, compression="lzf"), error="32000"),
    gather("complex", lambda file: file.create_dataset("image", data=grey(np.float32) + 1j), error="holds no numbers"),
    gather("row", lambda file: file.create_dataset("image", data=np.zeros((2, 2, 2, 2, 2))), error="expected 2 axes"),
    gather("colour", lambda file: file.create_dataset("image", data=np.zeros((9, 8, 3), np.uint8)),
           error="looks like channels"),
    gather("huge", lambda file: file.create_dataset("image", shape=(10**6, 10**6, 10**6), dtype="u1", chunks=(1, 9, 8)),
           error="no more than those can hold"),
])
Path(sys.argv[1]).write_text(json.dumps({"h5py": h5py.__version__, "cases": cases}, separators=(",", ":")) + "\n")
