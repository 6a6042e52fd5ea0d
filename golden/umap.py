#!/usr/bin/env python3
"""Maps, from umap-learn's own functions on a small set: scales and memberships of the fuzzy graph, fitted a and b; and
trustworthiness of umap-learn's map, from scikit-learn.

    python umap.py
"""
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.pop(0)  # this file has the package's name
import umap
from umap.umap_ import find_ab_params, fuzzy_simplicial_set
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

sys.path.insert(0, str(HERE))
from pseudo import uniform

K = 15


def crowds() -> np.ndarray:
    """Six crowds of 50 points on curved sheets in 40 dimensions; f32. Only sums, products and comparisons, so that both
    programs have the same bits up to rounding."""
    sheets = []
    for i in range(6):
        z = uniform(f"umap.latent.{i}", [50, 3])
        hidden = np.maximum(z @ uniform(f"umap.first.{i}", [3, 24]), 0)
        sheets.append(hidden @ uniform(f"umap.second.{i}", [24, 40]) + uniform(f"umap.centre.{i}", [1, 40]) * 1.5)
    return np.concatenate(sheets).astype(np.float32)


def main():
    x = crowds()
    distances, indices = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(x.astype(np.float64)).kneighbors()
    # umap-learn counts the point itself among its neighbours.
    own = np.arange(len(x))[:, None]
    indices = np.concatenate([own, indices[:, : K - 1]], axis=1).astype(np.int32)
    distances = np.concatenate([np.zeros((len(x), 1)), distances[:, : K - 1]], axis=1).astype(np.float32)
    graph, sigmas, rhos = fuzzy_simplicial_set(
        x, K, np.random.RandomState(1), "euclidean", knn_indices=indices, knn_dists=distances
    )
    graph = graph.tocsr()
    graph.sort_indices()
    mapped = [umap.UMAP(random_state=seed).fit_transform(x) for seed in (1, 2, 3, 4, 5)]
    fits = [(1.0, 0.1), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0)]
    linear = x[:, :2]  # a map that both programs have
    out = {
        "indices": indices[:20].ravel().tolist(),
        "sigmas": sigmas.astype(float).tolist(),
        "rhos": rhos.astype(float).tolist(),
        "starts": graph.indptr.tolist(),
        "ends": graph.indices.tolist(),
        "weights": [round(float(v), 7) for v in graph.data],
        "curves": [{"min_dist": d, "ab": [float(v) for v in find_ab_params(s, d)]} for s, d in fits],
        "trustworthiness_of_two_columns": float(trustworthiness(x, linear, n_neighbors=K)),
        "trustworthiness": [float(trustworthiness(x, m, n_neighbors=K)) for m in mapped],
        "versions": {"umap-learn": umap.__version__},
    }
    (HERE / "umap.json").write_text(json.dumps(out) + "\n")
    print(out["curves"], out["trustworthiness_of_two_columns"], out["trustworthiness"])


if __name__ == "__main__":
    main()
