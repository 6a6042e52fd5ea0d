#!/usr/bin/env python3
"""Numbers of google-deepmind/surface-distance (PyPI `surface-distance`) and of MONAI for pairs of masks that are made alike in
Rust: blobs, noise, empty ones, masks at the border; pictures and volumes of several spacings.

    pip install -r requirements-plausibility.txt && python surface.py
"""
import json
import math
import warnings
from pathlib import Path

import numpy as np
from scipy import ndimage

# The package is from before NumPy 2 and SciPy 2.
np.Inf, np.NaN = np.inf, np.nan
if not hasattr(ndimage, "filters"):
    ndimage.filters, ndimage.morphology = ndimage, ndimage

import surface_distance
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

from pseudo import uniform

HERE = Path(__file__).resolve().parent
TOLERANCES = [0.5, 1.0, 2.0]
PERCENTS = [50.0, 95.0, 100.0]


def mask(kind: str, name: str, shape: list) -> np.ndarray:
    """tests/golden.rs has the same rules."""
    at = np.stack(np.meshgrid(*[np.arange(side) for side in shape], indexing="ij"), -1).astype(float)
    middle = (np.array(shape) - 1) / 2
    if kind == "empty":
        return np.zeros(shape, bool)
    if kind == "noise":
        return uniform(name, shape) > 0.4
    if kind == "full":
        return np.ones(shape, bool)
    if kind == "voxel":
        return (at == np.floor(middle)).all(-1)
    # An ellipsoid whose middle and half axes are drawn; it may reach over the border.
    shift, size = uniform(name, [len(shape)]), 0.25 + 0.1 * uniform(name + ".size", [len(shape)])
    apart = (at - middle - shift * np.array(shape) / 5) / (size * np.array(shape))
    return (apart ** 2).sum(-1) <= 1


def number(value) -> float | str:
    value = float(value)
    return value if math.isfinite(value) else str(value)


def of_google(reference: np.ndarray, prediction: np.ndarray, spacing: list) -> dict:
    found = surface_distance.compute_surface_distances(reference, prediction, spacing)
    with np.errstate(all="ignore"):
        return {
            "averages": [number(v) for v in surface_distance.compute_average_surface_distance(found)],
            "hausdorff": [number(surface_distance.compute_robust_hausdorff(found, percent)) for percent in PERCENTS],
            "surface_dice": [number(surface_distance.compute_surface_dice_at_tolerance(found, mm)) for mm in TOLERANCES],
        }


def of_monai(reference: np.ndarray, prediction: np.ndarray, spacing: list) -> dict:
    a, b = [torch.from_numpy(m)[None, None].float() for m in (prediction, reference)]
    of = dict(include_background=True, spacing=spacing)
    return {
        "average": number(compute_average_surface_distance(a, b, symmetric=True, **of)[0, 0]),
        "hausdorff": [number(compute_hausdorff_distance(a, b, percentile=percent, **of)[0, 0]) for percent in PERCENTS],
        "surface_dice": [number(compute_surface_dice(a, b, [mm], **of)[0, 0]) for mm in TOLERANCES],
    }


def main() -> None:
    warnings.simplefilter("ignore")
    kinds = [("blob", "blob")] * 4 + [("blob", "noise"), ("noise", "noise"), ("voxel", "blob"), ("full", "blob"), ("empty", "blob"),
             ("blob", "empty"), ("empty", "empty"), ("voxel", "voxel"), ("full", "full")]
    grids = [([12, 15], [1.0, 1.0]), ([20, 9], [1.5, 0.7]), ([6, 12, 10], [1.0, 1.0, 1.0]), ([5, 14, 13], [8.0, 1.4, 1.6]),
             ([1, 9, 9], [5.0, 1.0, 1.0])]
    cases = []
    for shape, spacing in grids:
        for i, (a, b) in enumerate(kinds):
            names = [f"{side}.{i}.{'x'.join(map(str, shape))}" for side in ("reference", "prediction")]
            reference, prediction = mask(a, names[0], shape), mask(b, names[1], shape)
            cases.append({"shape": shape, "spacing": spacing, "kinds": [a, b], "names": names,
                          "voxels": [int(reference.sum()), int(prediction.sum())],
                          "google": of_google(reference, prediction, spacing), "monai": of_monai(reference, prediction, spacing)})
    (HERE / "surface.json").write_text(json.dumps({"percents": PERCENTS, "tolerances": TOLERANCES, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
