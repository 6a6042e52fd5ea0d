#!/usr/bin/env python3
"""StyleGAN2 written out for any number of axes, slowly: zeros inserted, a weight for each sample.

With two axes it has to give the numbers of the authors' code (stylegan2.json), else it stops; with three it gives those of
volumes (stylegan2-volumes.json), 8 planes of 32x32 whose voxels are 10x2x2 mm. Computed in f64 from f32 weights: sums
that cancel (a gradient by one number) are then off by the compared code's rounding only.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

import pseudo
from stylegan2 import BATCH, CHANNELS, LATENT, STYLE, numbers, strength, summary

HERE = Path(__file__).resolve().parent
WIDTH = {4 << level: min(256 // (4 << level), 24) for level in range(4)}
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 8.0
CONV = {2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {2: F.conv_transpose2d, 3: F.conv_transpose3d}
# From the base up: factor of the step to it (none to the base), kernel.
SHAPES = {
    2: ([4, 4], [(None, [3, 3])] + [([2, 2], [3, 3])] * 3),
    3: ([4, 4, 4], [(None, [3, 3, 3]), ([2, 2, 2], [3, 3, 3]), ([1, 2, 2], [1, 3, 3]), ([1, 2, 2], [1, 3, 3])]),
}


def tensor(name, shape, scale=1.0):
    return pseudo.tensor(name, shape, scale).double()


class Weights:
    """Tensors by name, made when they are asked for; the rule of stylegan2.py."""

    def __init__(self, prefix):
        self.prefix, self.all = prefix, {}

    def __call__(self, name, shape):
        if name not in self.all:
            scale, offset = strength(name)
            value = tensor(f"{self.prefix}.{name}", shape or [1], scale).reshape(shape) + offset
            self.all[name] = value if name.endswith("noise_const") else value.requires_grad_(True)
        return self.all[name]

    def gradients(self, loss):
        for value in self.all.values():
            value.grad = None
        loss.backward()
        return {name: summary(name, value.grad) for name, value in self.all.items() if value.grad is not None}


def lrelu(x):
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def column(row, rank):
    return row.reshape(list(row.shape) + [1] * rank)


def filtered(x, factor, pad, up=1, down=1, gain=1.0):
    """Along each axis that `factor` changes: zeros inserted, padded, convolved, decimated."""
    for axis, by in enumerate(factor, start=2):
        if by == 1:
            continue
        x = x.movedim(axis, -1)
        if up > 1:
            zeros = x.new_zeros(list(x.shape) + [up - 1])
            x = torch.cat([x[..., None], zeros], -1).flatten(-2)
        shape = x.shape
        flat = F.pad(x, pad).reshape(-1, 1, shape[-1] + sum(pad))
        flat = F.conv1d(flat, TAPS.flip(0)[None, None] * gain)[..., ::down]
        x = flat.reshape(list(shape[:-1]) + [flat.shape[-1]]).movedim(-1, axis)
    return x


def upsampled(x, factor):
    return filtered(x, factor, (2, 1), up=2, gain=2.0)


def dense(w, name, x, outputs, multiplier=1.0, act=True):
    inputs = x.shape[1]
    y = x @ (w(f"{name}.weight", [outputs, inputs]) * (multiplier / math.sqrt(inputs))).T + w(f"{name}.bias", [outputs]) * multiplier
    return lrelu(y) if act else y


def mapping(w, z):
    x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for layer in range(8):
        x = dense(w, f"mapping.fc{layer}", x, STYLE, 0.01)
    return x


def modulated(x, weight, styles, demodulate, factor=None):
    """A weight for each sample."""
    rank = x.dim() - 2
    weights = weight[None] * styles.reshape([len(styles), 1, -1] + [1] * rank)
    if demodulate:
        sides = list(range(2, weights.dim()))
        weights = weights * (weights.square().sum(sides, keepdim=True) + 1e-8).rsqrt()
    kept = [side // 2 for side in weight.shape[2:]]
    out = []
    for one, own in zip(x, weights):
        if factor is None:
            y = CONV[rank](one[None], own, padding=kept)
        else:
            padding = [kept[i] if by == 1 else 0 for i, by in enumerate(factor)]
            y = TRANSPOSED[rank](one[None], own.transpose(0, 1), stride=factor, padding=padding)
            y = filtered(y, factor, (1, 1), gain=2.0)
        out.append(y)
    return torch.cat(out)


def layer(w, name, x, style, outputs, kernel, size, factor=None):
    inputs, rank = x.shape[1], x.dim() - 2
    styles = dense(w, f"{name}.affine", style, inputs, act=False)
    y = modulated(x, w(f"{name}.weight", [outputs, inputs] + kernel), styles, True, factor)
    y = y + w(f"{name}.noise_const", size) * w(f"{name}.noise_strength", [])
    return lrelu(y + column(w(f"{name}.bias", [outputs]), rank))


def to_sample(w, name, x, style):
    inputs, rank = x.shape[1], x.dim() - 2
    styles = dense(w, f"{name}.affine", style, inputs, act=False) / math.sqrt(inputs)
    y = modulated(x, w(f"{name}.weight", [CHANNELS, inputs] + [1] * rank), styles, False)
    return y + column(w(f"{name}.bias", [CHANNELS]), rank)


def synthesis(w, styles, rank):
    """With a style for each layer; the last of a block is shared with the next one's first."""
    base, levels = SHAPES[rank]
    n = len(styles[0])
    x = w("synthesis.b4.const", [WIDTH[4]] + base)[None].expand([n] + [WIDTH[4]] + base)
    image, size, at = None, base, 0
    for level, (factor, kernel) in enumerate(levels):
        name, outputs = f"synthesis.b{4 << level}", WIDTH[4 << level]
        if factor:
            size = [side * by for side, by in zip(size, factor)]
            x = layer(w, f"{name}.conv0", x, styles[at], outputs, kernel, size, factor)
            at += 1
        x = layer(w, f"{name}.conv1", x, styles[at], outputs, kernel, size)
        at += 1
        part = to_sample(w, f"{name}.torgb", x, styles[at])
        image = part if image is None else upsampled(image, factor) + part
    return image


