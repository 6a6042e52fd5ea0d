#!/usr/bin/env python3
"""Numbers of nnU-Net v2's own code for 2-D slices: its plans, its network, its loss with deep supervision, and three steps
of its optimiser. Weights are seeded by name.

    pip install -r requirements-plausibility.txt && python nnunet.py
"""
import json
from pathlib import Path

import numpy as np
import torch
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import DownsampleSegForDSTransform
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler

from pseudo import tensor

HERE = Path(__file__).resolve().parent
SIZES = [(8, 8), (12, 12), (16, 16), (32, 32), (64, 64), (64, 32), (48, 80), (64, 20), (96, 96), (128, 128), (100, 60),
         (224, 224), (256, 192), (512, 512)]
FILTERS, STRIDES = [4, 6, 8, 8], [[1, 1], [2, 2], [2, 2], [2, 1]]
BATCH, CHANNELS, CLASSES, SIZE = 2, 2, 4, (16, 12)
EPOCHS, STEPS = 5, 3


def numbers(value) -> list:
    return [float(v) for v in value.detach().double().reshape(-1)]


def summary(name: str, value: torch.Tensor) -> list:
    """As in stylegan2.py."""
    value = value.detach().double()
    key = tensor(f"probe.{name}", list(value.shape) or [1]).double().reshape(value.shape)
    return [float(value.norm()), float((value * key).sum())]


def own(network: torch.nn.Module) -> dict:
    """Parameters once each: the same layers have several names there."""
    seen, found = set(), {}
    for name, value in network.named_parameters(remove_duplicate=False):
        if id(value) not in seen and "all_modules" not in name and not name.startswith("decoder.encoder"):
            seen.add(id(value))
            found[name] = value
    return found


def seed(network: torch.nn.Module) -> None:
    """tests/golden/nnunet.rs has the same rule."""
    for name, value in own(network).items():
        given = tensor(name, list(value.shape))
        if name.endswith("norm.weight"):
            given = 1 + 0.2 * given
        value.data.copy_((0.1 if name.endswith("bias") else 1 if name.endswith("norm.weight") else 0.4) * given)


def main() -> None:
    out = {"plans": []}
    for size in SIZES:
        _, strides, kernels, _, divisor = get_pool_and_conv_props((1.0, 1.0), size, 4, 999999)
        assert all(k == [3, 3] for k in map(list, kernels)), kernels
        out["plans"].append({"size": list(size), "strides": [[int(s) for s in stride] for stride in strides],
                             "divisor": [int(d) for d in divisor]})

    network = PlainConvUNet(
        CHANNELS, len(FILTERS), FILTERS, torch.nn.Conv2d, [[3, 3]] * len(FILTERS), STRIDES, [2] * len(FILTERS), CLASSES,
        [2] * (len(FILTERS) - 1), True, torch.nn.InstanceNorm2d, {"eps": 1e-5, "affine": True}, None, None,
        torch.nn.LeakyReLU, {"negative_slope": 0.01, "inplace": True}, deep_supervision=True,
    )
    seed(network)
    image = tensor("image", [BATCH, CHANNELS, *SIZE])
    labels = (tensor("labels", [BATCH, *SIZE]) * 2 + 2).long().clamp(0, CLASSES - 1)
    # nnUNetTrainer._get_deep_supervision_scales, _build_loss.
    scales = [list(i) for i in 1 / np.cumprod(np.vstack(STRIDES), axis=0)][:-1]
    targets = DownsampleSegForDSTransform(scales)
    targets = [torch.stack(level) for level in zip(*[targets(segmentation=one[None].short())["segmentation"] for one in labels])]
    weights = np.array([1 / 2**i for i in range(len(scales))])
    weights[-1] = 0
    weights = weights / weights.sum()
    single = DC_and_CE_loss({"batch_dice": True, "smooth": 1e-5, "do_bg": False, "ddp": False}, {}, weight_ce=1, weight_dice=1,
                            ignore_label=None, dice_class=MemoryEfficientSoftDiceLoss)
    loss = DeepSupervisionWrapper(single, weights)
    out["weights"] = [float(w) for w in weights]
    out["targets"] = [numbers(t) for t in targets]
    # nnUNetTrainer.configure_optimizers, train_step.
    optimiser = torch.optim.SGD(network.parameters(), 1e-2, weight_decay=3e-5, momentum=0.99, nesterov=True)
    schedule = PolyLRScheduler(optimiser, 1e-2, EPOCHS)
    out["rates"], out["losses"] = [], []
    for step in range(STEPS):
        schedule.step(step)
        out["rates"].append(float(optimiser.param_groups[0]["lr"]))
        optimiser.zero_grad(set_to_none=True)
        scores = network(image)
        value = loss(scores, targets)
        value.backward()
        out["losses"].append(float(value))
        if step == 0:
            out["scores"] = [numbers(level) for level in scores]
            out["gradients"] = {n: summary(n, p.grad) for n, p in own(network).items() if p.grad is not None}
        out.setdefault("norms", []).append(float(torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP[step])))
        optimiser.step()
    out["trained"] = {n: summary(n, p) for n, p in own(network).items()}
    (HERE / "nnunet.json").write_text(json.dumps(out) + "\n")


# Its own is 12; the gradients of so small a network are shorter, so one step is clipped at less.
CLIP = [12.0, 0.5, 12.0]

if __name__ == "__main__":
    main()
