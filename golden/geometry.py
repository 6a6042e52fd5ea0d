"""Masks in other orders and directions than their images, and what SimpleITK's resampling by nearest neighbour makes of them.

Writes geometry.json: pairs of small files as base64, with the mask's labels on the image's grid as SimpleITK gives them,
or null where the two do not cover one grid (a voxel of the image would find none, or another than its own).

    pip install numpy nibabel SimpleITK && python3 golden/geometry.py golden/geometry.json
"""
import base64
import json
import math
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

SHAPE = (5, 4, 3)  # columns, rows, slices
LABELS = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)  # [slice, row, column]; each voxel has its own
FOLDER = Path(tempfile.mkdtemp())


def rotation(degrees):
    """About an oblique axis."""
    axis = np.array([1.0, 2.0, 3.0]) / math.sqrt(14)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = math.radians(degrees)
    return np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k


def affine(matrix, offset):
    found = np.eye(4)
    found[:3, :3] = matrix
    found[:3, 3] = offset
    return found


def nifti(array, matrix, name, qform=1, sform=1, other=None):
    """`array` [slice, row, column]; `other`: an affine of its own for the sform."""
    image = nib.Nifti1Image(np.transpose(array, (2, 1, 0)), None)
    image.set_sform(matrix if other is None else other, sform)
    image.set_qform(matrix, qform)
    path = FOLDER / f"{name}.nii"
    nib.save(image, path)
    return path


def meta(array, fields, name):
    size = " ".join(str(n) for n in array.shape[::-1])
    text = f"NDims = 3\nDimSize = {size}\nElementType = MET_UCHAR\n" + "".join(f"{k} = {v}\n" for k, v in fields.items())
    path = FOLDER / f"{name}.mha"
    path.write_bytes(text.encode() + b"ElementDataFile = LOCAL\n" + array.tobytes())
    return path


def reorder(array, matrix, axes, flips, offset):
    """The same place stored in other axes: their order and direction, with the affine that says so."""
    stored = array.transpose([2 - axes[2 - i] for i in range(3)])
    size = np.array(stored.shape[::-1])
    columns = [matrix[:3, a].copy() for a in axes]
    origin = matrix[:3, 3] + np.asarray(offset, float)
    for i, flip in enumerate(flips):
        if flip:
            stored = np.flip(stored, 2 - i)
            origin = origin + columns[i] * (size[i] - 1)
            columns[i] = -columns[i]
    found = np.eye(4)
    found[:3, :3] = np.array(columns).T
    found[:3, 3] = origin
    return np.ascontiguousarray(stored), found


def expected(image, mask):
    """Labels on the image's grid; None where they are not a reordering of the mask."""
    image, mask = sitk.ReadImage(str(image)), sitk.ReadImage(str(mask))
    found = sitk.GetArrayFromImage(sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor, 255))
    whole = sorted(found.ravel().tolist()) == sorted(sitk.GetArrayFromImage(mask).ravel().tolist())
    return found.ravel().tolist() if whole else None


def encoded(path):
    return base64.b64encode(path.read_bytes()).decode()


cases = []


def case(name, image, mask):
    cases.append({"name": name, "image": encoded(image), "mask": encoded(mask), "labels": expected(image, mask)})


straight = affine(np.diag([-1.5, -0.75, 5.0]), [30, 20, -10])
oblique = affine(rotation(20) @ np.diag([1.5, 0.75, 5.0]), [3, -2, 7])
for title, matrix in (("straight", straight), ("oblique", oblique)):
    image = nifti(LABELS, matrix, "image")
    for axes in ((0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0)):
        for flips in ((0, 0, 0), (1, 0, 0), (0, 1, 1)):
            stored, found = reorder(LABELS, matrix, axes, flips, [0, 0, 0])
            case(f"nifti {title} axes {axes} flips {flips}", image, nifti(stored, found, "mask"))
    for offset in ([0.3, 0, 0], [0, 0.3, -2.0], [0.6, 0.3, 2.4]):
        stored, found = reorder(LABELS, matrix, (0, 1, 2), (0, 1, 0), (matrix[:3, :3] / [1.5, 0.75, 5.0]) @ offset)
        case(f"nifti {title} off by {offset} mm", image, nifti(stored, found, "mask"))
    for offset in ([0.9, 0, 0], [0, 0.5, 0], [0, 0, 2.6], [30, 0, 0]):
        stored, found = reorder(LABELS, matrix, (0, 1, 2), (0, 0, 0), (matrix[:3, :3] / [1.5, 0.75, 5.0]) @ offset)
        case(f"nifti {title} off by {offset} mm", image, nifti(stored, found, "mask"))
    scaled = matrix.copy()
    scaled[:3, 0] *= 1.3
    case(f"nifti {title} wider pixels", image, nifti(LABELS, scaled, "mask"))
    turned = matrix.copy()
    turned[:3, :3] = rotation(40) @ turned[:3, :3]
    case(f"nifti {title} turned", image, nifti(LABELS, turned, "mask"))
    stored, found = reorder(LABELS, matrix, (0, 1, 2), (1, 0, 0), [0, 0, 0])
    case(f"nifti {title} qform alone", image, nifti(stored, found, "mask", qform=1, sform=0))
    case(f"nifti {title} sform alone", image, nifti(stored, found, "mask", qform=0, sform=2))
    case(f"nifti {title} qform before an aligned sform", image, nifti(stored, found, "mask", 1, 2, affine(np.eye(3), [0, 0, 0])))
    case(f"nifti {title} sform of the scanner first", image, nifti(stored, affine(np.diag([1.5, 0.75, 5.0]), [9, 9, 9]), "mask", 1, 1, found))

fields = {"ElementSpacing": "1.5 0.75 5", "Offset": "3 -2 7"}
image = meta(LABELS, fields, "image")
turned_x = {"ElementSpacing": "1.5 0.75 5", "Offset": "9 -2 7", "TransformMatrix": "-1 0 0 0 1 0 0 0 1"}
case("meta columns reversed", image, meta(np.ascontiguousarray(LABELS[:, :, ::-1]), turned_x, "mask"))
case("meta negative spacing", image, meta(np.ascontiguousarray(LABELS[:, :, ::-1]), {"ElementSpacing": "-1.5 0.75 5", "Offset": "9 -2 7"}, "mask"))
swapped = {"ElementSpacing": "0.75 1.5 5", "Position": "3 -2 7", "Orientation": "0 1 0 1 0 0 0 0 1"}
case("meta rows and columns swapped", image, meta(np.ascontiguousarray(LABELS.transpose(0, 2, 1)), swapped, "mask"))
around = {"ElementSpacing": "5 1.5 0.75", "Origin": "3 -2 7", "Rotation": "0 0 1 1 0 0 0 1 0"}
case("meta slices first", image, meta(np.ascontiguousarray(LABELS.transpose(1, 2, 0)), around, "mask"))
case("meta center of rotation", image, meta(LABELS, {**fields, "CenterOfRotation": "5 5 5", "AnatomicalOrientation": "RAI"}, "mask"))
case("meta offset", image, meta(LABELS, {**fields, "Offset": "4.5 -2 7"}, "mask"))
case("meta other spacing", image, meta(LABELS, {**fields, "ElementSpacing": "1.5 1.5 5"}, "mask"))

Path(sys.argv[1]).write_text(json.dumps({"shape": [3, 4, 5], "cases": cases}, indent=0) + "\n")
print(len(cases), "cases,", sum(c["labels"] is None for c in cases), "that are two grids")
