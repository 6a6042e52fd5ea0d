#!/usr/bin/env python3
"""Turn an official StyleGAN2-ADA or SPADE checkpoint into weights for `vesalius train --init-from`.

  convert_reference.py stylegan2 --code CHECKOUT network.pkl OUT.safetensors
  convert_reference.py spade --generator latest_net_G.pth --discriminator latest_net_D.pth
                             [--encoder latest_net_E.pth] --size HEIGHTxWIDTH OUT.safetensors

CHECKOUT is a copy of NVlabs/stylegan2-ada-pytorch: a network pickle holds that code's own classes and runs its code when
it is opened. Open only pickles you trust. SPADE's files are plain state dictionaries and are read without running
anything. Needs torch and safetensors. Prints the settings that fit the weights.
"""
import argparse
import pickle
import sys

import torch
from safetensors.torch import save_file


def fail(message: str) -> None:
    sys.exit(f"error: {message}")


def stylegan2(arguments) -> tuple[dict, dict, list]:
    sys.path.insert(0, arguments.code)
    with open(arguments.network, "rb") as file:
        snapshot = pickle.load(file)
    for key in ("G_ema", "D"):
        if key not in snapshot:
            fail(f"{arguments.network}: no {key} in it, expected a training snapshot of StyleGAN2-ADA")
    g, d = snapshot["G_ema"], snapshot["D"]
    if g.c_dim:
        fail(f"{arguments.network}: conditional on {g.c_dim} labels, expected an unconditional network")
    g_state, d_state = g.state_dict(), d.state_dict()
    for name, state in (("G", g_state), ("D", d_state)):
        if any(".skip." in key for key in state) != (name == "D"):
            fail(f"{arguments.network}: {name} is not of the default architecture (skip generator, residual discriminator)")
    resolution = g.img_resolution
    tensors = {f"generator.{k}": v for k, v in g_state.items()}
    tensors |= {f"discriminator.{k}": v for k, v in d_state.items()}

    def width(weights: list) -> tuple[int, int]:
        """channel_base and channel_max of (resolution, channels)."""
        return max(r * c for r, c in weights), max(c for _, c in weights)

    blocks = [4 << i for i in range((resolution // 4).bit_length())]
    g_base, g_max = width([(r, g_state[f"synthesis.b{r}.conv1.weight"].shape[0]) for r in blocks])
    d_base, d_max = width([(r, d_state[f"b{r}.conv0.weight"].shape[0]) for r in blocks[1:]])
    layers = sum(k.startswith("mapping.fc") and k.endswith("weight") for k in g_state)
    settings = [
        f"networks.mapping.latent={g.z_dim}", f"networks.mapping.style={g.w_dim}", f"networks.mapping.layers={layers}",
        f"networks.generator.channel_base={g_base}", f"networks.generator.channel_max={g_max}",
        f"networks.discriminator.channel_base={d_base}", f"networks.discriminator.channel_max={d_max}",
    ]
    header = {"family": "stylegan2", "height": resolution, "width": resolution, "channels": g.img_channels}
    return tensors, header, settings


def spade(arguments) -> tuple[dict, dict, list]:
    def load(path: str) -> dict:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}

    g = load(arguments.generator)
    tensors = {f"generator.{k}": v for k, v in g.items()}
    tensors |= {f"discriminator.{k}": v for k, v in load(arguments.discriminator).items()}
    style = 0
    if arguments.encoder:
        encoder = load(arguments.encoder)
        tensors |= {f"generator.encoder.{k}": v for k, v in encoder.items()}
        style = encoder["fc_mu.weight"].shape[0]
    height, width = (int(n) for n in arguments.size.split("x"))
    filters = g["head_0.conv_0.bias"].shape[0] // 16
    settings = [
        f"networks.generator.filters={filters}", f"networks.generator.style={style}",
        f"networks.generator.hidden={g['head_0.norm_0.mlp_shared.0.bias'].shape[0]}",
        f"networks.discriminator.filters={tensors['discriminator.discriminator_0.model0.0.bias'].shape[0]}",
    ]
    if "up_4.conv_0.bias" in g:
        settings.append("networks.generator.depth=most")
    header = {"family": "spade", "height": height, "width": width, "channels": g["conv_img.bias"].shape[0]}
    return tensors, header, settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    families = parser.add_subparsers(dest="family", required=True)
    one = families.add_parser("stylegan2")
    one.add_argument("--code", required=True, help="checkout of NVlabs/stylegan2-ada-pytorch")
    one.add_argument("network", help="network pickle")
    two = families.add_parser("spade")
    two.add_argument("--generator", required=True)
    two.add_argument("--discriminator", required=True)
    two.add_argument("--encoder")
    two.add_argument("--size", required=True, help="HEIGHTxWIDTH it was trained at")
    for family in (one, two):
        family.add_argument("out", help="safetensors file to write")
    arguments = parser.parse_args()
    tensors, header, settings = {"stylegan2": stylegan2, "spade": spade}[arguments.family](arguments)
    metadata = {"vesalius_init": "1", **{key: str(value) for key, value in header.items()}}
    save_file({k: v.detach().float().contiguous() for k, v in tensors.items()}, arguments.out, metadata)
    print(f"{arguments.out}: {len(tensors)} tensors", file=sys.stderr)
    print(" ".join(f"--set {setting}" for setting in settings))


if __name__ == "__main__":
    main()
