#!/usr/bin/env python3
"""Fidelity, copying and likeness, from the packages that define them: torch-fidelity (KID, Inception Score), prdc
(clovaai), dgm-eval (AuthPct, C_T; --dgm-eval names a checkout of layer6ai-labs/dgm-eval, commit 74c79f7), scikit-image (SSIM, PSNR), lpips.

    python metrics.py --dgm-eval CHECKOUT
"""
import argparse
import contextlib
import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import torch
from prdc import compute_prdc
from scipy.stats import mannwhitneyu
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.linear_model import LinearRegression
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from pytorch_fid.fid_score import calculate_frechet_distance

from lpips_features import seeded
from pseudo import tensor, uniform

HERE = Path(__file__).resolve().parent
torch.set_num_threads(2)


def clouds() -> dict:
    """Real, synthetic (some of them near copies) and held-out features of 80 dimensions."""
    mixing = uniform("metrics.mixing", [80, 80]) / 4
    real = uniform("metrics.real", [420, 80]) @ mixing
    fresh = uniform("metrics.synthetic", [500, 80]) @ mixing * 0.9 + 0.02
    copies = real[:100] + uniform("metrics.noise", [100, 80]) * 0.02
    held_out = uniform("metrics.held_out", [300, 80]) @ mixing
    return {"real": real, "synthetic": np.concatenate([fresh, copies]), "held_out": held_out}


def load(path: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def moments(x):
    return x.mean(0), np.cov(x, rowvar=False)


def fd_infinity(real, synthetic) -> float:
    """dgm-eval's compute_FD_infinity with NumPy's legacy generator for its draws and pytorch-fid's distance."""
    sizes = np.linspace(min(5000, max(len(synthetic) // 10, 2)), len(synthetic), 15).astype("int32")
    rng = np.random.RandomState(2020)
    found = []
    for size in sizes:
        subset = synthetic[rng.choice(len(synthetic), size, replace=False)]
        found.append(calculate_frechet_distance(*moments(real), *moments(subset)))
    line = LinearRegression().fit(1 / sizes.reshape(-1, 1), np.array(found).reshape(-1, 1))
    return float(line.predict(np.array([[0]]))[0, 0])


def copying(code: Path, sets: dict) -> dict:
    authpct = load(code / "dgm_eval/metrics/authpct.py", "authpct")
    ct = load(code / "dgm_eval/metrics/ct.py", "ct")
    # It hands columns to scipy and gets an array of one back, which NumPy 2 no longer takes for a number.
    ct.mannwhitneyu = lambda a, b, alternative: mannwhitneyu(a.ravel(), b.ravel(), alternative=alternative)
    real, synthetic, held_out = (sets[name] for name in ("real", "synthetic", "held_out"))
    # Cells from centres that both programs know; the principal components are the script's.
    centres = real[:3]
    cells = [np.argmin(((x[:, None] - centres[None]) ** 2).sum(-1), axis=1) for x in (held_out, synthetic, real)]
    of_cells = ct.C_T(held_out, cells[0], synthetic, cells[1], real, cells[2], tau=20 / len(synthetic))
    with contextlib.redirect_stderr(io.StringIO()):
        one_cell = ct.preprcoess_ct(real, held_out, synthetic)
    projected = ct.Zu(one_cell[1], one_cell[2], one_cell[0])
    return {
        "auth_pct": authpct.compute_authpct(real, synthetic),
        "c_t_cells": float(of_cells),
        "z_projected": float(projected),
        "projected_norms": np.linalg.norm(one_cell[2][:20], axis=1).tolist(),
    }


def pictures() -> dict:
    a = ((uniform("likeness.a", [2, 3, 40, 48]) + 1) * 127.5).round().astype(np.uint8)
    b = np.clip(a * 0.8 + (uniform("likeness.b", [2, 3, 40, 48]) + 1) * 20, 0, 255).astype(np.uint8)
    out = {"ssim": [], "psnr": []}
    for x, y in zip(a, b):
        x, y = x.transpose(1, 2, 0), y.transpose(1, 2, 0)
        out["ssim"].append(float(structural_similarity(
            x, y, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)))
        out["psnr"].append(float(peak_signal_noise_ratio(x, y, data_range=255)))
    return out


def seeded_lpips() -> dict:
    out = {}
    a, b = tensor("lpips.a", [2, 3, 64, 72], 1.0), tensor("lpips.b", [2, 3, 64, 72], 1.0)
    for net in ("alex", "vgg"):
        with torch.no_grad():
            out[net] = seeded(net)(a, b).reshape(-1).double().tolist()
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dgm-eval", type=Path, required=True)
    args = parser.parse_args()
    sets = clouds()
    real, synthetic = sets["real"], sets["synthetic"]
    kid = kid_features_to_metric(
        torch.from_numpy(synthetic), torch.from_numpy(real), kid_subsets=100, kid_subset_size=200, kid_kernel="poly",
        kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1, rng_seed=2020, verbose=False)
    logits = torch.from_numpy(uniform("metrics.logits", [233, 12]) * 3)
    score = isc_features_to_metric(logits, splits=10, shuffle=True, rng_seed=2020)
    with contextlib.redirect_stdout(io.StringIO()):
        prdc = compute_prdc(real, synthetic, nearest_k=5)
    out = {
        "kid": [kid["kernel_inception_distance_mean"], kid["kernel_inception_distance_std"]],
        "inception_score": [score["inception_score_mean"], score["inception_score_std"]],
        "prdc": {name: float(value) for name, value in prdc.items()},
        "fd_infinity": fd_infinity(real, synthetic),
        **copying(args.dgm_eval, sets),
        **pictures(),
        "lpips": seeded_lpips(),
    }
    (HERE / "metrics.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
