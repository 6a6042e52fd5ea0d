#!/usr/bin/env python3
"""Numbers of the authors' StyleGAN2-ADA: networks, and the gradients of every training phase.

Their code is not on a package index: --code names a checkout of NVlabs/stylegan2-ada-pytorch
(commit d72cc7d041b42ec8e806021a205ed9349f87c6a4). It is imported, never copied.
"""
import argparse
import functools
import json
import sys
import warnings
from pathlib import Path

import torch

from pseudo import tensor

warnings.filterwarnings("ignore")
HERE = Path(__file__).resolve().parent
LATENT, STYLE, SIZE, CHANNELS, BATCH = 16, 16, 32, 3, 4
WIDTH = dict(channel_base=256, channel_max=24)


def numbers(value) -> list:
    return [float(v) for v in torch.as_tensor(value).detach().double().reshape(-1)]


def strength(name: str) -> tuple:
    """Scale and offset of a tensor's numbers; tests/golden/style.rs has the same rule."""
    scale, offset = 1.7, 0.0
    if name.endswith("noise_strength"):
        scale = 0.3
    elif name.endswith(".bias"):
        scale, offset = 0.1, 1.0 if name.endswith("affine.bias") else 0.0
    elif name.endswith("w_avg"):
        scale = 0.1
    if ".fc" in f".{name}" and name.startswith("mapping"):
        scale *= 100.0
    return scale, offset


def seed(network: torch.nn.Module, prefix: str) -> None:
    """Weights by name."""
    for name, value in list(network.named_parameters()) + list(network.named_buffers()):
        shape = list(value.shape)
        if name.endswith("resample_filter"):
            continue
        scale, offset = strength(name)
        value.data.copy_(tensor(f"{prefix}.{name}", shape or [1], scale).reshape(shape) + offset)


def summary(name: str, value: torch.Tensor) -> list:
    """Norm, and the product with numbers of its own: catches a moved, a scaled and a swapped element."""
    value = value.detach().double()
    key = tensor(f"probe.{name}", list(value.shape) or [1]).double().reshape(value.shape)
    return [float(value.norm()), float((value * key).sum())]


def gradients(network: torch.nn.Module) -> dict:
    return {n: summary(n, p.grad) for n, p in network.named_parameters() if p.grad is not None}


def augmentation() -> dict:
    """Each transformation alone, at a fixed percentile of its draw, and all of them: output and gradient."""
    from training.augment import AugmentPipe

    geometry = ["xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac"]
    colour = ["brightness", "contrast", "lumaflip", "hue", "saturation"]
    out = {}
    for names in [[n] for n in geometry + colour] + [geometry + colour]:
        for percentile in (0.3, 0.8):
            for channels in (3, 1):
                pipe = AugmentPipe(**{name: 1 for name in names})
                x = tensor("ada.image", [2, channels, 16, 20]).requires_grad_(True)
                y = pipe(x, debug_percentile=percentile)
                (y * tensor("ada.probe", list(y.shape))).sum().backward()
                key = "+".join(names) if len(names) == 1 else "all"
                out[f"{key}.{percentile}.{channels}"] = [numbers(y[:, :, ::7, ::9]), summary("ada", y), summary("ada.gradient", x.grad)]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--code", required=True, help="checkout of NVlabs/stylegan2-ada-pytorch")
    sys.path.insert(0, parser.parse_args().code)
    from training.loss import StyleGAN2Loss
    from training.networks import Discriminator, Generator

    g = Generator(LATENT, 0, STYLE, SIZE, CHANNELS, mapping_kwargs=dict(num_layers=8), synthesis_kwargs=WIDTH)
    d = Discriminator(0, SIZE, CHANNELS, **WIDTH)
    seed(g, "g")
    seed(d, "d")
    z, none = tensor("z", [BATCH, LATENT], 1.7), torch.zeros([BATCH, 0])
    real = tensor("real", [BATCH, CHANNELS, SIZE, SIZE])
    out = {}

    # Networks, piece by piece.
    g.eval()
    ws = g.mapping(z, none)
    out["mapping"] = numbers(ws[:, 0])
    out["truncated"] = numbers(g.mapping(z, none, truncation_psi=0.7)[:, 0])
    wide = {r: min(256 // r, 24) for r in (4, 8, 16, 32)}
    x = tensor("block.x", [BATCH, wide[8], 8, 8])
    y, image = g.synthesis.b16(x, tensor("block.image", [BATCH, CHANNELS, 8, 8]), ws[:, 3:6], noise_mode="const", fused_modconv=False)
    out["block"] = summary("block", y)
    out["block.image"] = summary("block.image", image)
    out["to_sample"] = numbers(g.synthesis.b4.torgb(tensor("torgb.x", [BATCH, wide[4], 4, 4]), ws[:, 1], fused_modconv=False))
    out["sample"] = numbers(g.synthesis(ws, noise_mode="const")[:, :, ::5, ::5])
    out["sample.summary"] = summary("sample", g.synthesis(ws, noise_mode="const"))
    y, _ = d.b16(tensor("down.x", [BATCH, wide[16], 16, 16]), None)
    out["down_block"] = summary("down_block", y)
    out["epilogue"] = numbers(d.b4(tensor("epilogue.x", [BATCH, wide[4], 4, 4]), None, None))
    out["logits"] = numbers(d(real, none))

    # The four phases, with constant noise and one style per sample; y of the path lengths is given.
    g.train()
    g.mapping.w_avg_beta = None
    g.synthesis.forward = functools.partial(g.synthesis.forward, noise_mode="const")
    torch.randn_like = lambda x, *a, **k: tensor("path.noise", list(x.shape), 1.7)
    loss = StyleGAN2Loss("cpu", g.mapping, g.synthesis, d, style_mixing_prob=0, r1_gamma=0.7)
    for phase, network in [("Gmain", g), ("Greg", g), ("Dmain", d), ("Dreg", d)]:
        for other in (g, d):
            other.requires_grad_(other is network)
            other.zero_grad(set_to_none=True)
        loss.accumulate_gradients(phase, real, none, z, none, True, 3.0)
        out[phase] = gradients(network)
    out["path_length.mean"] = numbers(loss.pl_mean)
    (HERE / "ada.json").write_text(json.dumps(augmentation()))
    (HERE / "stylegan2.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()
