#!/usr/bin/env python3
"""Peak memory of `vesalius metrics --all` on N x 2,048 features on either side.

Usage: many_features.py VESALIUS PYTHON FOLDER N     (N = 50000 takes most of an hour; not part of run.sh)
"""
import subprocess
import sys

from rounds import timed

FEATURES = """
import sys, numpy as np
folder, n = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(0)
mixing = rng.standard_normal((64, 2048)).astype(np.float32) / 8
for name, count, shift in (("real", n, 0), ("synthetic", n, 0.02), ("held_out", n // 25, 0)):
    noise = rng.standard_normal((count, 2048)).astype(np.float32) * 0.3
    np.save(f"{folder}/{name}.npy", rng.standard_normal((count, 64)).astype(np.float32) @ mixing + noise + np.float32(shift))
"""


def main():
    vesalius, python, folder, n = sys.argv[1:]
    subprocess.run([python, "-c", FEATURES, folder, n], check=True)
    seconds, _, peak = timed([vesalius, "metrics", "--real", f"{folder}/real.npy", "--synthetic", f"{folder}/synthetic.npy",
                              "--held-out", f"{folder}/held_out.npy", "--all", "--threads", "2"])
    print(f"metrics --all on {n} against {n} features x 2,048: {seconds:.0f} s, peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
