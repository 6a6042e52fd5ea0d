#!/usr/bin/env python3
"""Numbers of nnU-Net v2's own code for volumes: its plans by size and spacing, and three steps of a small 3-D network with
deep supervision. Weights are seeded by name.

    pip install -r requirements-plausibility.txt && python nnunet_volumes.py
"""
import json

import numpy as np
import torch
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import DownsampleSegForDSTransform
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss

from nnunet import BATCH, CHANNELS, CLASSES, HERE, STEPS, numbers, own
from pseudo import tensor

# Sizes and spacings: thick slices, cubes, more planes than pixels, odd numbers.
PLANS = [
    ((8, 64, 64), (10.0, 2.0, 2.0)), ((8, 64, 64), (5.0, 1.5, 1.5)), ((16, 128, 128), (10.0, 1.5, 1.5)),
    ((32, 32, 32), (1.0, 1.0, 1.0)), ((64, 64, 64), (1.0, 1.0, 1.0)), ((10, 160, 128), (8.0, 1.25, 1.25)),
    ((48, 32, 32), (1.0, 1.0, 1.0)), ((24, 96, 64), (2.0, 1.0, 1.0)), ((12, 48, 48), (3.9, 2.0, 2.0)), ((20, 50, 36), (1.0, 0.9, 1.1)),
]
FILTERS, SIZE = [4, 6, 8], (4, 8, 12)
STRIDES, KERNELS = [[1, 1, 1], [1, 2, 2], [2, 2, 2]], [[1, 3, 3], [3, 3, 3], [3, 3, 3]]


def seed(network: torch.nn.Module) -> None:
    """tests/golden/nnunet.rs has the same rule."""
    for name, value in own(network).items():
        given = tensor(name, list(value.shape))
        if name.endswith("norm.weight"):
            value.data.copy_(1 + 0.2 * given)
        else:
            value.data.copy_((0.1 if name.endswith("bias") else 0.2) * given)


def main() -> None:
    out = {"plans": []}
    for size, spacing in PLANS:
        _, strides, kernels, _, _ = get_pool_and_conv_props(spacing, size, 4, 999999)
        lists = {"strides": strides, "kernels": kernels}
        plan = {name: [[int(n) for n in row] for row in rows] for name, rows in lists.items()}
        out["plans"].append({"size": list(size), "spacing": list(spacing), **plan})
    network = PlainConvUNet(
        CHANNELS, len(FILTERS), FILTERS, torch.nn.Conv3d, KERNELS, STRIDES, [2] * len(FILTERS), CLASSES,
        [2] * (len(FILTERS) - 1), True, torch.nn.InstanceNorm3d, {"eps": 1e-5, "affine": True}, None, None,
        torch.nn.LeakyReLU, {"negative_slope": 0.01, "inplace": True}, deep_supervision=True,
    )
    seed(network)
    image = tensor("image", [BATCH, CHANNELS, *SIZE])
    labels = (tensor("labels", [BATCH, *SIZE]) * 2 + 2).long().clamp(0, CLASSES - 1)
    scales = [list(i) for i in 1 / np.cumprod(np.vstack(STRIDES), axis=0)][:-1]
    targets = DownsampleSegForDSTransform(scales)
    targets = [torch.stack(level) for level in zip(*[targets(segmentation=one[None].short())["segmentation"] for one in labels])]
    weights = np.array([1 / 2**i for i in range(len(scales))])
    weights[-1] = 0
    single = DC_and_CE_loss({"batch_dice": True, "smooth": 1e-5, "do_bg": False, "ddp": False}, {}, weight_ce=1, weight_dice=1,
                            ignore_label=None, dice_class=MemoryEfficientSoftDiceLoss)
    loss = DeepSupervisionWrapper(single, weights / weights.sum())
    optimiser = torch.optim.SGD(network.parameters(), 1e-2, weight_decay=3e-5, momentum=0.99, nesterov=True)
    with torch.no_grad():
        out["features"] = numbers(network.encoder(image)[-1].mean((2, 3, 4)))
    out["losses"] = []
    for step in range(STEPS):
        optimiser.zero_grad(set_to_none=True)
        scores = network(image)
        value = loss(scores, targets)
        value.backward()
        out["losses"].append(float(value))
        if step == 0:
            out["scores"] = [numbers(level) for level in scores]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 12)
        optimiser.step()
    (HERE / "nnunet-volumes.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
