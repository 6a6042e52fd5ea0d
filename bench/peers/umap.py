"""umap-learn's maps of features in files, with its defaults: no seed, so on all threads.

Reads lines `FEATURES.npy MAP.npy` and answers each with the seconds of its neighbours and of all that follows them. Up
to 4,096 points the neighbours are inside the second number. The first answer has the package's compiling in it.
"""
import sys
import time

sys.path.pop(0)  # this file has the package's name
import numpy as np
import umap
from umap import umap_

searching = umap_.nearest_neighbors
spent = 0.0


def search(*arguments, **named):
    """umap-learn's own search, with a clock."""
    global spent
    begun = time.perf_counter()
    found = searching(*arguments, **named)
    spent = time.perf_counter() - begun
    return found


umap_.nearest_neighbors = search
for line in sys.stdin:
    features, plane = line.split()
    x = np.load(features)
    begun = time.perf_counter()
    found = umap.UMAP().fit_transform(x)
    took = time.perf_counter() - begun
    np.save(plane, found)
    print(f"{spent:.3f} {took - spent:.3f}", flush=True)
