"""Reads what `vesalius export` wrote with the packages of the field, and compares masks and images with its NIfTI export.

    vesalius export PACK --as FORM --out DIR/FORM     # FORM: nifti, dicom, rtstruct, nrrd
    pip install highdicom==0.28.2 rt-utils==1.2.7 pynrrd==1.1.3 SimpleITK==2.5.7 nibabel && python3 golden/exports.py DIR
"""
import json
import sys
from pathlib import Path

import highdicom as hd
import nibabel as nib
import nrrd
import numpy as np
import pydicom
import SimpleITK as sitk
from rt_utils import RTStructBuilder

root = Path(sys.argv[1])
classes = json.loads((root / "nifti" / "classes.json").read_text())
count = 0
for path in sorted((root / "nifti" / "labels").glob("*.nii.gz")):
    case = path.name.removesuffix(".nii.gz")
    labels = np.transpose(np.asarray(nib.load(path).dataobj), (2, 1, 0))
    image = np.transpose(np.asarray(nib.load(root / "nifti" / "images" / path.name).dataobj), (2, 1, 0))
    slices = sorted((root / "dicom" / case / "images").glob("*.dcm"))
    headers = [pydicom.dcmread(p) for p in slices]
    assert all(h.ConversionType in ("SYN", "WSD") and h.ImageType[0] == "DERIVED" for h in headers)
    if labels.any():
        found = hd.seg.segread(root / "dicom" / case / "masks.dcm")
        pixels = found.get_pixels_by_source_instance(
            [h.SOPInstanceUID for h in headers], ignore_spatial_locations=True, assert_missing_frames_are_empty=True
        )
        for i in range(1, found.number_of_segments + 1):
            number = classes.index(found.get_segment_description(i).segment_label)
            assert ((labels == number) == pixels[..., i - 1]).all(), (case, number)
        # And by where frames lie in space.
        volume = found.get_volume(combine_segments=True, relabel=False)
        assert volume.array.any() and set(np.unique(volume.array)) <= set(range(found.number_of_segments + 1))
        regions = RTStructBuilder.create_from(
            dicom_series_path=str(root / "rtstruct" / case / "images"),
            rt_struct_path=str(root / "rtstruct" / case / "masks.dcm"),
        )
        for number, name in enumerate(classes[1:], 1):
            if (labels == number).any():
                mask = np.moveaxis(regions.get_roi_mask_by_name(name), -1, 0)
                assert ((labels == number) == mask).all(), (case, name)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(p) for p in slices])
    series = reader.Execute()
    assert (sitk.GetArrayFromImage(series) == image).all(), case
    header = nib.load(path).header
    assert np.allclose(series.GetSpacing(), header.get_zooms()[:3], atol=1e-5), case
    array, fields = nrrd.read(str(root / "nrrd" / "labels" / f"{case}.seg.nrrd"))
    assert (np.transpose(array, (2, 1, 0)) == labels).all(), case
    assert [fields[f"Segment{i}_Name"] for i in range(len(classes) - 1)] == classes[1:]
    grey = sitk.ReadImage(str(root / "nrrd" / "images" / f"{case}.nrrd"))
    assert (sitk.GetArrayFromImage(grey) == image).all(), case
    assert np.allclose(grey.GetSpacing(), series.GetSpacing(), atol=1e-5)
    count += 1
print(f"{count} cases: highdicom, rt-utils, pynrrd and SimpleITK read the masks and images that were exported")
