#!/usr/bin/env python3
"""Converted weights and the pictures the authors' code makes of them: small StyleGAN2-ADA and SPADE checkpoints, written
as their own trainers write them and converted by scripts/convert_reference.py.

--stylegan2 and --spade name the checkouts that stylegan2.py and spade.py describe.
"""
import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

import spade
from pseudo import tensor
from stylegan2 import numbers

HERE = Path(__file__).resolve().parent
SIZE, CHANNELS = 32, 3


def convert(*arguments) -> list:
    script = HERE.parent / "scripts" / "convert_reference.py"
    done = subprocess.run([sys.executable, script, *map(str, arguments)], check=True, capture_output=True, text=True)
    return done.stdout.split("--set ")[1:]


def stylegan2(code: str, folder: Path) -> dict:
    sys.path.insert(0, code)
    from training.networks import Discriminator, Generator

    torch.manual_seed(1)
    width = dict(channel_base=128, channel_max=8)
    g = Generator(8, 0, 8, SIZE, CHANNELS, mapping_kwargs=dict(num_layers=2), synthesis_kwargs=width)
    d = Discriminator(0, SIZE, CHANNELS, **width)
    for name, value in g.named_parameters():
        if name.endswith("noise_strength"):
            value.data.fill_(0.1)
    with open(folder / "network.pkl", "wb") as file:
        pickle.dump(dict(G=g, D=d, G_ema=g.eval()), file)
    settings = convert("stylegan2", "--code", code, folder / "network.pkl", HERE / "stylegan2-tiny.safetensors")
    z = tensor("convert.z", [2, 8], 1.7)
    picture = g(z, torch.zeros([2, 0]), noise_mode="const")
    logits = d(tensor("convert.real", [4, CHANNELS, SIZE, SIZE]), None)
    return dict(settings=[s.strip() for s in settings], picture=numbers(picture[:, :, ::3, ::3]), logits=numbers(logits))


def painted(code: str, folder: Path) -> dict:
    """SPADE's converted file would be 2 MB: it is compared here, and tests/golden/convert.rs writes its like."""
    sys.path.insert(0, code)
    stand_in = types.ModuleType("models.networks.sync_batchnorm")
    stand_in.SynchronizedBatchNorm2d = nn.BatchNorm2d
    sys.modules["models.networks.sync_batchnorm"] = stand_in
    from models.networks.discriminator import MultiscaleDiscriminator
    from models.networks.generator import SPADEGenerator

    opt = spade.options()
    states = {"generator": SPADEGenerator(opt).state_dict(), "discriminator": MultiscaleDiscriminator(opt).state_dict()}
    for name, state in states.items():
        torch.save(state, folder / f"{name}.pth")
    out = folder / "spade.safetensors"
    parts = [x for name in states for x in (f"--{name}", folder / f"{name}.pth")]
    settings = convert("spade", *parts, "--size", "64x64", out)
    converted = load_file(out)
    expected = {f"{n}.{k}": v for n, s in states.items() for k, v in s.items() if not k.endswith("num_batches_tracked")}
    assert converted.keys() == expected.keys() and all(torch.equal(converted[k], v) for k, v in expected.items())
    return dict(settings=[s.strip() for s in settings], names=sorted(converted))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stylegan2", required=True)
    parser.add_argument("--spade", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = {"stylegan2": stylegan2(arguments.stylegan2, Path(folder)), "spade": painted(arguments.spade, Path(folder))}
    (HERE / "convert.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()
