#!/usr/bin/env python3
"""A generator that is not this program's: MONAI's diffusion model on exported pairs, image and mask together.

Usage: outside_generator.py EXPORTED OUT.npz [--steps N] [--batch N] [--count N] [--threads N]
EXPORTED: what `vesalius export PACK --as png` wrote; only its train/ is read. OUT.npz: arrays `images` [N, H, W] in
[-1, 1] and `masks` [N, H, W] of label values, as `vesalius import OUT.npz --range -1,1` takes them.
`DiffusionModelUNet` with `DDPMScheduler` (Ho et al. 2020) in training and `DDIMScheduler` (Song et al. 2021, 50 steps) in
sampling, averaged weights. The network guesses the sample: one that guesses the noise leaves noise after 2,500 steps.
Needs monai 1.4 or later, pillow.
"""
import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
from monai.networks.nets import DiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler
from PIL import Image


def pairs(folder):
    """Images in [-1, 1] and label maps of all training slices."""
    names = sorted(path.name for path in (folder / "train/images").iterdir())
    read = lambda part: np.stack([np.asarray(Image.open(folder / "train" / part / name)) for name in names])
    return read("images").astype(np.float32) / 127.5 - 1, read("masks").astype(np.int64)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", type=Path)
    parser.add_argument("out", type=Path)
    for name, default in (("--steps", 4000), ("--batch", 8), ("--count", 400), ("--threads", 2)):
        parser.add_argument(name, type=int, default=default)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    images, masks = pairs(args.exported)
    classes = int(masks.max()) + 1
    one_hot = np.eye(classes, dtype=np.float32)[masks].transpose(0, 3, 1, 2) * 2 - 1
    data = torch.from_numpy(np.concatenate([images[:, None], one_hot], 1))
    channels = data.shape[1]
    network = DiffusionModelUNet(2, channels, channels, num_res_blocks=1, channels=(32, 64, 64),
                                 attention_levels=(False, False, True), norm_num_groups=16, num_head_channels=32)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    noising = DDPMScheduler(1000, schedule="scaled_linear_beta", prediction_type="sample")
    optimiser = torch.optim.AdamW(network.parameters(), 2e-4)
    start = time.perf_counter()
    for step in range(args.steps):
        batch = data[torch.randint(len(data), (args.batch,))]
        noise = torch.randn_like(batch)
        at = torch.randint(noising.num_train_timesteps, (args.batch,))
        with torch.autocast("cpu", torch.bfloat16):
            guess = network(noising.add_noise(batch, noise, at), at)
        loss = torch.nn.functional.mse_loss(guess.float(), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay = min(0.999, (step + 1) / (step + 10))
        for kept, new in zip(average.parameters(), network.parameters()):
            kept.lerp_(new.detach(), 1 - decay)
        if step % 100 == 99 or step + 1 == args.steps:
            print(f"{step + 1} of {args.steps}: loss {loss:.4f}, {time.perf_counter() - start:.0f} s", flush=True)
    sampler = DDIMScheduler(1000, schedule="scaled_linear_beta", clip_sample=True, prediction_type="sample")
    sampler.set_timesteps(50)
    made = []
    with torch.no_grad():
        for first in range(0, args.count, 50):
            x = torch.randn(min(50, args.count - first), *data.shape[1:])
            for at in sampler.timesteps:
                with torch.autocast("cpu", torch.bfloat16):
                    guess = average(x, torch.full((len(x),), int(at)))
                x, _ = sampler.step(guess.float(), int(at), x)
            made.append(x)
    made = torch.cat(made).numpy()
    np.savez_compressed(args.out, images=made[:, 0].clip(-1, 1), masks=made[:, 1:].argmax(1).astype(np.uint8))
    print(f"{len(made)} pairs in {args.out}, {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
