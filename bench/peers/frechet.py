"""pytorch-fid's distance on random features. Usage: frechet.py N N2 D"""
import sys
import time

import numpy as np
from pytorch_fid.fid_score import calculate_frechet_distance

n, n2, d = map(int, sys.argv[1:4])
rng = np.random.default_rng(1)
real, fake = rng.standard_normal((n, d)), rng.standard_normal((n2, d)) * 1.1
start = time.perf_counter()
stats = [(x.mean(0), np.cov(x, rowvar=False)) for x in (real, fake)]
value = calculate_frechet_distance(*stats[0], *stats[1])
print(f"{time.perf_counter() - start:.3f} s (distance {value:.3f})")
