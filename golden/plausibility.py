#!/usr/bin/env python3
"""Shapes of regions and Dice, from the packages that define them: scikit-image (connected components, holes, area,
perimeter), scipy (Wilson's interval), nnU-Net's evaluation and MONAI's DiceMetric. The label maps are written too: runs
of equal labels, row by row.

    pip install -r requirements-plausibility.txt && python plausibility.py
"""
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from monai.metrics import DiceMetric
from nnunetv2.evaluation import evaluate_predictions
from scipy.ndimage import gaussian_filter
from scipy.stats import binomtest
from skimage.measure import euler_number, label, regionprops

HERE = Path(__file__).resolve().parent


def runs(labels: np.ndarray) -> list:
    """[label, length, label, length, ...]"""
    flat = labels.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
    lengths = np.diff(np.r_[starts, flat.size])
    return [int(x) for pair in zip(flat[starts], lengths) for x in pair]


def blobs(seed: int, size: tuple, classes: int, sigma: float) -> np.ndarray:
    """Smooth noise, cut into classes: many components and holes, some at the edge."""
    noise = np.random.default_rng(seed).normal(size=(classes, *size))
    return np.stack([gaussian_filter(x, sigma) for x in noise]).argmax(0).astype(np.uint8)


def disc(size: tuple, centre: tuple, radius: float) -> np.ndarray:
    y, x = np.indices(size)
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def maps() -> list:
    """Rings around discs, whole and cut, single pixels, lines, noise, smooth noise, an edge-to-edge class."""
    heart = np.zeros((48, 40), np.uint8)
    heart[disc(heart.shape, (24, 22), 15)] = 1
    heart[disc(heart.shape, (24, 22), 9)] = 2
    cut = heart.copy()
    cut[23:25, 22:] = 0
    odd = np.zeros((9, 11), np.uint8)
    odd[0, 0] = odd[4, 4] = odd[5, 5] = odd[8, 10] = 1
    odd[2, 3:9] = 2
    full = np.ones((7, 5), np.uint8)
    full[3, 2] = 0
    noise = np.random.default_rng(3).integers(0, 3, (24, 31)).astype(np.uint8)
    smooth = [blobs(seed, (64, 64), classes, sigma) for seed, classes, sigma in ((1, 3, 2.5), (2, 4, 1.2), (5, 2, 4.0))]
    return [heart, cut, odd, full, noise, *smooth]


def shapes(labels: np.ndarray) -> list:
    """Of every class: component count, Euler number's holes, and each component's area and perimeter by first pixel."""
    out = []
    for value in range(1, int(labels.max()) + 1):
        mask = labels == value
        components, count = label(mask, connectivity=2, return_num=True)
        parts = regionprops(components)
        # regionprops counts holes per component: connectivity 2 for the region, so 1 for its holes.
        holes = [int(1 - euler_number(part.image, connectivity=2)) for part in parts]
        assert sum(holes) == count - euler_number(mask, connectivity=2)
        first = [int(np.flatnonzero(components.ravel() == part.label)[0]) for part in parts]
        perimeters = [float(part.perimeter) for part in parts]
        out.append({
            "class": value,
            "components": int(count),
            "first_pixels": first,
            "holes": holes,
            "areas_px": [int(part.area) for part in parts],
            "perimeters_px": perimeters,
            "circularities": [float(4 * np.pi * part.area / p**2) if p > 0 else None
                              for part, p in zip(parts, perimeters)],
        })
    return out


def borders(labels: np.ndarray, classes: int) -> list:
    """Sides between pixels of class 1, 2, ... and of each other label; the last column: the image's edge."""
    padded = np.pad(labels, 1, constant_values=classes)
    counts = np.zeros((classes + 1, classes + 1), int)
    for a, b in ((padded[1:], padded[:-1]), (padded[:, 1:], padded[:, :-1])):
        np.add.at(counts, (a, b), 1)
        np.add.at(counts, (b, a), 1)
    np.fill_diagonal(counts, 0)
    return counts[1:classes].tolist()


class Arrays:
    """Hands arrays to nnU-Net's compute_metrics where it reads files."""

    def read_seg(self, array):
        return array, {}


def dice() -> dict:
    """Four seeded cases of three foreground classes: both empty, reference empty, prediction empty, all there."""
    references, predictions = [], []
    for seed in range(4):
        reference = blobs(10 + seed, (20, 24), 4, 2.0)
        moved = np.roll(reference, 1 + seed, axis=1)
        noise = np.random.default_rng(seed).random(reference.shape) < 0.1
        predicted = np.where(noise, 0, moved).astype(np.uint8)
        if seed in (0, 1):
            reference[reference == 3] = 0
        if seed == 0:
            predicted[predicted == 3] = 0
        if seed == 2:
            predicted[predicted == 1] = 0
        references.append(reference)
        predictions.append(predicted)
    cases = [evaluate_predictions.compute_metrics(r, p, Arrays(), [1, 2, 3]) for r, p in zip(references, predictions)]
    per_case = [[case["metrics"][c]["Dice"] for c in (1, 2, 3)] for case in cases]
    # As compute_metrics_on_folder: nanmean over cases, then the mean over classes.
    means = np.nanmean(np.array(per_case), axis=0)
    hot = [torch.nn.functional.one_hot(torch.from_numpy(np.stack(x)).long(), 4).permute(0, 3, 1, 2)
           for x in (predictions, references)]
    metric = DiceMetric(include_background=False, reduction="none", ignore_empty=True)
    monai = metric(*hot).double().numpy()
    nan = lambda rows: [[None if np.isnan(x) else float(x) for x in row] for row in rows]
    return {
        "size": list(references[0].shape),
        "references": [runs(x) for x in references],
        "predictions": [runs(x) for x in predictions],
        "nnunet": nan(per_case),
        "nnunet_means": [float(x) for x in means],
        "nnunet_foreground_mean": float(np.mean(means)),
        "monai": nan(monai),
        "monai_means": [float(x) for x in np.nanmean(monai, axis=0)],
    }


def main() -> None:
    warnings.simplefilter("error", RuntimeWarning)
    drawn = maps()
    wilson = []
    for hits, n in ((0, 1000), (3, 20), (20, 20)):
        found = binomtest(hits, n).proportion_ci(method="wilson")
        wilson.append([hits, n, float(found.low), float(found.high)])
    out = {
        "maps": [
            {
                "size": list(labels.shape),
                "classes": int(labels.max()) + 1,
                "runs": runs(labels),
                "shapes": shapes(labels),
                "borders": borders(labels, int(labels.max()) + 1),
            }
            for labels in drawn
        ],
        "dice": dice(),
        "wilson": wilson,
    }
    (HERE / "plausibility.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
