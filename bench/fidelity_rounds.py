#!/usr/bin/env python3
"""FID, KID and Inception Score of two folders of PNG files, whole processes in turn: `vesalius metrics` and torch-fidelity.

Usage: fidelity_rounds.py VESALIUS PYTHON FOLDER REAL SYNTHETIC ROUNDS
Makes REAL and SYNTHETIC files of 64x64 RGB noise and FID's network with the seeded weights of golden/generate.py: what they
show and what is learned changes no time. Neither program finds features of an earlier round.
"""
import os
import shutil
import subprocess
import sys

from rounds import compare

HERE = os.path.dirname(os.path.abspath(__file__))
INPUT = """
import sys
from pathlib import Path
import numpy as np, torch
from PIL import Image
from safetensors.torch import save_file
folder, golden, counts = Path(sys.argv[1]), sys.argv[2], [int(n) for n in sys.argv[3:]]
sys.path.insert(0, golden)
from generate import seeded_inception_weights
weights = {k: v.contiguous() for k, v in seeded_inception_weights().items() if not k.endswith("num_batches_tracked")}
torch.save(weights, folder / "weights.pth")
save_file(weights, folder / "weights.safetensors")
rng = np.random.default_rng(0)
for name, count in zip(("real", "synthetic"), counts):
    (folder / name).mkdir(exist_ok=True)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / name / f"{i:05}.png")
"""


def main():
    vesalius, python, folder, real, synthetic, rounds = sys.argv[1:]
    subprocess.run([python, "-c", INPUT, folder, f"{HERE}/../golden", real, synthetic], check=True)
    subset = str(min(1000, int(real) // 2))
    ours = [vesalius, "metrics", "--real", f"{folder}/real", "--synthetic", f"{folder}/synthetic", "--extractor", "inception",
            "--weights", f"{folder}/weights.safetensors", "--dialect", "torch-fidelity", "--kid-subset", subset,
            "--metrics", "frechet_distance,kid,inception_score", "--threads", "2", "--json"]
    peer = [python, f"{HERE}/peers/fidelity.py", folder, subset]
    environment = {**os.environ, "VESALIUS_CACHE": f"{folder}/cache"}
    compare(f"FID, KID, IS of {synthetic} against {real} images, whole process", ["ours", "torch-fidelity"], [ours, peer],
            int(rounds), before=lambda: shutil.rmtree(f"{folder}/cache", ignore_errors=True), environment=environment)


if __name__ == "__main__":
    main()
