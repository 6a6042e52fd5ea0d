#!/usr/bin/env python3
"""Runs the reference implementations and writes their numbers beside this file, as JSON.

Versions: requirements.txt. DiffAugment is not on a package index: the authors' file
(mit-han-lab/data-efficient-gans, DiffAugment_pytorch.py, commit 0b6339510be1e3859d360cbf464d0a425514a6b4)
is named by --diffaugment.
"""
import argparse
import json
import sys
from importlib import metadata, util
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from pseudo import tensor, uniform

HERE = Path(__file__).resolve().parent
torch.set_num_threads(2)


def numbers(value) -> list:
    return [float(v) for v in torch.as_tensor(value).detach().double().reshape(-1)]


# --- adversarial losses and their gradients: PyTorch's own functions --------------------------------------------


def losses() -> dict:
    real, fake = tensor("logits.real", [16], 3.0), tensor("logits.fake", [16], 3.0)

    def bce(logits, target):
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))

    def mse(logits, target):
        return 0.5 * F.mse_loss(logits, torch.full_like(logits, target))

    table = {
        "non_saturating": [lambda r: bce(r, 1.0), lambda f: bce(f, 0.0), lambda f: bce(f, 1.0)],
        "non_saturating_smooth": [lambda r: bce(r, 0.9), lambda f: bce(f, 0.0), lambda f: bce(f, 1.0)],
        "least_squares": [lambda r: mse(r, 1.0), lambda f: mse(f, 0.0), lambda f: mse(f, 1.0)],
        "wasserstein": [lambda r: -r.mean(), lambda f: f.mean(), lambda f: -f.mean()],
        "hinge": [lambda r: F.relu(1 - r).mean(), lambda f: F.relu(1 + f).mean(), lambda f: -f.mean()],
    }
    out = {}
    for name, functions in table.items():
        rows = []
        for function, logits in zip(functions, [real, fake, fake]):
            x = logits.clone().requires_grad_(True)
            value = function(x)
            value.backward()
            rows.append({"value": float(value), "gradient": numbers(x.grad)})
        out[name] = rows
    return out


# --- whole training steps: DCGAN as PyTorch's tutorial writes it ------------------------------------------------


# Sides, and the halvings on the way down: factor and kernel along each axis (kernel 4 where the factor is 2).
PICTURES = dict(sides=[64, 64], base=[4, 4], levels=[([2, 2], [3, 3])] * 4)
# 8 planes three times as far apart as pixels: planes are looked along once they are not, and halved once.
VOLUMES = dict(
    sides=[8, 32, 32], base=[4, 4, 4],
    levels=[([1, 2, 2], [1, 3, 3]), ([2, 2, 2], [3, 3, 3]), ([1, 2, 2], [3, 3, 3])],
)


