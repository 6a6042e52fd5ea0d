#!/usr/bin/env python3
"""Label maps of `vesalius predict` or `segment --predictions` beside their images: nibabel and SimpleITK see both on one
grid. Usage: check_predictions.py MAPS IMAGES (searched below it by name)"""
import pathlib
import sys

import nibabel
import numpy as np
import SimpleITK

maps, images = map(pathlib.Path, sys.argv[1:3])
found = sorted(maps.glob("*.nii.gz"))
if not found:
    sys.exit(f"{maps}: no label map, expected some")
for path in found:
    [image] = images.rglob(path.name)
    ours, theirs = nibabel.load(path), nibabel.load(image)
    assert ours.shape == theirs.shape[:3], (path, ours.shape, theirs.shape)
    assert np.allclose(ours.affine, theirs.affine, atol=1e-4), (path, ours.affine, theirs.affine)
    assert np.allclose(ours.get_qform(), ours.get_sform(), atol=0.01), path
    ours, theirs = SimpleITK.ReadImage(str(path)), SimpleITK.ReadImage(str(image))
    for what in ["GetSize", "GetSpacing", "GetOrigin", "GetDirection"]:
        of_ours, of_theirs = getattr(ours, what)(), getattr(theirs, what)()
        assert np.allclose(of_ours, of_theirs, atol=1e-4), (path, what, of_ours, of_theirs)
print(f"{maps.name}: {len(found)} label maps on the grids of their images, by nibabel {nibabel.__version__} and SimpleITK "
      f"{SimpleITK.__version__}")
