"""Vesalius from Python: packs as NumPy arrays, results as rows, and every command of the program.

    import vesalius

    vesalius.run("prepare", "acdc", "ACDC/", out="packs/acdc", size="64x64")
    pack = vesalius.Pack("packs/acdc")
    pack.images[pack.indices("train")]      # [N, C, H, W], memory-mapped
    pandas.DataFrame(vesalius.results("runs"))

Only NumPy is needed; ``Pack.torch()`` needs PyTorch.
"""

from importlib import metadata as _metadata

from vesalius.errors import Interrupted, VesaliusError
from vesalius.pack import Pack
from vesalius.program import Finished, program, run
from vesalius.results import results
from vesalius.write import write_pack

__all__ = ["Finished", "Interrupted", "Pack", "VesaliusError", "program", "results", "run", "write_pack"]
try:
    __version__ = _metadata.version("vesalius")
except _metadata.PackageNotFoundError:  # a checkout, not installed
    __version__ = "unknown"
