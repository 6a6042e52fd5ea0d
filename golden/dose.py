"""Monotone fits and their inverse: SciPy's isotonic regression, NumPy's interpolation in the logarithm of patients.

    python dose.py        writes dose.json
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import isotonic_regression

rng = np.random.default_rng(1)
isotonic = []
for count in (1, 2, 4, 9, 30):
    values = (np.linspace(0.5, 0.8, count) + rng.normal(0, 0.08, count)).round(6)
    isotonic.append({"values": values.tolist(), "fitted": isotonic_regression(values).x.tolist()})

inverse = []
for _ in range(6):
    patients = np.sort(rng.choice(np.arange(2, 60), 5, replace=False)).astype(float)
    dice = np.sort(rng.uniform(0.4, 0.9, 5)).round(6)
    at = round(float(rng.uniform(dice[0], dice[-1])), 6)
    found = float(np.exp(np.interp(at, dice, np.log(patients))))
    inverse.append({"patients": patients.tolist(), "dice": dice.tolist(), "at": at, "found": found})

versions = {"numpy": np.__version__, "scipy": scipy.__version__}
Path("dose.json").write_text(json.dumps({"versions": versions, "isotonic": isotonic, "inverse": inverse}) + "\n")
