#!/usr/bin/env python3
"""SPADE's updates written out for any number of axes, in f64.

With two axes they have to give the numbers of the authors' code (spade.json), else it stops; with three they give those of
volumes (spade-volumes.json), 8 planes of 64x64 whose voxels are 10x2x2 mm.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

import pseudo
from stylegan2 import numbers, summary
from stylegan2_volumes import differing

HERE = Path(__file__).resolve().parent
CLASSES, CHANNELS, BATCH, STYLE = 4, 3, 2, 256
FILTERS, JUDGES, HIDDEN = 4, 6, 128
CONV = {2: F.conv2d, 3: F.conv3d}
POOL = {2: F.avg_pool2d, 3: F.avg_pool3d}
RESIZED = {2: "bilinear", 3: "trilinear"}
# Halvings from full size on: factor, kernel.
LEVELS = {
    2: [([2, 2], [3, 3])] * 5,
    3: [([1, 2, 2], [1, 3, 3])] * 2 + [([2, 2, 2], [3, 3, 3])] + [([1, 2, 2], [3, 3, 3])] * 2,
}


def tensor(name, shape, scale=1.0):
    return pseudo.tensor(name, shape, scale).double()


class Weights:
    """Tensors by name, made when they are asked for, by the rule of spade.py; and singular vectors, which move."""

    def __init__(self, prefix):
        self.prefix, self.all, self.vectors = prefix, {}, {}

    def __call__(self, name, shape):
        if name not in self.all:
            key = name.removeprefix("encoder.")
            scale = 0.1 if name.endswith("bias") else 0.06 if name == "conv_img.weight" else 0.2
            self.all[name] = (tensor(f"{self.prefix}.{key}", shape) * scale).requires_grad_(True)
        return self.all[name]

    def vector(self, name, length):
        if name not in self.vectors:
            given = tensor(f"{self.prefix}.{name.removeprefix('encoder.')}", [length])
            self.vectors[name] = given / given.norm()
        return self.vectors[name]

    def normed(self, name, shape):
        """Divided by its largest singular value, after one power iteration."""
        weight = self(f"{name}.weight_orig", shape)
        matrix = weight.reshape(shape[0], -1)
        with torch.no_grad():
            u = self.vector(f"{name}.weight_u", matrix.shape[0])
            self.vector(f"{name}.weight_v", matrix.shape[1])
            v = F.normalize(matrix.T @ u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
            self.vectors[f"{name}.weight_u"], self.vectors[f"{name}.weight_v"] = u, v
        return weight / (u @ matrix @ v)

    def gradients(self, loss):
        for value in self.all.values():
            value.grad = None
        loss.backward()
        return {name: summary(name, value.grad) for name, value in self.all.items() if value.grad is not None}


def column(row, rank):
    return row.reshape([1, -1] + [1] * rank)


def lrelu(x):
    return F.leaky_relu(x, 0.2)


def conv(w, name, x, outputs, kernel, stride=None, normed=True, bias=True):
    rank = x.dim() - 2
    shape = [outputs, x.shape[1]] + kernel
    weight = w.normed(name, shape) if normed else w(f"{name}.weight", shape)
    b = w(f"{name}.bias", [outputs]) if bias else None
    return CONV[rank](x, weight, b, stride=stride or [1] * rank, padding=[side // 2 for side in kernel])


def standardised(x, axes):
    mean = x.mean(axes, keepdim=True)
    return (x - mean) / ((x - mean).square().mean(axes, keepdim=True) + 1e-5).sqrt()


def spade(w, name, x, mask, kernel):
    normal = standardised(x, [0] + list(range(2, x.dim())))
    mask = F.interpolate(mask, size=list(x.shape[2:]), mode="nearest")
    hidden = conv(w, f"{name}.mlp_shared.0", mask, HIDDEN, kernel, normed=False).relu()
    gamma, beta = [conv(w, f"{name}.{part}", hidden, x.shape[1], kernel, normed=False) for part in ("mlp_gamma", "mlp_beta")]
    return normal * (1 + gamma) + beta


def block(w, name, x, mask, outputs, kernel):
    inputs, one = x.shape[1], [1] * (x.dim() - 2)
    skipped = x
    if inputs != outputs:
        skipped = conv(w, f"{name}.conv_s", spade(w, f"{name}.norm_s", x, mask, kernel), outputs, one, bias=False)
    y = conv(w, f"{name}.conv_0", lrelu(spade(w, f"{name}.norm_0", x, mask, kernel)), min(inputs, outputs), kernel)
    return skipped + conv(w, f"{name}.conv_1", lrelu(spade(w, f"{name}.norm_1", y, mask, kernel)), outputs, kernel)


def dense(w, name, x, outputs):
    return x @ w(f"{name}.weight", [outputs, x.shape[1]]).T + w(f"{name}.bias", [outputs])


def generator(w, mask, style):
    rank = mask.dim() - 2
    levels = LEVELS[rank]
    size = list(mask.shape[2:])
    for factor, _ in levels:
        size = [side // by for side, by in zip(size, factor)]
    if style is None:
        x = conv(w, "fc", F.interpolate(mask, size=size, mode="nearest"), 16 * FILTERS, [3] * rank, normed=False)
    else:
        x = dense(w, "fc", style, 16 * FILTERS * math.prod(size)).reshape([len(mask), 16 * FILTERS] + size)
    x = block(w, "head_0", x, mask, 16 * FILTERS, [3] * rank)
    plan = [[("G_middle_0", 16), ("G_middle_1", 16)], [("up_0", 8)], [("up_1", 4)], [("up_2", 2)], [("up_3", 1)]]
    for blocks, (factor, kernel) in zip(plan, reversed(levels)):
        x = F.interpolate(x, size=[side * by for side, by in zip(x.shape[2:], factor)], mode="nearest")
        for name, width in blocks:
            x = block(w, name, x, mask, width * FILTERS, kernel)
    return conv(w, "conv_img", lrelu(x), CHANNELS, levels[0][1], normed=False).tanh()


def discriminator(w, sample):
    """For each scale the activations of every layer, logits last."""
    rank = sample.dim() - 2
    inside = list(range(2, rank + 2))
    all_scales = []
    for scale in range(2):
        if scale:
            factor = LEVELS[rank][scale - 1][0]
            kernel = [3 if by == 2 else 1 for by in factor]
            padding = [side // 2 for side in kernel]
            sample = POOL[rank](sample, kernel, factor, padding, count_include_pad=False)
        x, outputs, width = sample, [], JUDGES
        for i in range(5):
            factor, kernel = LEVELS[rank][scale + min(i, 3)]
            kernel = [4 if by == 2 else side for by, side in zip(factor, kernel)]
            name = f"discriminator_{scale}.model{i}" + ("" if i in (0, 4) else ".0")
            normed = i in (1, 2, 3)
            wide = 1 if i == 4 else width * (2**i)
            x = conv(w, f"{name}.0", x, wide, kernel, factor if i < 3 else None, normed, bias=not normed)
            if normed:
                x = standardised(x, inside)
            x = lrelu(x) if i < 4 else x
            outputs.append(x)
        all_scales.append(outputs)
    return all_scales


def encoder(w, image):
    rank = image.dim() - 2
    size = list(image.shape[2:-2]) + [128, 128]
    x = F.interpolate(image, size=size, mode=RESIZED[rank], align_corners=False)
    for i, (factor, kernel) in enumerate(LEVELS[rank]):
        x = lrelu(x) if i else x
        x = conv(w, f"encoder.layer{i + 1}.0", x, FILTERS * [1, 2, 4, 8, 8][i], kernel, factor, bias=False)
        x = standardised(x, list(range(2, rank + 2)))
    flat = lrelu(x).flatten(1)
    return dense(w, "encoder.fc_mu", flat, STYLE), dense(w, "encoder.fc_var", flat, STYLE)


def judged(d, mask, fake, real):
    return [discriminator(d, torch.cat([torch.cat([mask, image], 1) for image in (fake, real)]))][0]


def halves(outputs):
    return [[x[:BATCH] for x in scale] for scale in outputs], [[x[BATCH:] for x in scale] for scale in outputs]


def of_generator(g, d, mask, real, style):
    on_fake, on_real = halves(judged(d, mask, generator(g, mask, style), real))
    adversarial = sum(-scale[-1].mean() for scale in on_fake) / 2
    matching = sum(
        (a - b.detach()).abs().mean() for fake, true in zip(on_fake, on_real) for a, b in zip(fake[:-1], true[:-1])
    )
    return adversarial, matching * 10.0 / 2


def measured(size):
    rank, out = len(size), {}
    labels = (pseudo.tensor("labels", [BATCH] + size) * 2 + 2).long().clamp(0, CLASSES - 1)
    mask = F.one_hot(labels, CLASSES).movedim(-1, 1).double()
    real = tensor("image", [BATCH, CHANNELS] + size)
    g, d = Weights("g"), Weights("d")
    terms = of_generator(g, d, mask, real, None)
    out["generator.loss"] = [float(term) for term in terms]
    out["generator.gradients"] = g.gradients(sum(terms))
    with torch.no_grad():
        fake = generator(g, mask, None)
    on_fake, on_real = halves(judged(d, mask, fake, real))
    terms = [
        sum(F.relu(1 + sign * scale[-1]).mean() for scale in outputs) / 2 for outputs, sign in ((on_fake, 1), (on_real, -1))
    ]
    out["discriminator.loss"] = [float(term) for term in terms]
    out["discriminator.gradients"] = d.gradients(sum(terms))

    g, d = Weights("g"), Weights("d")
    mean, log_var = encoder(g, real)
    style = tensor("vae.noise", [BATCH, STYLE], 1.7) * (log_var * 0.5).exp() + mean
    divergence = (mean.square() + log_var.exp() - log_var - 1).sum() * 0.5 * 5e-5
    terms = of_generator(g, d, mask, real, style) + (divergence,)
    out["vae.loss"] = [float(term) for term in terms]
    out["vae.gradients"] = g.gradients(sum(terms))
    return out


def main():
    pictures = measured([64, 64])
    authors = json.loads((HERE / "spade.json").read_text())
    wrong = [line for name in pictures for line in differing(pictures[name], authors[name], name)]
    if wrong:
        raise SystemExit("error: not the authors' numbers:\n" + "\n".join(wrong[:20]))
    (HERE / "spade-volumes.json").write_text(json.dumps(measured([8, 64, 64])))


if __name__ == "__main__":
    main()
