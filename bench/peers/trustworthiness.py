"""Trustworthiness (k = 15, Euclidean, f64, all points) of maps of the same features: scikit-learn's formula, with the
ranks found once for all maps. Usage: trustworthiness.py FEATURES.npy MAP.npy...; prints a line for each map.
"""
import sys

import numpy as np

K = 15
BLOCK = 1000


def blocks(x):
    """Squared distances of some rows to all, without those to themselves."""
    norms = np.einsum("ij,ij->i", x, x)
    for first in range(0, len(x), BLOCK):
        rows = np.arange(first, min(first + BLOCK, len(x)))
        squared = norms[rows, None] + norms - 2 * x[rows] @ x.T
        squared[np.arange(len(rows)), rows] = np.inf
        yield rows, squared


def main():
    x = np.load(sys.argv[1]).astype(np.float64)
    x -= x.mean(axis=0)
    n = len(x)
    ranks = np.zeros((n, n), dtype=np.int32)
    for rows, squared in blocks(x):
        np.put_along_axis(ranks[rows[0]:rows[-1] + 1], np.argsort(squared, axis=1),
                          np.arange(1, n + 1, dtype=np.int32)[None], axis=1)
    for path in sys.argv[2:]:
        lost = 0
        for rows, squared in blocks(np.load(path).astype(np.float64)):
            near = np.argpartition(squared, K, axis=1)[:, :K]
            lost += np.maximum(ranks[rows[:, None], near] - K, 0).sum(dtype=np.int64)
        print(f"{1 - 2 / (n * K * (2 * n - 3 * K - 1)) * lost:.5f}")


if __name__ == "__main__":
    main()
