#!/usr/bin/env python3
"""Reads what `vesalius export PACK --as nnunet` or `--as nifti` wrote as MONAI and nnU-Net do: with nibabel and SimpleITK.

Usage: check_export.py DIR     (pip install nibabel SimpleITK)
"""
import json
import sys
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK


def check_case(images: list[Path], mask: Path, classes: int) -> None:
    """Both libraries see the same voxels, of the mask's shape and place, and labels that were declared."""
    labels = nibabel.load(mask)
    values = np.asarray(labels.dataobj)
    assert set(np.unique(values)) <= set(range(classes)), mask
    for path in [*images, mask]:
        image = nibabel.load(path)
        assert image.shape == labels.shape, (path, image.shape, labels.shape)
        assert np.allclose(image.affine, labels.affine), path
        itk = SimpleITK.ReadImage(str(path))
        assert itk.GetSize() == image.shape, (path, itk.GetSize(), image.shape)
        assert np.allclose(itk.GetSpacing(), image.header.get_zooms(), atol=1e-5), path
        array = SimpleITK.GetArrayFromImage(itk)
        assert (array == np.asarray(image.dataobj).T).all(), path


def declared(meta: dict) -> list[int]:
    """What nnU-Net's LabelManager and verify_dataset_integrity ask of dataset.json; the labels in ascending order."""
    labels = meta["labels"]
    assert "background" in labels, f"{labels}: background label not declared (nnU-Net: it should be label 0)"
    assert labels["background"] == 0, f"{labels}: background, expected 0"
    assert "ignore" not in labels, f"{labels}: nnU-Net takes this one for something else"
    assert all(type(value) is int for value in labels.values()), f"{labels}: expected whole numbers"
    values = sorted(set(labels.values()))
    assert len(values) == len(labels), f"{labels}: two names for one label"
    assert (np.ediff1d(values) == 1).all(), f"{labels}: labels must be in consecutive order (0, 1, 2, ...)"
    names = meta["channel_names"]
    assert sorted(map(int, names)) == list(range(len(names))), f"{names}: channels, expected 0, 1, ..."
    assert meta["file_ending"] == ".nii.gz", meta["file_ending"]
    return values


def identifiers(folder: Path) -> list[str]:
    """Cases of a folder as nnU-Net finds them: names of images without `_0000` and file ending."""
    ending = len("_0000.nii.gz")
    return sorted({path.name[:-ending] for path in folder.glob("*.nii.gz")})


def nnunet(root: Path) -> int:
    """dataset.json, imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz, test patients in ...Ts/."""
    meta = json.loads((root / "dataset.json").read_text())
    assert set(meta) >= {"channel_names", "labels", "numTraining", "file_ending"}, meta
    classes = len(declared(meta))
    channels = len(meta["channel_names"])
    found = identifiers(root / "imagesTr")
    assert len(found) == meta["numTraining"], (
        f"did not find the expected number of training cases ({meta['numTraining']}), found {len(found)} instead"
    )
    counts = {}
    for side in ("Tr", "Ts"):
        masks = sorted((root / f"labels{side}").glob("*.nii.gz"))
        cases = [mask.name.removesuffix(".nii.gz") for mask in masks]
        assert cases == identifiers(root / f"images{side}"), f"{side}: labels and images of other cases"
        assert len({case.lower() for case in cases}) == len(cases), f"{side}: cases that differ in capital letters only"
        for mask in masks:
            names = [mask.name.replace(".nii.gz", f"_{channel:04d}.nii.gz") for channel in range(channels)]
            check_case([root / f"images{side}" / name for name in names], mask, classes)
        images = list((root / f"images{side}").glob("*.nii.gz"))
        assert len(images) == channels * len(masks), (side, len(images), channels, len(masks))
        counts[side] = len(masks)
    return sum(counts.values())


def nifti(root: Path) -> int:
    """classes.json, images/CASE.nii.gz or, of colour, images/CASE_0000.nii.gz and so on, labels/CASE.nii.gz."""
    classes = len(json.loads((root / "classes.json").read_text()))
    masks = sorted((root / "labels").glob("*.nii.gz"))
    seen = 0
    for mask in masks:
        stem = mask.name.removesuffix(".nii.gz")
        grey = root / "images" / mask.name
        images = [grey] if grey.exists() else sorted((root / "images").glob(f"{stem}_[0-9][0-9][0-9][0-9].nii.gz"))
        assert images, f"{mask}: no image"
        check_case(images, mask, classes)
        seen += len(images)
    there = len(list((root / "images").glob("*.nii.gz")))
    assert seen == there, f"{there} images, of which {seen} have a mask"
    return len(masks)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = Path(sys.argv[1])
    count = nnunet(root) if (root / "dataset.json").exists() else nifti(root)
    assert count > 0, f"{root}: no case"
    print(f"{root}: {count} cases read by nibabel {nibabel.__version__} and SimpleITK {SimpleITK.__version__}")


if __name__ == "__main__":
    main()
