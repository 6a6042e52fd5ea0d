#!/usr/bin/env python3
"""Scores of a visual Turing test, from SciPy, scikit-learn and statsmodels: d', AUC of ratings, Wilson intervals, Fleiss' kappa.

    python turing.py      (numpy, scipy, scikit-learn, statsmodels)
"""
import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
import statsmodels
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

READERS, COMMON, OWN = 4, 24, 16
rng = np.random.default_rng(5)
difficulty = {}
readers, verdicts = [], []
for reader in range(READERS):
    rows = []
    skill = [0.3, 0.8, 1.2, 2.0][reader]
    for place in range(COMMON + OWN):
        # The first pictures are everybody's.
        picture = place if place < COMMON else COMMON + reader * OWN + place - COMMON
        synthetic = picture % 2
        base = difficulty.setdefault(picture, rng.normal())
        evidence = skill * (synthetic - 0.5) + 0.5 * base + 0.8 * rng.normal()
        rows.append([picture, synthetic, int(evidence > 0), int(np.clip(np.ceil(abs(evidence) * 2.5), 1, 5))])
    table = np.array(rows)
    signal, called = table[:, 1] == 1, table[:, 2] == 1
    rating = np.where(called, table[:, 3], 1 - table[:, 3])
    n_signal, n_noise = signal.sum(), (~signal).sum()
    hits, alarms = (signal & called).sum(), (~signal & called).sum()
    right = hits + n_noise - alarms

    def wilson(k, n):
        return list(binomtest(int(k), int(n)).proportion_ci(method="wilson"))

    readers.append({
        "rows": rows,
        "accuracy": right / len(rows), "accuracy_interval": wilson(right, len(rows)),
        "sensitivity": hits / n_signal, "sensitivity_interval": wilson(hits, n_signal),
        "specificity": 1 - alarms / n_noise, "specificity_interval": wilson(n_noise - alarms, n_noise),
        "d_prime": norm.ppf((hits + 0.5) / (n_signal + 1)) - norm.ppf((alarms + 0.5) / (n_noise + 1)),
        "auc": roc_auc_score(signal, rating),
    })
    verdicts.append(table[:COMMON, 2])

counts, _ = aggregate_raters(np.array(verdicts).T)
golden = {
    "versions": {"scipy": scipy.__version__, "scikit-learn": sklearn.__version__, "statsmodels": statsmodels.__version__},
    "quantiles": [[p, norm.ppf(p)] for p in [1e-9, 1e-4, 0.005, 0.074, 0.076, 0.3, 0.5, 0.71, 0.95, 0.9999]],
    "readers": readers,
    "kappa": fleiss_kappa(counts, method="fleiss"),
}


def plain(value):
    return value.item() if hasattr(value, "item") else value


text = json.dumps(golden, default=plain)
Path(__file__).with_name("turing.json").write_text(text.replace('"rows"', '\n"rows"').replace("}, {", "},\n{") + "\n")
