#!/usr/bin/env python3
"""Numbers of batchgeneratorsv2's transforms as nnU-Net v2 sets them, with given strengths: one slice of two channels, and one
volume.

    pip install -r requirements-plausibility.txt && python augment.py
"""
import json
from pathlib import Path

import numpy as np
import torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTansform

from pseudo import tensor

HERE = Path(__file__).resolve().parent
CHANNELS, HEIGHT, WIDTH, CLASSES = 2, 16, 12, 4
# Angle in radians, scale: little, much, half a turn, larger than the slice, smaller, both.
MAPS = [(0.3, 1.0), (-2.0, 1.0), (np.pi, 1.0), (0.0, 1.4), (0.0, 0.7), (1.1, 1.25), (np.pi / 2, 1.0)]


# Planes of a volume, and angles about its axes with a scale.
DEPTH = 9
TURNS = [([0.4, 0.0, 0.0], 1.0), ([0.0, 0.4, 0.0], 1.0), ([0.0, 0.0, 0.4], 1.0), ([0.3, -0.5, 0.2], 1.3), ([-0.5, 0.1, 0.5], 0.75)]


def image() -> torch.Tensor:
    return tensor("augment.image", [CHANNELS, HEIGHT, WIDTH]).float().clone()


def labels() -> torch.Tensor:
    """Blobs of every class."""
    return (tensor("augment.labels", [1, HEIGHT // 4, WIDTH // 3]).abs() * 1000).long().remainder(CLASSES) \
        .repeat_interleave(4, 1).repeat_interleave(3, 2).to(torch.int16)


def spatial(angle: float, scale: float) -> dict:
    moving = SpatialTransform(
        (HEIGHT, WIDTH), patch_center_dist_from_border=0, random_crop=False, p_elastic_deform=0, p_rotation=1,
        rotation=(angle, angle), p_scaling=1, scaling=(scale, scale), p_synchronize_scaling_across_axes=1,
        bg_style_seg_sampling=False, border_mode_seg="constant", padding_value_seg=-1)
    moved = RemoveLabelTansform(-1, 0)(**moving(image=image(), segmentation=labels()))
    return {"angle": angle, "scale": scale, "image": numbers(moved["image"]), "labels": moved["segmentation"].flatten().tolist()}


def volume() -> torch.Tensor:
    return tensor("augment.volume", [CHANNELS, DEPTH, HEIGHT, WIDTH]).float().clone()


def volume_labels() -> torch.Tensor:
    return labels().repeat_interleave(DEPTH, 0)[None] * (torch.arange(DEPTH)[None, :, None, None] > 2).to(torch.int16)


def some(value: torch.Tensor) -> list:
    return numbers(value[:, ::2, ::3, ::3])


def turned(angles: list, scale: float) -> dict:
    moving = SpatialTransform(
        (DEPTH, HEIGHT, WIDTH), patch_center_dist_from_border=0, random_crop=False, p_elastic_deform=0, p_rotation=1,
        rotation=lambda image, dim: angles[dim], p_scaling=1, scaling=(scale, scale), p_synchronize_scaling_across_axes=1,
        bg_style_seg_sampling=False, border_mode_seg="constant", padding_value_seg=-1)
    moved = RemoveLabelTansform(-1, 0)(**moving(image=volume(), segmentation=volume_labels()))
    return {"angles": angles, "scale": scale, "image": some(moved["image"]),
            "labels": moved["segmentation"].flatten().tolist()}


def of_volume() -> dict:
    channels = torch.arange(CHANNELS)
    sigmas, shares = [[0.5, 1.0, 0.8], [0.73, 0.95, 0.6]], [0.53, 0.875]
    blurred = GaussianBlurTransform((0.5, 1.0), False, False, 1, benchmark=False)._apply_to_image(
        volume(), apply_to_channel=torch.tensor([True, True]), sigmas=sigmas)
    coarse = SimulateLowResolutionTransform((0.5, 1), False, True, None)._apply_to_image(
        volume(), apply_to_channel=channels, scales=torch.tensor([[share] * 3 for share in shares]))
    return {"labels": volume_labels().flatten().tolist(), "turns": [turned(*of) for of in TURNS],
            "blur": {"sigmas": sigmas, "image": some(blurred)}, "low_resolution": {"shares": shares, "image": some(coarse)}}


def numbers(value: torch.Tensor) -> list:
    return [float(f"{v:.8g}") for v in value.reshape(-1).tolist()]


def both(transform, **params) -> list:
    """With a parameter for each of the two channels."""
    channels = torch.arange(CHANNELS)
    given = {name: torch.tensor(value) for name, value in params.items()}
    return numbers(transform._apply_to_image(image(), apply_to_channel=channels, **given))


def blur(sigmas: list) -> list:
    transform = GaussianBlurTransform((0.5, 1.0), False, False, 1, benchmark=False)
    return numbers(transform._apply_to_image(image(), apply_to_channel=torch.tensor([True, True]), sigmas=sigmas))


def main() -> None:
    found = {
        "image": numbers(image()),
        "labels": labels().flatten().tolist(),
        "spatial": [spatial(*of) for of in MAPS],
        # Along rows of the array, then along columns; a kernel of 3, of 5 and of 7 pixels among them.
        "blur": {"sigmas": [[0.5, 1.0], [0.73, 0.95]], "image": blur([[0.5, 1.0], [0.73, 0.95]])},
        "brightness": {"factors": [0.8, 1.2], "image": both(MultiplicativeBrightnessTransform((0.7, 1.3), False), multipliers=[0.8, 1.2])},
        "contrast": {"factors": [0.76, 1.24], "image": both(ContrastTransform((0.7, 1.3), True, False), multipliers=[0.76, 1.24])},
        "low_resolution": {"shares": [0.53, 0.875],
                           "image": both(SimulateLowResolutionTransform((0.5, 1), False, True, None),
                                         scales=[[0.53, 0.53], [0.875, 0.875]])},
        "mirror": [{"axes": axes, "image": numbers(MirrorTransform((0, 1))._apply_to_image(image(), axes=axes)),
                    "labels": MirrorTransform((0, 1))._apply_to_segmentation(labels(), axes=axes).flatten().tolist()}
                   for axes in ([0], [1], [0, 1])],
    }
    for name, inverted in [("gamma", False), ("inverted_gamma", True)]:
        found[name] = {"gammas": [0.7, 1.5], "image": both(GammaTransform((0.7, 1.5), 0, False, 1, 1), retain_stats=[True] * 2,
                                                           invert_image=[inverted] * 2, gamma=[0.7, 1.5])}
    found["volume"] = of_volume()
    (HERE / "augment.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