def conv(w, name, x, outputs, kernel, factor=None, act=True, bias=True, gain=1.0):
    inputs, rank = x.shape[1], x.dim() - 2
    weight = w(f"{name}.weight", [outputs, inputs] + kernel) / math.sqrt(inputs * math.prod(kernel))
    stride, padding = 1, [side // 2 for side in kernel]
    if factor and math.prod(kernel) == 1:
        x = filtered(x, factor, (1, 1), down=2)
    elif factor:
        x, stride = filtered(x, factor, (2, 2)), factor
        padding = [kept if by == 1 else 0 for kept, by in zip(padding, factor)]
    y = CONV[rank](x, weight, stride=stride, padding=padding)
    if bias:
        y = y + column(w(f"{name}.bias", [outputs]), rank)
    return (lrelu(y) if act else y) * gain


def discriminator(w, x):
    rank = x.dim() - 2
    levels = SHAPES[rank][1]
    x = conv(w, "b32.fromrgb", x, WIDTH[32], [1] * rank)
    for level in (3, 2, 1):
        factor, kernel = levels[level]
        name, inputs, outputs = f"b{4 << level}", WIDTH[4 << level], WIDTH[2 << level]
        skip = conv(w, f"{name}.skip", x, outputs, [1] * rank, factor, act=False, bias=False, gain=math.sqrt(0.5))
        y = conv(w, f"{name}.conv0", x, inputs, kernel)
        x = conv(w, f"{name}.conv1", y, outputs, kernel, factor, gain=math.sqrt(0.5)) + skip
    deviation = ((x - x.mean(0)).square().mean(0) + 1e-8).sqrt().mean()  # one group of the whole batch
    x = torch.cat([x, deviation.expand([len(x), 1] + list(x.shape[2:]))], 1)
    x = conv(w, "b4.conv", x, WIDTH[4], levels[0][1])
    return dense(w, "b4.out", dense(w, "b4.fc", x.flatten(1), WIDTH[4]), 1, act=False)[:, 0]


def measured(rank, size):
    g, d = Weights("g"), Weights("d")
    z, real = tensor("z", [BATCH, LATENT], 1.7), tensor("real", [BATCH, CHANNELS] + size)
    layers = 2 * len(SHAPES[rank][1])
    made = lambda z: synthesis(g, [mapping(g, z)] * layers, rank)
    sample = made(z)
    out = {"sample.summary": summary("sample", sample), "logits": numbers(discriminator(d, real))}
    out["Gmain"] = g.gradients(F.softplus(-discriminator(d, made(z))).mean() * 3.0)

    # One style for each layer: path lengths are the root of their mean over layers.
    styles = mapping(g, z[: BATCH // 2])
    # Every layer is given the same style; the gradient by each is a share that autograd would add up: ask for each.
    each = [styles.clone() for _ in range(layers)]
    sample = synthesis(g, each, rank)
    noise = tensor("path.noise", list(sample.shape), 1.7) / math.sqrt(math.prod(size))
    shares = torch.autograd.grad((sample * noise).sum(), each, create_graph=True)
    lengths = torch.stack(shares, 1).square().sum(2).mean(1).sqrt()
    mean = lengths.mean() * 0.01
    out["Greg"] = g.gradients((lengths - mean).square().mean() * 2.0 * 3.0)
    out["path_length.mean"] = numbers(mean)

    fake = made(z).detach()
    loss = F.softplus(discriminator(d, fake)) + F.softplus(-discriminator(d, real))
    out["Dmain"] = d.gradients(loss.mean() * 3.0)
    real.requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(d, real).sum(), real, create_graph=True)
    penalty = gradient.square().flatten(1).sum(1).mean()
    out["Dreg"] = d.gradients(penalty * (0.7 / 2.0 * 3.0))
    return out


def differing(found, expected, path, nothing=0.0):
    """Where two trees of numbers differ by more than 1e-4 of the greatest of each list.

    Gradients of nothing may lack; what is 1e-6 of the greatest gradient is rounding (a bias in front of a normalisation).
    """
    if isinstance(expected, dict):
        nothing = 1e-6 * max(abs(value[0]) for value in expected.values())
        for name in expected.keys() | found.keys():
            pair = [numbers.get(name, [0.0, 0.0]) for numbers in (found, expected)]
            yield from differing(*pair, f"{path}/{name}", nothing)
    else:
        limit = 1e-4 * max(abs(value) for value in expected) + nothing
        if len(found) != len(expected) or any(abs(a - b) > limit for a, b in zip(found, expected)):
            yield f"{path}: {found}, expected {expected}"


def main():
    pictures = measured(2, [32, 32])
    authors = json.loads((HERE / "stylegan2.json").read_text())
    wrong = [line for name in pictures for line in differing(pictures[name], authors[name], name)]
    if wrong:
        raise SystemExit("error: not the authors' numbers:\n" + "\n".join(wrong[:20]))
    out = measured(3, [8, 32, 32])
    (HERE / "stylegan2-volumes.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()
