#!/usr/bin/env python3
"""`vesalius map` (with its trustworthiness and all files) and umap-learn on the same features, whole processes in turn.

Usage: umap_rounds.py VESALIUS PYTHON FOLDER ROUNDS
Makes 10,000 x 2,048 features (eight crowds on curved sheets) and halves them for --real and --synthetic.
"""
import os
import shutil
import subprocess
import sys

from rounds import compare

SHEETS = """
import sys, numpy as np
rng = np.random.default_rng(0)
crowds = []
for _ in range(8):
    z = rng.standard_normal((1250, 6)) * 0.7
    h = np.maximum(z @ rng.standard_normal((6, 256)) + rng.standard_normal(256) * 0.5, 0)
    h = np.maximum(h @ rng.standard_normal((256, 2048)) / 16 + rng.standard_normal(2048) * 0.2, 0)
    crowds.append(h + rng.standard_normal(h.shape) * 0.05)
x = np.concatenate(crowds).astype(np.float32)[rng.permutation(10000)]
np.save(sys.argv[1] + "/all.npy", x)
np.save(sys.argv[1] + "/real.npy", x[:5000])
np.save(sys.argv[1] + "/synthetic.npy", x[5000:])
"""


def main():
    vesalius, python, folder, rounds = sys.argv[1:]
    subprocess.run([python, "-c", SHEETS, folder], check=True)
    here = os.path.dirname(os.path.abspath(__file__))
    ours = [vesalius, "map", "--real", f"{folder}/real.npy", "--synthetic", f"{folder}/synthetic.npy",
            "--count", "10000", "--out", f"{folder}/map", "--threads", "2"]
    peer = [python, f"{here}/peers/umap.py", f"{folder}/all.npy", f"{folder}/peer.npy"]
    compare("map of 10,000 x 2,048, whole process", ["ours", "umap-learn"], [ours, peer], int(rounds),
            before=lambda: shutil.rmtree(f"{folder}/map", ignore_errors=True))


if __name__ == "__main__":
    main()
