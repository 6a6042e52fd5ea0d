#!/usr/bin/env python3
"""Surface distances of folders of masks by google-deepmind/surface-distance, as its users call it: each class of each volume.

Usage: surface.py REFERENCE PREDICTION CLASSES
Prints means as `vesalius score` prints them, then the seconds that the package took alone.
"""
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

# The package is from before NumPy 2 and SciPy 2.
np.Inf, np.NaN = np.inf, np.nan
if not hasattr(ndimage, "filters"):
    ndimage.filters, ndimage.morphology = ndimage, ndimage

import surface_distance


def main():
    reference, prediction, classes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    rows, seconds = [], 0.0
    for path in sorted(reference.glob("*.nii.gz")):
        images = [nibabel.load(folder / path.name) for folder in (reference, prediction)]
        spacing = images[0].header.get_zooms()[:3]
        maps = [np.asarray(image.dataobj) for image in images]
        start = time.perf_counter()
        row = []
        for label in range(1, classes):
            found = surface_distance.compute_surface_distances(maps[0] == label, maps[1] == label, spacing)
            distances = [found["distances_gt_to_pred"], found["distances_pred_to_gt"]]
            areas = [found["surfel_areas_gt"], found["surfel_areas_pred"]]
            both = [np.concatenate(side) for side in (distances, areas)]
            row.append([surface_distance.compute_robust_hausdorff(found, 95), (both[0] * both[1]).sum() / both[1].sum(),
                        *[surface_distance.compute_surface_dice_at_tolerance(found, mm) for mm in (1, 2)]])
        seconds += time.perf_counter() - start
        rows.append(row)
    rows = np.array(rows, float)
    rows[~np.isfinite(rows)] = np.nan
    means = np.nanmean(np.nanmean(rows, 0), 0)
    for name, value in zip(["hausdorff95_mm", "assd_mm", "surface_dice [1 mm]", "surface_dice [2 mm]"], means):
        print(f"{name} {value:.9f}")
    print(f"{seconds:.2f} s for {len(rows)} volumes")


if __name__ == "__main__":
    main()
