#!/usr/bin/env python3
"""The copying audit's arithmetic: scikit-image's match_template (normalised cross-correlation) and scipy's Gaussian mean.

    python copying.py
"""
import json
from pathlib import Path

import numpy as np
import scipy
import skimage
from scipy.ndimage import gaussian_filter
from skimage.feature import match_template

from pseudo import uniform

HERE = Path(__file__).resolve().parent
REACH = 3


def main():
    reference = uniform("copying.reference", [30, 26])
    query = 0.6 * reference + 0.4 * uniform("copying.query", [30, 26]) + 0.2
    centre = query[REACH:-REACH, REACH:-REACH]
    numbers = {
        "correlations": match_template(reference, centre).tolist(),
        "gaussian": {
            str(sigma): gaussian_filter(reference, sigma, mode="nearest").tolist() for sigma in (1.0, 4.0)
        },
        "versions": {"scikit-image": skimage.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
    }
    (HERE / "copying.json").write_text(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()
