#!/usr/bin/env python3
"""Turn a PyTorch state dictionary (.pth) into the safetensors file that Vesalius loads.

Usage: weights_to_safetensors.py IN.pth OUT.safetensors

For FID's network: pt_inception-2015-12-05-6726825d.pth of the pytorch-fid releases.
For the VGG loss: torchvision's vgg19-dcbb9e9d.pth.
Needs torch and safetensors. The file is read with weights_only=True: nothing in it is executed.
"""
import sys

import torch
from safetensors.torch import save_file


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = sys.argv[1:]
    state = torch.load(source, map_location="cpu", weights_only=True)
    tensors = {
        name: tensor.contiguous()
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    save_file(tensors, target)
    print(f"{target}: {len(tensors)} tensors", file=sys.stderr)


if __name__ == "__main__":
    main()