def dcgan(filters: int, latent: int, channels: int, norm: str, spectral: bool, scale: float, shape: dict):
    levels = shape["levels"]
    volume = len(shape["sides"]) == 3
    convolution, transposed_convolution, batch_norm = (
        (nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d) if volume else (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
    )
    multiples = [2**i for i in range(len(levels))]

    def halving(level):
        factor, kernel = level
        kernel = [4 if f == 2 else k for f, k in zip(factor, kernel)]
        return dict(kernel_size=kernel, stride=factor, padding=[1 if k == 4 else k // 2 for k in kernel])

    def conv(layer, name, transposed=False):
        layer.weight.data = tensor(f"{name}.weight", list(layer.weight.shape), scale)
        if layer.bias is not None:
            layer.bias.data = tensor(f"{name}.bias", list(layer.bias.shape), scale)
        if spectral and not transposed:
            layer = nn.utils.spectral_norm(layer)
            rows = layer.weight_orig.shape[0]
            columns = layer.weight_orig[0].numel()
            u, v = tensor(f"{name}.u", [rows]), tensor(f"{name}.v", [columns])
            layer.weight_u.copy_(u / u.norm())
            layer.weight_v.copy_(v / v.norm())
        return layer

    def normed(name, width, kind):
        if kind == "none":
            return []
        layer = batch_norm(width) if kind == "batch" else nn.GroupNorm(1, width)
        layer.weight.data = 1 + tensor(f"{name}.weight", [width], 0.1)
        layer.bias.data = tensor(f"{name}.bias", [width], 0.1)
        return [layer]

    g, width = [], latent
    for i, multiple in enumerate(reversed(multiples)):
        geometry = dict(kernel_size=shape["base"]) if i == 0 else halving(levels[-i])
        layer = transposed_convolution(width, filters * multiple, **geometry, bias=False)
        g += [conv(layer, f"generator.blocks.{i}.conv", True)]
        width = filters * multiple
        g += normed(f"generator.blocks.{i}.norm", width, "batch") + [nn.ReLU(True)]
    g += [conv(transposed_convolution(width, channels, **halving(levels[0])), "generator.last", True), nn.Tanh()]

    d, width = [], channels
    for i, multiple in enumerate(multiples):
        kind = "none" if i == 0 else norm
        layer = convolution(width, filters * multiple, **halving(levels[i]), bias=kind == "none")
        d += [conv(layer, f"discriminator.blocks.{i}.conv")]
        width = filters * multiple
        d += normed(f"discriminator.blocks.{i}.norm", width, kind) + [nn.LeakyReLU(0.2)]
    d += [conv(convolution(width, 1, shape["base"]), "discriminator.head")]
    return nn.Sequential(*g), nn.Sequential(*d)


PRESETS = {
    "dcgan": dict(loss="bce", norm="batch", spectral=False, critic=1, clip=0.0, penalty=0.0, latent=100),
    "lsgan": dict(loss="mse", norm="batch", spectral=False, critic=1, clip=0.0, penalty=0.0, latent=100),
    "wgan": dict(loss="mean", norm="batch", spectral=False, critic=2, clip=0.01, penalty=0.0, latent=100),
    "wgan-gp": dict(loss="mean", norm="layer", spectral=False, critic=2, clip=0.0, penalty=10.0, latent=128),
    "hinge": dict(loss="hinge", norm="none", spectral=True, critic=1, clip=0.0, penalty=0.0, latent=128),
}
# Small, so that hardly an activation lies within rounding of a rectifier's kink: one flipped sign there moves the
# losses of later steps by 1e-4.
SMALL = dict(filters=8, batch=4, scale=0.05, critic={}, kind=torch.float32)
# As bench/ times them, with weights as wide as DCGAN's (a standard deviation of 0.02). In f64: in f32 PyTorch on one
# thread and on two differ by 4e-3 of a loss at the fifth step.
LARGE = dict(filters=64, batch=32, scale=0.02 * 3**0.5, critic={"wgan-gp": 5}, kind=torch.float64)
STEPS, CHANNELS = 5, 2


def training(name: str, size: dict, shape: dict = PICTURES) -> dict:
    p = PRESETS[name]
    batch, critic, kind = size["batch"], size["critic"].get(name, p["critic"]), size["kind"]
    g, d = (net.to(kind) for net in dcgan(size["filters"], p["latent"], CHANNELS, p["norm"], p["spectral"], size["scale"], shape))
    sides, ones = shape["sides"], [1] * len(shape["sides"])

    def draw(name, shape, scale=1.0):
        return tensor(name, shape, scale).to(kind)

    if p["clip"]:
        optimisers = [torch.optim.RMSprop(net.parameters(), 5e-5) for net in (g, d)]
    elif p["penalty"]:
        optimisers = [torch.optim.Adam(net.parameters(), 1e-4, (0.0, 0.9)) for net in (g, d)]
    else:
        optimisers = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (g, d)]
    optimise_g, optimise_d = optimisers

    def judge(logits, side):
        if p["loss"] == "bce":
            target = {"real": 1.0, "fake": 0.0, "generator": 1.0}[side]
            return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
        if p["loss"] == "mse":
            target = {"real": 1.0, "fake": 0.0, "generator": 1.0}[side]
            return 0.5 * F.mse_loss(logits, torch.full_like(logits, target))
        if p["loss"] == "hinge" and side != "generator":
            return F.relu(1 - logits).mean() if side == "real" else F.relu(1 + logits).mean()
        return logits.mean() if side == "fake" else -logits.mean()

    rows = []
    for step in range(STEPS):
        for k in range(critic):
            if p["clip"]:
                for weight in d.parameters():
                    weight.data.clamp_(-p["clip"], p["clip"])
            real = draw(f"real.{step}.{k}", [batch, CHANNELS, *sides])
            z = draw(f"z.{step}.{k}", [batch, p["latent"]], 1.7).reshape(batch, -1, *ones)
            fake = g(z)
            optimise_d.zero_grad()
            on_real = judge(d(real).view(-1), "real")
            on_fake = judge(d(fake.detach()).view(-1), "fake")
            total = on_real + on_fake
            if p["penalty"]:
                epsilon = (draw(f"epsilon.{step}.{k}", [batch, 1, *ones]) + 1) / 2
                mixed = (epsilon * real + (1 - epsilon) * fake.detach()).requires_grad_(True)
                gradient = torch.autograd.grad(d(mixed).sum(), mixed, create_graph=True)[0]
                total = total + p["penalty"] * ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
            total.backward()
            optimise_d.step()
        optimise_g.zero_grad()
        generator = judge(d(fake).view(-1), "generator")
        generator.backward()
        optimise_g.step()
        rows.append([float(total), float(generator)])
    return {"losses": rows}


# --- DiffAugment: the authors' file, its random numbers replaced ------------------------------------------------


def diffaugment(path: str) -> dict:
    spec = util.spec_from_file_location("diffaugment", path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x = tensor("diffaugment.image", [2, 3, 8, 12])
    draw = (tensor("diffaugment.uniform", [2, 1, 1, 1]) + 1) / 2
    shifts = [torch.tensor([[[-1]], [[1]]]), torch.tensor([[[2]], [[0]]])]
    offsets = [torch.tensor([[[0]], [[7]]]), torch.tensor([[[5]], [[12]]])]
    rand, randint = torch.rand, torch.randint
    out = {}
    try:
        torch.rand = lambda *a, **k: draw
        for name in ["rand_brightness", "rand_saturation", "rand_contrast"]:
            out[name] = numbers(getattr(module, name)(x))
        for name, values in [("rand_translation", shifts), ("rand_cutout", offsets)]:
            queue = list(values)
            torch.randint = lambda *a, **k: queue.pop(0)
            out[name] = numbers(getattr(module, name)(x))
    finally:
        torch.rand, torch.randint = rand, randint
    return out


# --- Fréchet distance: pytorch-fid ------------------------------------------------------------------------------


def frechet() -> dict:
    from pytorch_fid.fid_score import calculate_frechet_distance

    def of(real, fake):
        stats = [(x.mean(0), np.cov(x, rowvar=False)) for x in (real, fake)]
        return float(calculate_frechet_distance(*stats[0], *stats[1]))

    mixing = uniform("frechet.mixing", [24, 24])
    many = uniform("frechet.real", [200, 24]) @ mixing
    others = uniform("frechet.fake", [300, 24]) @ mixing * 1.3 + 0.2
    few = uniform("frechet.few", [9, 24]) @ mixing
    return {"full_rank": of(many, others), "few_real": of(few, others)}


# --- FID's network and its three input treatments ---------------------------------------------------------------


def seeded_inception_weights() -> dict:
    """A state dictionary of FID's network: every value a function of its name."""
    import pytorch_fid.inception as reference

    empty = reference._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    state = {}
    for name, value in empty.state_dict().items():
        shape = list(value.shape)
        if name.endswith("num_batches_tracked"):
            state[name] = value
        elif name.endswith("bn.weight") or name.endswith("running_var"):
            state[name] = 1 + tensor(f"inception.{name}", shape, 0.2)
        elif value.dim() == 4:
            fan_in = value[0].numel()
            state[name] = tensor(f"inception.{name}", shape, (6.0 / fan_in) ** 0.5)
        else:
            state[name] = tensor(f"inception.{name}", shape, 0.1)
    return state


def inception() -> dict:
    import pytorch_fid.inception as reference
    from cleanfid.resize import make_resizer
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    reference.load_state_dict_from_url = lambda *args, **kwargs: seeded_inception_weights()
    model = reference.InceptionV3([3], resize_input=True, normalize_input=True).eval()
    network = reference.InceptionV3([3], resize_input=False, normalize_input=False).eval()
    # Photographs of 2 x 48 x 40 pixels, whole numbers from 0 to 255.
    image = ((tensor("inception.image", [2, 3, 48, 40]) + 1) * 127.5).round()
    resizer = make_resizer("PIL", False, "bicubic", (299, 299))
    clean = torch.stack(
        [torch.from_numpy(resizer(x.permute(1, 2, 0).numpy())).permute(2, 0, 1).float() for x in image]
    )
    inputs = {
        "clean-fid": (clean.clamp(0, 255) - 128) / 128,
        "pytorch-fid": 2 * F.interpolate(image / 255, (299, 299), mode="bilinear", align_corners=False) - 1,
        "torch-fidelity": (interpolate_bilinear_2d_like_tensorflow1x(image, (299, 299), align_corners=False) - 128) / 128,
    }
    out = {}
    with torch.no_grad():
        whole = model(image / 255)[0].squeeze(-1).squeeze(-1)
        for name, x in inputs.items():
            features = network(x)[0].squeeze(-1).squeeze(-1)
            out[name] = {
                "input": numbers(x[1, 2, 100:103, 50:150:7]),
                "features": numbers(features[:, ::64]),
                "mean": float(features.mean()),
            }
        assert torch.allclose(whole, network(inputs["pytorch-fid"])[0].squeeze(-1).squeeze(-1), atol=1e-5)
    return out


# --- VGG's features: torchvision --------------------------------------------------------------------------------


def vgg(which: str, taps: list[int]) -> dict:
    from torchvision import models

    network = getattr(models, which)(weights=None).features[: taps[-1] + 1].eval()
    for name, parameter in network.named_parameters():
        fan_in = parameter[0].numel() if parameter.dim() == 4 else 100
        parameter.data = tensor(f"vgg.features.{name}", list(parameter.shape), (6.0 / fan_in) ** 0.5)
    for layer in network:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    weights = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0]

    def features(x):
        found = []
        for i, layer in enumerate(network):
            x = layer(x)
            if i in taps:
                found.append(x)
        return found

    real = tensor("vgg.real", [2, 1, 32, 32]).expand(-1, 3, -1, -1)
    fake = tensor("vgg.fake", [3, 1, 32, 32]).requires_grad_(True)
    pairs = list(zip(features(real), features(fake.expand(-1, 3, -1, -1))))
    distance = sum(w * (r.mean(0).detach() - f.mean(0)).abs().mean() for w, (r, f) in zip(weights, pairs))
    distance.backward()
    # SPADE's, image by image (NVlabs/SPADE, models/networks/loss.py, VGGLoss).
    painted = tensor("vgg.painted", [2, 1, 32, 32])
    each = zip(weights, features(real), features(painted.expand(-1, 3, -1, -1)))
    paired = sum(w * F.l1_loss(f, r) for w, r, f in each)
    return {
        "paired": float(paired.detach()),
        "means": [float(r.mean()) for r, _ in pairs],
        "distance": float(distance),
        "gradient": numbers(fake.grad[:, :, ::8, ::8]),
    }


# --- segmentation loss: MONAI -----------------------------------------------------------------------------------


def segmentation() -> dict:
    from monai.losses import DiceLoss

    logits = tensor("segment.logits", [2, 3, 8, 8], 2.0).requires_grad_(True)
    labels = ((tensor("segment.labels", [2, 8, 8]) + 1) * 1.5).floor().long().clamp(0, 2)
    dice = DiceLoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=1e-5, smooth_dr=1e-5
    )
    value = F.cross_entropy(logits, labels) + dice(logits, labels.unsqueeze(1))
    value.backward()
    return {"value": float(value), "gradient": numbers(logits.grad)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--diffaugment", required=True, help="the authors' DiffAugment_pytorch.py")
    parser.add_argument("--only", nargs="*", help="these parts alone")
    arguments = parser.parse_args()
    parts = {
        "losses": losses,
        "diffaugment": lambda: diffaugment(arguments.diffaugment),
        "frechet": frechet,
        "inception": inception,
        "segmentation": segmentation,
        # relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
        "vgg": lambda: vgg("vgg19", [1, 6, 11, 20, 29]),
        "vgg16": lambda: vgg("vgg16", [1, 6, 11, 18, 25]),
    }
    for name in PRESETS:
        parts[f"steps-{name}"] = lambda name=name: training(name, SMALL)
    for name in ("dcgan", "wgan-gp"):
        parts[f"steps-{name}-large"] = lambda name=name: training(name, LARGE)
        parts[f"steps-{name}-volume"] = lambda name=name: training(name, SMALL, VOLUMES)
    for name, make in parts.items():
        if arguments.only is not None and name not in arguments.only:
            continue
        (HERE / f"{name}.json").write_text(json.dumps(make(), indent=1) + "\n")
        print(name, file=sys.stderr)
    if arguments.only is not None:
        return
    packages = ["torch", "numpy", "scipy", "pillow", "pytorch-fid", "clean-fid", "torch-fidelity", "monai"]
    versions = {name: metadata.version(name) for name in packages}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")


if __name__ == "__main__":
    main()
