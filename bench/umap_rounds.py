#!/usr/bin/env python3
"""Times whole processes in turn: `vesalius map` (with its trustworthiness and all files) and umap-learn on the same features.

Usage: umap_rounds.py VESALIUS PYTHON FOLDER ROUNDS
Makes 10,000 x 2,048 features (eight crowds on curved sheets), halves them for --real and --synthetic, and prints per
round wall-clock and processor seconds of both, then the ratio of the medians of either, with the machine's load.
"""
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

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


def timed(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - start, used


def main():
    vesalius, python, folder, rounds = sys.argv[1:]
    subprocess.run([python, "-c", SHEETS, folder], check=True)
    here = os.path.dirname(os.path.abspath(__file__))
    ours = [vesalius, "map", "--real", f"{folder}/real.npy", "--synthetic", f"{folder}/synthetic.npy",
            "--count", "10000", "--out", f"{folder}/map", "--threads", "2"]
    peer = [python, f"{here}/peers/umap.py", f"{folder}/all.npy", f"{folder}/peer.npy"]
    times = [[], []]
    for round_ in range(int(rounds)):
        for i in (0, 1) if round_ % 2 == 0 else (1, 0):
            shutil.rmtree(f"{folder}/map", ignore_errors=True)
            times[i].append(timed((ours, peer)[i]))
        text = ", ".join(f"{name} {t[-1][0]:.1f} s ({t[-1][1]:.1f} s of processor)" for name, t in zip(("ours", "umap-learn"), times))
        print(f"{text}; load {os.getloadavg()[0]:.1f}", flush=True)
    for j, what in enumerate(("wall clock", "processor")):
        values = [[t[j] for t in side] for side in times]
        ours, peer = (statistics.median(v) for v in values)
        spread = [f"{statistics.median(v):.1f} [{min(v):.1f}, {max(v):.1f}]" for v in values]
        print(f"| map of 10,000 x 2,048, whole process, {what} (s) | {peer / ours:.1f}x | {spread[0]} | {spread[1]}, umap-learn |")


if __name__ == "__main__":
    main()
