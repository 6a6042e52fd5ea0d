#!/usr/bin/env python3
"""Differences of training sets over patients and runs: variances from statsmodels' mixed model fitted by REML, paired t
tests and two one-sided tests from SciPy.

    python mrmc.py      (numpy, scipy, pandas, statsmodels)
"""
import json
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import statsmodels
import statsmodels.formula.api as smf
from scipy.stats import ttest_1samp
from statsmodels.stats.weightstats import DescrStatsW

rng = np.random.default_rng(18)


def study(sets, runs, patients):
    level = rng.normal(0.8, 0.1, patients)
    return (level + rng.normal(0, 0.04, (sets, 1, patients)) + rng.normal(0, 0.03, (sets, runs, 1))
            + rng.normal(0, 0.03, (sets, runs, patients)))


def anova(dice):
    """Mean squares of a balanced table of two sets from the classical decomposition, written out."""
    sets, runs, patients = dice.shape
    of_runs = dice.mean(2, keepdims=True)
    of_pairs = dice.mean(1, keepdims=True)
    of_sets = dice.mean((1, 2), keepdims=True)
    freedom = sets * (runs - 1)
    return (((of_runs - of_sets) ** 2).sum() / freedom,
            ((dice - of_runs - of_pairs + of_sets) ** 2).sum() / (freedom * (patients - 1)), freedom)


def mixed(dice):
    """Standard error of set 1 less set 0: the fixed effect of a model with random patients, set x patient and runs."""
    sets, runs, patients = dice.shape
    rows = [{"dice": dice[i, j, k], "set": i, "run": f"{i}-{j}", "patient": k, "pair": f"{i}-{k}", "all": 0}
            for i in range(sets) for j in range(runs) for k in range(patients)]
    parts = {"patient": "0 + C(patient)", "pair": "0 + C(pair)", "run": "0 + C(run)"}
    fitted = smf.mixedlm("dice ~ C(set)", pd.DataFrame(rows), groups="all", vc_formula=parts).fit(reml=True)
    return fitted.params["C(set)[T.1]"], fitted.bse["C(set)[T.1]"]


cases = []
for runs, patients in [(3, 8), (2, 12), (4, 10)]:
    dice = study(2, runs, patients).round(6)
    of_means, residual, freedom = anova(dice)
    estimate, error = mixed(dice)
    cases.append({"tables": dice.tolist(), "of_means": of_means, "residual": residual, "freedom": freedom,
                  "estimate": estimate, "standard_error": error})

paired = []
for patients, shift in [(8, 0.02), (20, 0.05), (48, 0.0)]:
    b = rng.normal(0.8, 0.1, patients).round(6)
    a = (b + shift + rng.normal(0, 0.04, patients)).round(6)
    found = ttest_1samp(a - b, 0)
    interval = found.confidence_interval(0.95)
    margin = 0.03
    paired.append({"a": a.tolist(), "b": b.tolist(), "p": found.pvalue, "low": interval.low, "high": interval.high,
                   "margin": margin, "p_equivalent": DescrStatsW(a - b).ttost_mean(-margin, margin)[0]})

versions = {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__}
Path("mrmc.json").write_text(json.dumps({"versions": versions, "cases": cases, "paired_t": paired}) + "\n")
