"""Hyperparameter importance by functional ANOVA, for the tests of `statistics/fanova.rs`.

scikit-learn's random forest with the settings that Optuna's FanovaImportanceEvaluator gives it (64 trees, depth 64), one
column per value of an unordered setting; each tree's variance over all combinations of the values is decomposed by the
definition (Hutter, Hoos, Leyton-Brown 2014), going through every combination.

    python fanova.py > fanova.json
"""

import itertools
import json

import numpy as np
from sklearn.ensemble import RandomForestRegressor

TREES = 64
FORESTS = 32


def columns(rows, levels, ordered):
    found = []
    for i, (count, in_order) in enumerate(zip(levels, ordered)):
        found += [rows[:, i]] if in_order else [(rows[:, i] == v).astype(float) for v in range(count)]
    return np.stack(found, axis=1).astype(float)


def shares(tree, levels, ordered):
    every = np.array(list(itertools.product(*[range(count) for count in levels])))
    values = tree.predict(columns(every, levels, ordered)).reshape(levels)
    variance = values.var()
    axes = range(len(levels))
    return [values.mean(axis=tuple(a for a in axes if a != i)).var() / variance for i in axes]


def case(seed, levels, ordered, count, function, noise):
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.integers(0, n, count) for n in levels], axis=1)
    targets = np.array([function(row) for row in rows]) + noise * rng.standard_normal(count)
    all_shares = []
    for forest_seed in range(FORESTS):
        forest = RandomForestRegressor(TREES, max_depth=64, min_samples_split=2, random_state=forest_seed)
        forest.fit(columns(rows, levels, ordered), targets)
        all_shares.append([shares(tree, levels, ordered) for tree in forest.estimators_])
    all_shares = np.array(all_shares)
    # A few odd bootstrap samples make the deviation of 64 trees vary twofold from forest to forest: its range is recorded.
    deviations = all_shares.std(axis=1)
    return {
        "levels": levels,
        "ordered": ordered,
        "values": rows.tolist(),
        "targets": targets.tolist(),
        "share": all_shares.mean(axis=(0, 1)).tolist(),
        "deviation": all_shares.std(axis=(0, 1)).tolist(),
        "deviation_range": np.stack([deviations.min(axis=0), deviations.max(axis=0)], axis=1).tolist(),
    }


print(json.dumps([
    case(1, [2, 3, 4], [True, False, True], 60, lambda r: 3 * r[0] + [0, 0, 2][r[1]] + r[2] * r[0], 0.5),
    case(2, [5, 4], [True, False], 40, lambda r: r[0] ** 2 * [1, 2, 0, -1][r[1]], 1.0),
    case(3, [2, 2, 6, 3], [True, False, True, False], 100, lambda r: np.exp(0.5 * r[2]) + r[0] + r[3], 0.1),
]))
