#!/usr/bin/env python3
"""Reads an export of `vesalius export PACK --as nnunet` as MONAI and nnU-Net do: with nibabel and SimpleITK.

Usage: check_export.py DIR
"""
import json
import sys
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK


def main() -> None:
    root = Path(sys.argv[1])
    meta = json.loads((root / "dataset.json").read_text())
    assert set(meta) >= {"channel_names", "labels", "numTraining", "file_ending"}, meta
    assert meta["labels"]["background"] == 0
    channels, classes = len(meta["channel_names"]), len(meta["labels"])
    count = 0
    for side in ("Tr", "Ts"):
        for path in sorted((root / f"labels{side}").glob("*.nii.gz")):
            labels = nibabel.load(path)
            values = np.asarray(labels.dataobj)
            assert set(np.unique(values)) <= set(range(classes)), path
            for channel in range(channels):
                name = path.name.replace(".nii.gz", f"_{channel:04d}.nii.gz")
                image_path = root / f"images{side}" / name
                image = nibabel.load(image_path)
                assert image.shape == labels.shape, (image_path, image.shape, labels.shape)
                assert np.allclose(image.affine, labels.affine), image_path
                itk = SimpleITK.ReadImage(str(image_path))
                assert itk.GetSize() == image.shape, (itk.GetSize(), image.shape)
                assert np.allclose(itk.GetSpacing(), image.header.get_zooms(), atol=1e-5), image_path
                array = SimpleITK.GetArrayFromImage(itk)
                assert (array == np.asarray(image.dataobj).T).all(), image_path
            count += 1
        if side == "Tr":
            assert count == meta["numTraining"], (count, meta["numTraining"])
    assert count > 0
    print(f"{root}: {count} cases read by nibabel {nibabel.__version__} and SimpleITK {SimpleITK.__version__}")


if __name__ == "__main__":
    main()
