#!/usr/bin/env python3
"""Scores that hang on a draw, as dgm-eval gives them (--dgm-eval names a checkout of layer6ai-labs/dgm-eval, commit 74c79f7):
C_T with the k-means of 40 seeds, FD∞ of 20 draws of its subsets (NumPy's legacy generator, seeds 2020 to 2039).

    python draws.py --dgm-eval CHECKOUT
"""
import argparse
import contextlib
import importlib.util
import io
import json
from pathlib import Path

import numpy as np
from scipy import linalg
from scipy.stats import mannwhitneyu

from pseudo import uniform

HERE = Path(__file__).resolve().parent


def load(path: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> dict:
    """Training, held-out and synthetic features."""
    def cloud(name, n, d):  # sums of three, so that nothing is a box
        return uniform(f"draws.{name}", [n, 3, d]).sum(1)

    mixing = uniform("draws.mixing", [20, 90])
    def mixed(name, n):
        return cloud(name, n, 20) @ mixing + cloud(f"{name} rest", n, 90) * 0.3

    def clusters(name, n):
        x = cloud(name, n, 8)
        x[:, 0] += np.arange(n) % 3 * 20.0
        return x

    train = mixed("mixed train", 400)
    copies = train[:100] + cloud("noise", 100, 90) * 0.2
    return {
        # Nothing that three cells would be found in: each seed ends in other ones.
        "one cloud": (cloud("train", 400, 16), cloud("test", 200, 16), cloud("fake", 300, 16) * 1.1 + 0.1),
        "three clouds": (clusters("c train", 420), clusters("c test", 240), clusters("c fake", 330) * 0.98),
        "some copies": (train, mixed("mixed test", 200), np.concatenate([copies, mixed("mixed fake", 150)])),
        "wide, few": (cloud("w train", 150, 70), cloud("w test", 90, 70), cloud("w fake", 110, 70) * 0.95),
    }


def c_t(code: Path) -> dict:
    ct = load(code / "dgm_eval/metrics/ct.py", "ct")
    # It hands columns to scipy and gets an array of one back, which NumPy 2 no longer takes for a number.
    ct.mannwhitneyu = lambda a, b, alternative: mannwhitneyu(a.ravel(), b.ravel(), alternative=alternative)
    out = {}
    for name, (train, test, fake) in cases().items():
        found = []
        for seed in range(40):
            np.random.seed(seed)
            with contextlib.redirect_stderr(io.StringIO()):
                found.append(float(ct.compute_CTscore(train, test, fake)))
        out[name] = found
    return out


class Legacy:
    """What dgm-eval asks of a generator, from NumPy's legacy one."""

    def __init__(self, seed: int):
        self.state = np.random.RandomState(seed)

    def choice(self, rows, count, replace):
        return rows[self.state.choice(len(rows), count, replace=replace)]


def fd_infinity(code: Path) -> list:
    fd = load(code / "dgm_eval/metrics/fd.py", "fd")
    # SciPy no longer has the argument.
    fd.linalg = type("linalg", (), {"sqrtm": staticmethod(lambda x, disp: (linalg.sqrtm(x), disp))})
    train, _, fake = cases()["one cloud"]
    found = []
    for seed in range(2020, 2040):
        fd.np.random.default_rng = lambda: Legacy(seed)
        with contextlib.redirect_stderr(io.StringIO()):
            found.append(float(fd.compute_FD_infinity(train, fake)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dgm-eval", type=Path, required=True)
    args = parser.parse_args()
    out = {"c_t": c_t(args.dgm_eval), "fd_infinity": fd_infinity(args.dgm_eval)}
    (HERE / "draws.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
