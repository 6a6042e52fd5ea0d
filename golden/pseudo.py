"""Numbers that Python and Rust make alike: uniform in [-1, 1), a function of (name, index) alone.

SplitMix64 over the FNV-1a hash of the name; the top 53 bits as a double. So that inputs and weights of golden tests
need no files.
"""
import numpy as np

MASK = (1 << 64) - 1


def fnv1a(name: str) -> int:
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(name: str, shape) -> np.ndarray:
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(np.float64) / float(1 << 53) * 2.0 - 1.0).reshape(shape)


def tensor(name: str, shape, scale: float = 1.0):
    """The same as a tensor of PyTorch, f32."""
    import torch  # stylegan.py runs without it

    return torch.from_numpy((uniform(name, shape) * scale).astype(np.float32))
