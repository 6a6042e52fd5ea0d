#!/usr/bin/env python3
"""Tests of reports, from SciPy and statsmodels: paired permutation tests, permutation tests of rank correlations, Holm.

    python tests_of_reports.py      (scipy, statsmodels; a file named statistics.py would hide the module that SciPy needs)
"""
import json
from pathlib import Path

import scipy
import statsmodels
from scipy.stats import kendalltau, permutation_test, spearmanr
from statsmodels.stats.multitest import multipletests

PAIRED = [
    [0.031, -0.004, 0.052, 0.018, 0.027, -0.011, 0.006, 0.044],
    [0.5, -0.25, 0.125],
    [-0.02, -0.03, -0.01, -0.05, -0.02, 0.004, -0.06, -0.01, -0.02, -0.03],
]
RANKS = [
    ([0.96, 0.37, 1.35, 0.61, 0.20], [0.406, 0.746, 0.543, 0.257, 0.742]),
    ([1.0, 2.0, 2.0, 4.0, 5.0, 3.5], [2.0, 1.0, 4.0, 3.0, 6.0, 6.0]),
]
P_VALUES = [[0.0078125, 0.03, 0.2, 0.0078125, 0.9], [0.01, 0.04, 0.03, 0.005]]


def paired(values):
    found = permutation_test((values,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=10**6, vectorized=True)
    return found.pvalue


def spearman(a, b):
    found = permutation_test((a,), lambda x: abs(spearmanr(x, b).statistic), permutation_type="pairings", n_resamples=10**6, alternative="greater", vectorized=False)
    return found.pvalue


golden = {
    "versions": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
    "paired": [{"differences": v, "p": paired(v)} for v in PAIRED],
    "correlation": [
        {"a": a, "b": b, "spearman": spearmanr(a, b).statistic, "kendall": kendalltau(a, b).statistic, "p": spearman(a, b)} for a, b in RANKS
    ],
    "holm": [{"p": p, "corrected": list(multipletests(p, method="holm")[1])} for p in P_VALUES],
}
Path(__file__).with_name("statistics.json").write_text(json.dumps(golden, indent=1) + "\n")
