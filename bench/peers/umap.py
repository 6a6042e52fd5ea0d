"""umap-learn's map of features in a file, with its defaults: no seed, so on all threads. Usage: umap.py FEATURES.npy MAP.npy"""
import sys

sys.path.pop(0)  # this file has the package's name
import numpy as np
import umap

np.save(sys.argv[2], umap.UMAP().fit_transform(np.load(sys.argv[1])))
