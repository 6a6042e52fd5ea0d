"""nnU-Net v2's own training step for 2-D slices on its CPU path: images per second; what `nnUNetTrainer.train_step` does
with the network that its planner gives slices of that size, one channel, 4 classes. f32, as there on a CPU, or with
`autocast` and channels last, as its users could write it. `DEVICE=cuda` in the environment: on the first GPU.

Reads `run N` lines, answers with images per second. Usage: nnunet_step.py THREADS SIZE BATCH [autocast] [channels-last]
"""
import contextlib
import os
import sys
import time

import numpy as np
import torch
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import DownsampleSegForDSTransform
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from dynamic_network_architectures.initialization.weight_init import InitWeights_He
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss

torch.set_default_device(os.environ.get("DEVICE", "cpu"))
threads, size, batch = map(int, sys.argv[1:4])
torch.set_num_threads(threads)
_, strides, kernels, _, _ = get_pool_and_conv_props((1.0, 1.0), (size, size), 4, 999999)
stages = len(strides)
network = PlainConvUNet(
    1, stages, [min(32 * 2**i, 512) for i in range(stages)], torch.nn.Conv2d, kernels, strides, [2] * stages, 4,
    [2] * (stages - 1), True, torch.nn.InstanceNorm2d, {"eps": 1e-5, "affine": True}, None, None, torch.nn.LeakyReLU,
    {"inplace": True}, deep_supervision=True)
network.apply(InitWeights_He(1e-2))
image = torch.randn(batch, 1, size, size)
if "channels-last" in sys.argv:
    network, image = network.to(memory_format=torch.channels_last), image.to(memory_format=torch.channels_last)
context = torch.autocast(torch.get_default_device().type, torch.bfloat16) if "autocast" in sys.argv else contextlib.nullcontext()
scales = [list(i) for i in 1 / np.cumprod(np.vstack(strides), axis=0)][:-1]
labels = torch.randint(4, (batch, 1, size, size))
downsample = DownsampleSegForDSTransform(scales)
targets = [torch.stack(level) for level in zip(*[downsample(segmentation=one.short())["segmentation"] for one in labels])]
weights = np.array([1 / 2**i for i in range(len(scales))])
weights[-1] = 0
loss = DeepSupervisionWrapper(
    DC_and_CE_loss({"batch_dice": True, "smooth": 1e-5, "do_bg": False, "ddp": False}, {}, weight_ce=1, weight_dice=1,
                   ignore_label=None, dice_class=MemoryEfficientSoftDiceLoss), weights / weights.sum())
optimiser = torch.optim.SGD(network.parameters(), 1e-2, weight_decay=3e-5, momentum=0.99, nesterov=True)
for line in sys.stdin:
    steps = int(line.split()[1])
    start = time.perf_counter()
    for _ in range(steps):
        optimiser.zero_grad(set_to_none=True)
        with context:
            scores = network(image)
        value = loss([level.float() for level in scores], targets)
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 12)
        optimiser.step()
        value.detach().cpu().numpy()
    print(steps * batch / (time.perf_counter() - start), flush=True)
