"""Packs as PyTorch datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np
import torch
import torch.utils.data

if TYPE_CHECKING:
    from vesalius.pack import Pack


class SliceDataset(torch.utils.data.Dataset[Any]):
    """See :meth:`vesalius.Pack.torch`."""

    def __init__(self, pack: "Pack", side: Optional[str], transform: Optional[Callable[[dict[str, Any]], Any]]) -> None:
        self.pack = pack
        self.indices = np.arange(len(pack)) if side is None else pack.indices(side)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Any:
        i = int(self.indices[position])
        image, mask = self.pack[i]
        most = np.float32(np.iinfo(image.dtype).max)
        case = self.pack.case(i)
        item = {
            "image": torch.from_numpy(image.astype(np.float32) / most),
            "label": torch.from_numpy(mask.astype(np.int64)[None]),
            "patient": case["patient"],
            "case": case["id"],
            "slice": i,
        }
        return item if self.transform is None else self.transform(item)
