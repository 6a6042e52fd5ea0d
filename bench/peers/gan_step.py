"""DCGAN as PyTorch's tutorial writes it, and WGAN-GP with the same networks: images per second of a training step.

Reads `run N` lines, answers with images per second. Usage: gan_step.py dcgan|wgan-gp [threads] [how ...], `how` of
  autocast: forward passes under `torch.autocast` in bfloat16, losses in f32
  channels-last: weights and samples in that memory order
  compiled: `torch.compile` of both networks (a gradient of a gradient it cannot do: not with wgan-gp)
  graph: the whole step replayed as one CUDA graph
  volumes: of 8 planes of 64x64 with voxels of 10x2x2 mm, 32 filters, batch 8: planes are halved once they are near
`DEVICE=cuda` in the environment: on the first GPU. A loss is read once a round: a GPU would wait after every step
otherwise.
"""
import math
import os
import sys
import time

import torch
import torch.nn as nn

torch.set_default_device(os.environ.get("DEVICE", "cpu"))
device = torch.get_default_device().type
preset = sys.argv[1] if len(sys.argv) > 1 else "dcgan"
torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 2)
how = set(sys.argv[3:])
assert how <= {"autocast", "channels-last", "compiled", "graph", "volumes"}, how
gp = preset == "wgan-gp"
volumes = "volumes" in how
nz, nf, nc, batch, critic = (128 if gp else 100), (32 if volumes else 64), 2, (8 if volumes else 32), (5 if gp else 1)
if volumes:
    size, one, last_in_memory = [8, 64, 64], [1, 1, 1], torch.channels_last_3d
    Conv, Transposed, Norm = nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d
    # Kernel, stride, padding of each halving, from full size.
    levels = [((1, 4, 4), (1, 2, 2), (0, 1, 1))] * 2 + [(4, 2, 1), ((3, 4, 4), (1, 2, 2), 1)]
else:
    size, one, last_in_memory = [64, 64], [1, 1], torch.channels_last
    Conv, Transposed, Norm = nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d
    levels = [(4, 2, 1)] * 4


def up(i, o, level):
    return [Transposed(i, o, *level, bias=False), Norm(o), nn.ReLU(True)]


def down(i, o, level):
    norm = nn.GroupNorm(1, o) if gp else Norm(o)
    return [Conv(i, o, *level, bias=False), norm, nn.LeakyReLU(0.2, inplace=not gp)]


G = nn.Sequential(
    *up(nz, nf * 8, (4, 1, 0)), *up(nf * 8, nf * 4, levels[3]), *up(nf * 4, nf * 2, levels[2]),
    *up(nf * 2, nf, levels[1]), Transposed(nf, nc, *levels[0], bias=False), nn.Tanh(),
)
D = nn.Sequential(
    Conv(nc, nf, *levels[0], bias=False), nn.LeakyReLU(0.2, inplace=not gp),
    *down(nf, nf * 2, levels[1]), *down(nf * 2, nf * 4, levels[2]), *down(nf * 4, nf * 8, levels[3]),
    Conv(nf * 8, 1, 4, 1, 0, bias=False), *([] if gp else [nn.Sigmoid()]),
)
if "channels-last" in how:
    G, D = G.to(memory_format=last_in_memory), D.to(memory_format=last_in_memory)
rate, betas = (1e-4, (0.0, 0.9)) if gp else (2e-4, (0.5, 0.999))
graph = {"capturable": True} if "graph" in how else {}
optimise_g = torch.optim.Adam(G.parameters(), rate, betas, **graph)
optimise_d = torch.optim.Adam(D.parameters(), rate, betas, **graph)
if "compiled" in how:
    G, D = torch.compile(G), torch.compile(D)
bce = nn.BCELoss()
real = torch.rand(batch, nc, *size) * 2 - 1
if "channels-last" in how:
    real = real.contiguous(memory_format=last_in_memory)


def under(network):
    """Its passes under autocast, where that is asked for; what they give is f32."""
    def call(x):
        with torch.autocast(device, torch.bfloat16, enabled="autocast" in how):
            out = network(x)
        return out.float()
    return call


judge, make = under(D), under(G)
ones, zeros = torch.ones(batch), torch.zeros(batch)


def dcgan_step():
    D.zero_grad()
    bce(judge(real).view(-1), ones).backward()
    fake = make(torch.randn(batch, nz, *one))
    bce(judge(fake.detach()).view(-1), zeros).backward()
    optimise_d.step()
    G.zero_grad()
    loss = bce(judge(fake).view(-1), ones)
    loss.backward()
    optimise_g.step()
    return loss


def wgan_gp_step():
    for _ in range(critic):
        D.zero_grad()
        with torch.no_grad():
            fake = make(torch.randn(batch, nz, *one))
        epsilon = torch.rand(batch, 1, *one)
        mixed = (epsilon * real + (1 - epsilon) * fake).requires_grad_(True)
        gradient = torch.autograd.grad(judge(mixed).sum(), mixed, create_graph=True)[0]
        penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        (judge(fake).mean() - judge(real).mean() + 10 * penalty).backward()
        optimise_d.step()
    G.zero_grad()
    loss = -judge(make(torch.randn(batch, nz, *one))).mean()
    loss.backward()
    optimise_g.step()
    return loss


def as_graph(step):
    """The same step, recorded once and then replayed."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        loss = step()

    def replay():
        recorded.replay()
        return loss
    return replay


step = wgan_gp_step if gp else dcgan_step
if "graph" in how:
    step = as_graph(step)
for line in sys.stdin:
    steps = int(line.split()[1])
    start = time.perf_counter()
    for _ in range(steps):
        loss = step()
    assert math.isfinite(loss.item())
    print(f"{steps * critic * batch / (time.perf_counter() - start):.3f}", flush=True)
