"""Lesion-wise F1 and count differences on random masks, by the ISLES 2022 challenge's own evaluation.

At commit 31b7c8c. Usage: lesions.py --code CHECKOUT_OF_EZEQUIELDLROSA_ISLES22 > lesions.json
"""
import argparse
import json
import pathlib
import sys

import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--code", required=True)
    sys.path.insert(0, str(pathlib.Path(parser.parse_args().code) / "utils"))
    np.bool = bool  # The code is older than NumPy 1.24.
    from eval_utils import compute_absolute_lesion_difference, compute_lesion_f1_score

    rng = np.random.default_rng(5)
    cases = []
    for shape in [(1, 8, 9), (4, 6, 7), (6, 5, 5)]:
        for share in [0.0, 0.02, 0.05, 0.1, 0.2]:
            for other in [0.0, 0.05, 0.15]:
                reference, prediction = [(rng.random(shape) < share).astype(np.uint8) for share in (share, other)]
                cases.append({
                    "shape": list(shape),
                    "reference": reference.ravel().tolist(),
                    "prediction": prediction.ravel().tolist(),
                    "f1": float(compute_lesion_f1_score(reference, prediction)),
                    "count_difference": int(compute_absolute_lesion_difference(reference, prediction)),
                })
    json.dump(cases, sys.stdout, separators=(",", ":"))


main()
