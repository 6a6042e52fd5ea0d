"""Compares masks that `vesalius predict` drew on DICOM series with its label maps, by the packages of the field.

    for form in volume dicom rtstruct; do vesalius predict RUN --data SERIES --as $form --out DIR/$form; done
    pip install highdicom==0.28.2 rt-utils==1.2.7 nibabel && python3 golden/predicted.py DIR SERIES
"""
import json
import sys
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
from rt_utils import RTStructBuilder

root, series = Path(sys.argv[1]), Path(sys.argv[2])
classes = json.loads((root / "volume" / "classes.json").read_text())
images = {}
for path in sorted(p for p in series.rglob("*") if p.is_file()):
    header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    if "ImagePositionPatient" in header and "Rows" in header:
        images.setdefault(header.SeriesInstanceUID, []).append((path, header))
count = outlined = 0
for path in sorted((root / "dicom").glob("*.dcm")):
    found = hd.seg.segread(path)
    slices = images[found.ReferencedSeriesSequence[0].SeriesInstanceUID]
    axes = [float(v) for v in slices[0][1].ImageOrientationPatient]
    slices.sort(key=lambda one: np.dot(np.cross(axes[:3], axes[3:]), one[1].ImagePositionPatient))
    first = slices[0][1]
    for name in ("PatientName", "PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert found.get(name) == first.get(name), (path.name, name)
    assert found.SeriesInstanceUID != first.SeriesInstanceUID
    stem = path.name.removesuffix(".dcm")
    labels = np.transpose(np.asarray(nib.load(root / "volume" / f"{stem}.nii.gz").dataobj), (2, 1, 0))
    pixels = found.get_pixels_by_source_instance(
        [header.SOPInstanceUID for _, header in slices], ignore_spatial_locations=True, assert_missing_frames_are_empty=True
    )
    for i in range(1, found.number_of_segments + 1):
        number = classes.index(found.get_segment_description(i).segment_label)
        assert ((labels == number) == pixels[..., i - 1].astype(bool)).all(), (stem, number)
    regions = RTStructBuilder.create_from(
        dicom_series_path=str(slices[0][0].parent), rt_struct_path=str(root / "rtstruct" / path.name)
    )
    square = first.PixelSpacing[0] == first.PixelSpacing[1] and first.Rows == first.Columns
    for number, name in enumerate(classes[1:], 1):
        # rt-utils swaps rows and columns: only square images can be compared.
        if square and (labels == number).any():
            assert ((labels == number) == np.moveaxis(regions.get_roi_mask_by_name(name), -1, 0)).all(), (stem, name)
            outlined += 1
    count += 1
print(f"{count} series: highdicom reads the masks that were drawn on them; {outlined} regions by rt-utils")
