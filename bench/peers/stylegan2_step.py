"""The authors' StyleGAN2-ADA on its CPU path: images per second of training steps (generator; path lengths every 4;
discriminator; R1 every 16; Adam; averaged generator), 64x64, channel base 8192, two sample channels.

Reads `run N` lines, answers with images per second. Usage: stylegan2_step.py CHECKOUT THREADS BATCH
CHECKOUT: NVlabs/stylegan2-ada-pytorch.
"""
import copy
import sys
import time
import warnings

import torch

warnings.filterwarnings("ignore")
sys.path.insert(0, sys.argv[1])
from training.loss import StyleGAN2Loss  # noqa: E402
from training.networks import Discriminator, Generator  # noqa: E402

torch.set_num_threads(int(sys.argv[2]))
batch, size, channels = int(sys.argv[3]), 64, 2
width = dict(channel_base=8192, channel_max=512)
g = Generator(512, 0, 512, size, channels, synthesis_kwargs=width, mapping_kwargs=dict(num_layers=8))
d = Discriminator(0, size, channels, **width)
averaged = copy.deepcopy(g).eval()
loss = StyleGAN2Loss("cpu", g.mapping, g.synthesis, d, r1_gamma=0.0002 * size * size / batch)


def adam(network, interval):
    share = interval / (interval + 1)
    return torch.optim.Adam(network.parameters(), lr=0.0025 * share, betas=(0.0, 0.99**share), eps=1e-8)


phases = []
for name, network, interval in [("G", g, 4), ("D", d, 16)]:
    optimiser = adam(network, interval)
    phases += [(name + "main", network, optimiser, 1), (name + "reg", network, optimiser, interval)]
real, none = torch.rand(batch, channels, size, size) * 2 - 1, torch.zeros(batch, 0)
step = 0
for line in sys.stdin:
    steps = int(line.split()[1])
    start = time.perf_counter()
    for _ in range(steps):
        for name, network, optimiser, interval in phases:
            if step % interval:
                continue
            optimiser.zero_grad(set_to_none=True)
            network.requires_grad_(True)
            loss.accumulate_gradients(name, real, none, torch.randn(batch, 512), none, True, interval)
            network.requires_grad_(False)
            for parameter in network.parameters():
                if parameter.grad is not None:
                    torch.nan_to_num(parameter.grad, nan=0, posinf=1e5, neginf=-1e5, out=parameter.grad)
            optimiser.step()
        with torch.no_grad():
            for mine, theirs in zip(averaged.parameters(), g.parameters()):
                mine.copy_(theirs.lerp(mine, 0.999))
            for mine, theirs in zip(averaged.buffers(), g.buffers()):
                mine.copy_(theirs)
        step += 1
    print(f"{steps * batch / (time.perf_counter() - start):.3f}", flush=True)
