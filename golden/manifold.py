#!/usr/bin/env python3
"""Precision, recall, density and coverage where sets share samples or distances tie: clovaai's package prdc, once as it is and
once with SciPy's distances (differences of coordinates) in place of scikit-learn's (products, which rounding moves off a ball).
Which of the two a tie follows decides; ours has to be the exact one.

    python manifold.py
"""
import contextlib
import io
import json
from pathlib import Path

import numpy as np
import prdc.prdc
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

from pseudo import uniform

HERE = Path(__file__).resolve().parent
NAMES = ("precision", "recall", "density", "coverage")


def sets() -> dict:
    x, y = uniform("manifold.x", [240, 12]), uniform("manifold.y", [200, 12])
    real = x[:160]
    whole = np.floor((uniform("manifold.whole", [300, 4]) + 1) * 2)
    near = real + uniform("manifold.near", [160, 12]) * 0.3
    return {
        "random": (real, y),
        "identical": (real, real),
        "reversed": (real, real[::-1]),
        "half shared": (real, np.concatenate([real[:80], y[:80]])),
        "half shared, far from 0": (real + 1000, np.concatenate([real[40:120], y[:60]]) + 1000),
        "few of many": (real, np.concatenate([x[150:240], near[:50]])),
        "duplicates": (np.concatenate([real[:60], real[:60], real[:30]]), np.concatenate([real[:60], y[:40], y[:40]])),
        "whole numbers": (whole[:170], whole[130:]),
        "whole numbers, large": (whole[:170] * 4096 + 7, whole[100:] * 4096 + 7),
        "one-hot": (np.eye(8)[np.arange(90) % 8], np.eye(8)[np.arange(70) * 3 % 8]),
    }


def scores(real, synthetic, distances) -> list:
    prdc.prdc.sklearn.metrics.pairwise_distances = distances
    with contextlib.redirect_stdout(io.StringIO()):
        found = prdc.prdc.compute_prdc(real, synthetic, nearest_k=5)
    return [float(found[name]) for name in NAMES]


def main() -> None:
    out = {}
    for name, (real, synthetic) in sets().items():
        exact = scores(real, synthetic, lambda a, b, **_: cdist(a, b, "sqeuclidean"))
        package = scores(real, synthetic, pairwise_distances)
        out[name] = {"exact": exact, "package": package}
    (HERE / "manifold.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
