#!/usr/bin/env python3
"""Load a trained run's averaged generator strictly into the authors' code.

  check_reference.py stylegan2 CHECKOUT RUN
  check_reference.py spade CHECKOUT RUN

CHECKOUT is a copy of NVlabs/stylegan2-ada-pytorch or NVlabs/SPADE. Needs torch, safetensors and that code's packages. Prints
the mean and standard deviation of a generated batch; any missing, extra or wrongly shaped tensor is an error.
"""
import sys
import tomllib
import types
from pathlib import Path

import torch
from safetensors.torch import load_file


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    family, code, run = sys.argv[1:]
    sys.path.insert(0, code)
    spec = tomllib.loads((Path(run) / "task.toml").read_text())["networks"]
    newest = sorted((Path(run) / "checkpoints").glob("kimg_*"))[-1]
    state = load_file(newest / "averaged.safetensors")
    if family == "stylegan2":
        from training.networks import Generator

        channels = state["synthesis.b4.torgb.bias"].shape[0]
        size = max(int(k.split(".")[1][1:]) for k in state if k.startswith("synthesis.b"))
        m = spec["mapping"]
        g = Generator(m["latent"], 0, m["style"], size, channels, mapping_kwargs=dict(num_layers=m["layers"]), synthesis_kwargs=spec["generator"])
        g.load_state_dict(state, strict=True)
        y = g.eval()(torch.randn(4, m["latent"]), torch.zeros(4, 0), noise_mode="const")
    else:
        stand_in = types.ModuleType("models.networks.sync_batchnorm")
        stand_in.SynchronizedBatchNorm2d = torch.nn.BatchNorm2d
        sys.modules["models.networks.sync_batchnorm"] = stand_in
        from models.networks.generator import SPADEGenerator

        g_state = {k: v for k, v in state.items() if not k.startswith("encoder.")}
        classes, style = g_state["head_0.norm_0.mlp_shared.0.weight"].shape[1], spec["generator"]["style"]
        filters = spec["generator"]["filters"]
        size = 32 * round((g_state["fc.bias"].shape[0] / (16 * filters)) ** 0.5) if style else 64
        opt = types.SimpleNamespace(
            ngf=filters, semantic_nc=classes, norm_G="spectralspadesyncbatch3x3", use_vae=style > 0, z_dim=style,
            crop_size=size, aspect_ratio=1.0, num_upsampling_layers=spec["generator"]["depth"],
        )
        g = SPADEGenerator(opt)
        outputs = g_state["conv_img.bias"].shape[0]
        g.conv_img = torch.nn.Conv2d(g.conv_img.in_channels, outputs, 3, padding=1)  # fixed at 3 there
        g.load_state_dict(g_state, strict=True)
        layout = torch.nn.functional.one_hot(torch.randint(0, classes, (4, size, size)), classes).permute(0, 3, 1, 2).float()
        y = g.eval()(layout, torch.randn(4, style) if style else None)
    print(f"{newest.name}: {len(state)} tensors loaded strictly; a batch of {list(y.shape)}: mean {y.mean():.3f}, std {y.std():.3f}")


if __name__ == "__main__":
    main()
