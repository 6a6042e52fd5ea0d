"""Masks as hospitals have them, and what the packages that write them read from them.

Writes segments.json: small series with a DICOM SEG of highdicom or an RTSTRUCT of rt-utils, 3D Slicer's segmentations and
other NRRD files of pynrrd, NIfTI pairs and NIfTI-2 of nibabel, an Enhanced MR image of pydicom; all files as base64, with
the labels or values that the packages read from them on the image's grid.

    pip install numpy==2.4.6 pydicom==3.0.2 highdicom==0.28.2 rt-utils==1.2.7 pynrrd==1.1.3 nibabel SimpleITK==2.5.7 \
        zstandard pylibjpeg pylibjpeg-openjpeg && python3 golden/segments.py golden/segments.json
"""
import base64
import json
import sys
import tempfile
from pathlib import Path

import highdicom as hd
import nibabel as nib
import nrrd
import numpy as np
import pydicom
import SimpleITK as sitk
import zstandard
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    RLELossless,
    generate_uid,
)
from rt_utils import RTStructBuilder

SLICES, ROWS, COLUMNS = 4, 9, 8
SHAPE = (SLICES, ROWS, COLUMNS)
FOLDER = Path(tempfile.mkdtemp())
RNG = np.random.default_rng(19)


def b64(path):
    return base64.b64encode(Path(path).read_bytes()).decode()


def uid(*parts):
    return generate_uid(entropy_srcs=["vesalius", *map(str, parts)])


def person(name):
    """What a hospital writes into headers and nobody may find in an output."""
    return {
        "PatientName": f"Rumpelstiltskin^{name}", "PatientID": f"HOSP4711{name}", "PatientBirthDate": "19470228",
        "StudyDate": "19991231", "StudyID": "STUDY0815", "AccessionNumber": "ACC0816",
        "ReferringPhysicianName": "Quacksalver^Jo", "InstitutionName": "St. Elsewhere",
    }


def planted(files):
    """All words of the headers of files that name a person, a day or an object."""
    words = set()
    for path in files:
        for element in pydicom.dcmread(path).iterall():
            if element.VR == "UI":
                values = element.value if isinstance(element.value, (list, pydicom.multival.MultiValue)) else [element.value]
                words |= {str(v) for v in values if v and not str(v).startswith("1.2.840.10008.")}
    names = list(person("").values())
    return sorted(words | {part for value in names for part in str(value).split("^") if len(part) > 2})


def series(name, orientation=(1, 0, 0, 0, 1, 0), spacing=(1.5, 1.5), frame="frame", syntax=ExplicitVRLittleEndian,
           size=(ROWS, COLUMNS)):
    """MR slices 3 mm apart; files in an order that is not theirs in the patient."""
    folder = FOLDER / name
    folder.mkdir()
    o = np.array(orientation, float)
    normal = np.cross(o[:3], o[3:])
    for at in range(SLICES):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = MRImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = uid(name, at)
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        data.StudyInstanceUID, data.SeriesInstanceUID = uid("study"), uid(name, "series")
        data.FrameOfReferenceUID, data.Modality = uid(frame), "MR"
        for tag, value in person(name).items():
            setattr(data, tag, value)
        data.PatientSex = data.StudyTime = ""
        data.SeriesNumber, data.InstanceNumber = 1, SLICES - at
        data.Manufacturer = data.ManufacturerModelName = "none"
        data.SoftwareVersions = "0"
        data.ImageType, data.PositionReferenceIndicator, data.PatientPosition = ["ORIGINAL", "PRIMARY"], "", "HFS"
        data.ImagePositionPatient = [round(float(v), 6) for v in np.array([-20.0, 5.0, 30.0]) + 3 * at * normal]
        data.ImageOrientationPatient, data.PixelSpacing, data.SliceThickness = list(orientation), list(spacing), 3
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = size
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 0
        data.PixelData = RNG.integers(0, 1000, size).astype("<u2").tobytes()
        if syntax != ExplicitVRLittleEndian:
            data.compress(syntax)
        data.save_as(folder / f"{(3 * at + 1) % SLICES}.dcm", enforce_file_format=True)
    return folder


def read(folder):
    """Headers in the order of the patient."""
    found = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
    o = np.array(found[0].ImageOrientationPatient, float)
    normal = np.cross(o[:3], o[3:])
    return sorted(found, key=lambda data: float(np.dot(normal, np.array(data.ImagePositionPatient, float))))


def description(number, label, kind="MANUAL"):
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=codes.SCT.Liver,
        algorithm_type=kind,
    )


def seg(folder, array, names, kind, name, order=None, **more):
    """`array` of labels [S, H, W], or shares [S, H, W, segments]."""
    slices = read(folder)
    order = order or list(range(SLICES))
    made = hd.seg.Segmentation(
        source_images=[slices[i] for i in order],
        pixel_array=array[order],
        segmentation_type=kind,
        segment_descriptions=[description(i + 1, label) for i, label in enumerate(names)],
        series_instance_uid=uid(name, "seg series"),
        series_number=2,
        sop_instance_uid=uid(name, "seg"),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="0",
        device_serial_number="0",
        **more,
    )
    path = FOLDER / f"{name}.dcm"
    made.save_as(path)
    return path


def of_highdicom(path, folder, count):
    """Labels [S, H, W] as highdicom reads them for the source's slices; a half and more is in."""
    found = hd.seg.segread(path)
    uids = [data.SOPInstanceUID for data in read(folder)]
    pixels = found.get_pixels_by_source_instance(
        uids, ignore_spatial_locations=True, assert_missing_frames_are_empty=True
    )
    labels = np.zeros(pixels.shape[:3], np.uint8)
    for i in range(count):
        labels[pixels[..., i] >= 0.5] = i + 1
    return labels


def blobs():
    """Two things that do not overlap; the second only in two slices."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[0:3, 1:6, 1:6] = 1
    labels[1:3, 3:8, 6:8] = 2
    labels[2, 3, 3] = 0
    return labels


CASES = []


def case(name, folder, masks, classes, labels, segments=None):
    CASES.append(
        {
            "name": name,
            "images": [b64(path) for path in sorted(folder.glob("*.dcm"))],
            "masks": [b64(path) for path in masks],
            "classes": classes,
            "segments": segments or {},
            "planted": planted([*folder.glob("*.dcm"), *masks]),
            "labels": None if labels is None else labels.ravel().tolist(),
            "shape": SHAPE if labels is None else labels.shape,
        }
    )


def segmentations():
    labels = blobs()
    names = ["Liver", "Liver Tumour"]
    classes = ["background", "liver", "liver_tumour"]
    folder = series("straight")
    for kind in ("BINARY", "LABELMAP"):
        path = seg(folder, labels, names, kind, kind.lower(), order=[2, 0, 3, 1])
        read_back = of_highdicom(path, folder, 2) if kind == "BINARY" else labels
        assert (read_back == labels).all()
        case(kind.lower(), folder, [path], classes, labels)
    # The header's order is not the classes'.
    path = seg(folder, np.where(labels > 0, 3 - labels, 0).astype(np.uint8), names[::-1], "BINARY", "turned")
    case("segments in another order", folder, [path], classes, labels)
    # The encoders want more than 32 pixels.
    large = series("large", size=(33, 32))
    padded = np.pad(labels, ((0, 0), (3, 21), (5, 19)))
    shares = np.stack([(padded == 1) * 0.75 + (padded == 2) * 0.25, (padded == 2) * 0.5 + (padded == 1) * 0.3], -1)
    for name, syntax in (("native", ExplicitVRLittleEndian), ("RLE", RLELossless), ("JPEG 2000", JPEG2000Lossless)):
        path = seg(
            large, shares, names, "FRACTIONAL", f"fractional {name}",
            fractional_type="PROBABILITY", max_fractional_value=200, transfer_syntax_uid=syntax,
        )
        assert (of_highdicom(path, large, 2) == padded).all(), name
        case(f"fractional, {name}", large, [path], classes, padded)
    two = [seg(folder, (labels == i + 1).astype(np.uint8), [names[i]], "BINARY", f"object {i}") for i in (0, 1)]
    case("two objects", folder, two, classes, labels)
    case("one segment by mapping, one left out", folder, two, ["background", "lesion"], (labels == 2).astype(np.uint8),
         {"Liver Tumour": "lesion", "Liver": ""})
    cos, sin = 0.96, 0.28
    oblique = series("oblique", orientation=(cos, sin, 0, 0, 0, -1))
    path = seg(oblique, labels, names, "BINARY", "oblique seg")
    assert (of_highdicom(path, oblique, 2) == labels).all()
    case("oblique", oblique, [path], classes, labels)
    wide = series("wide", spacing=(1.25, 0.75))
    path = seg(wide, labels, names, "BINARY", "wide seg")
    case("pixels that are not square", wide, [path], classes, labels)
    # The same identifiers with another frame of reference.
    moved = pydicom.dcmread(seg(folder, labels, names, "BINARY", "moved"))
    moved.FrameOfReferenceUID = uid("another frame")
    moved.save_as(FOLDER / "moved.dcm")
    case("another frame of reference", folder, [FOLDER / "moved.dcm"], classes, None)
    compressed = series("jpeg 2000", syntax=JPEG2000Lossless, size=(33, 32))
    path = seg(compressed, padded, names, "BINARY", "jpeg 2000 seg")
    case("image in JPEG 2000", compressed, [path], classes, padded)
    CASES[-1]["values"] = np.stack([data.pixel_array for data in read(compressed)]).ravel().tolist()


def structures():
    # rt-utils takes rows for columns: square images alone are right.
    labels = np.pad(blobs(), ((0, 0), (0, 0), (0, 1)))
    labels[1, 2:5, 2:5] = 0  # a hole of nine voxels
    labels[1, 3, 3] = 1  # and an island in it
    labels[0, 7, 1] = 1  # one voxel
    labels[3, 0, 2:5] = 1  # a line at the edge
    folder = series("for structures", size=labels.shape[1:])
    builder = RTStructBuilder.create_new(dicom_series_path=str(folder))
    for number, name in ((1, "GTV-1"), (2, "Kidney left")):
        builder.add_roi(mask=np.moveaxis(labels == number, 0, -1), name=name, approximate_contours=number == 1)
    path = FOLDER / "structures.dcm"
    builder.save(str(path))
    read_back = RTStructBuilder.create_from(dicom_series_path=str(folder), rt_struct_path=str(path))
    found = np.zeros(labels.shape, np.uint8)
    for number, name in ((1, "GTV-1"), (2, "Kidney left")):
        found[np.moveaxis(read_back.get_roi_mask_by_name(name), -1, 0)] = number
    case("structure set", folder, [path], ["background", "tumour", "kidney_left"], found, {"GTV-1": "tumour"})
    # Of another series.
    other = series("of other structures", frame="elsewhere", size=labels.shape[1:])
    case("structure set of another series", other, [path], ["background", "GTV-1", "Kidney left"], None)


def enhanced():
    """One file of all slices, stored from head to foot, each with a slope of its own."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = EnhancedMRImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = uid("enhanced")
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = EnhancedMRImageStorage, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = uid("study"), uid("enhanced series")
    data.FrameOfReferenceUID, data.Modality, data.PatientID, data.PatientName = uid("frame"), "MR", "P1", "Doe^Jo"
    data.PatientBirthDate = data.PatientSex = data.StudyDate = data.StudyTime = ""
    data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = ""
    data.Manufacturer = data.ManufacturerModelName = data.SoftwareVersions = data.DeviceSerialNumber = "none"
    data.SeriesNumber, data.InstanceNumber, data.ImageType = 1, 1, ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.PositionReferenceIndicator = ""
    data.NumberOfFrames, data.Rows, data.Columns = SLICES, ROWS, COLUMNS
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    stored = RNG.integers(0, 4096, SHAPE).astype("<u2")
    data.PixelData = stored.tobytes()
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [1.5, 1.5], 3, 3
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([plane])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    groups, values = [], []
    for at in range(SLICES):
        group, position, transformation, content = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 3 * (SLICES - at)]
        transformation.RescaleIntercept, transformation.RescaleSlope, transformation.RescaleType = -at, 1 + at / 2, "US"
        content.InStackPositionNumber, content.StackID, content.DimensionIndexValues = at + 1, "1", [at + 1]
        group.PlanePositionSequence, group.PixelValueTransformationSequence = Sequence([position]), Sequence([transformation])
        group.FrameContentSequence = Sequence([content])
        groups.append(group)
        values.append(stored[at] * (1 + at / 2) - at)
    data.PerFrameFunctionalGroupsSequence = Sequence(groups)
    folder = FOLDER / "enhanced"
    folder.mkdir()
    data.save_as(folder / "all.dcm", enforce_file_format=True)
    labels = blobs()
    path = FOLDER / "enhanced seg.dcm"
    hd.seg.Segmentation(
        source_images=[data], pixel_array=labels, segmentation_type="BINARY",
        segment_descriptions=[description(1, "Liver"), description(2, "Tumour")],
        series_instance_uid=uid("e"), series_number=2, sop_instance_uid=uid("f"), instance_number=1,
        manufacturer="none", manufacturer_model_name="none", software_versions="0", device_serial_number="0",
    ).save_as(path)
    case("enhanced MR", folder, [path], ["background", "liver", "tumour"], labels[::-1])
    CASES[-1]["values"] = np.stack(values[::-1]).ravel().tolist()


VOLUMES = []


def volume(name, path, beside=(), segments=None):
    """A file with what SimpleITK reads from it: values [S, H, W] and where the first voxel and one step along each axis
    lie (LPS)."""
    read = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(read).astype(float)
    if read.GetDimension() == 4:
        array, read = array, read[:, :, :, 0]
    direction = np.array(read.GetDirection()).reshape(3, 3)
    spacing = np.array(read.GetSpacing())
    VOLUMES.append(
        {
            "name": name,
            "file": path.name,
            "files": {p.name: b64(p) for p in (path, *beside)},
            "values": array.ravel().tolist(),
            "origin": list(read.GetOrigin()),
            "steps": [(direction[:, i] * spacing[i]).tolist() for i in range(3)],
        }
    )


def volumes():
    array = RNG.integers(-500, 500, (3, 4, 5)).astype(np.int16)  # [slice, row, column]
    xyz = np.transpose(array, (2, 1, 0))
    oblique = {"space directions": [[1.2, 0.1, 0], [-0.1, 0.9, 0.2], [0, -0.3, 2.5]], "space origin": [10, -20, 30.5]}
    folder = FOLDER / "volumes"
    folder.mkdir()
    for space in ("left-posterior-superior", "RAS", "left-anterior-superior"):
        for encoding in ("raw", "gzip", "ascii"):
            path = folder / f"{space[:5]}-{encoding}.nrrd"
            nrrd.write(str(path), xyz, {"space": space, "encoding": encoding, **oblique})
            volume(f"NRRD {space} {encoding}", path)
    path = folder / "detached.nhdr"
    nrrd.write(str(path), xyz.astype(">f4"), {"encoding": "gzip", "endian": "big", "space": "LPS", **oblique}, detached_header=True)
    volume("NRRD detached, big end first", path, [next(folder.glob("detached.raw*"))])
    for centering in (None, "node", "cell"):
        header = {"encoding": "raw", "spacings": [0.5, 0.75, 2], "axis mins": [1, 2, 3], "kinds": ["domain"] * 3}
        if centering:
            header["centerings"] = [centering] * 3
        path = folder / f"mins-{centering}.nrrd"
        nrrd.write(str(path), xyz, header)
        volume(f"NRRD without space, centred {centering}", path)
    turn = np.linalg.qr(np.array([[-1.2, 0.1, 0], [0.1, -0.9, 0.2], [0, -0.3, 2.5]]))[0] @ np.diag([1.2, 0.9, 2.5])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, [10, -20, 30.5]
    for name, kind in (("pair.hdr", nib.Nifti1Pair), ("two.nii", nib.Nifti2Image), ("two.nii.gz", nib.Nifti2Image)):
        path = folder / name
        image = kind(xyz, matrix)
        image.header.set_slope_inter(2, -3)
        nib.save(image, path)
        # SimpleITK reads no NIfTI-2 of some types: nibabel says what it holds.
        loaded = nib.load(path)
        lps = np.diag([-1, -1, 1, 1]) @ loaded.affine
        beside = [folder / "pair.img"] if name == "pair.hdr" else []
        VOLUMES.append(
            {
                "name": f"nibabel {name}", "file": name, "files": {p.name: b64(p) for p in (path, *beside)},
                "values": np.transpose(loaded.get_fdata(), (2, 1, 0)).ravel().tolist(),
                "origin": lps[:3, 3].tolist(), "steps": [lps[:3, i].tolist() for i in range(3)],
            }
        )
    path = folder / "one.nii"
    nib.save(nib.Nifti1Image(xyz, matrix), path)
    packed = folder / "one.nii.zst"
    packed.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(path.read_bytes()))
    volume("Zstandard", path)
    VOLUMES[-1].update(file=packed.name, files={packed.name: b64(packed)})


SLICER = []


def slicer():
    """As 3D Slicer 5 writes segmentations: a part of the image, overlapping segments in layers, the list axis first."""
    image = {"size": [6, 5, 4], "origin": [-10.0, 20.0, 5.0], "spacing": [2.0, 2.0, 3.0]}
    shared = np.zeros((2, 3, 4, 2), np.uint8)  # [layer, x, y, z] of the part
    shared[0, 0:2, 0:3, :] = 1
    shared[0, 2, 3, 1] = 2
    shared[1, 1, 1, 0] = 1
    offset = (2, 1, 1)
    header = {
        "space": "left-posterior-superior",
        "kinds": ["list", "domain", "domain", "domain"],
        "space directions": np.array([[np.nan] * 3, [2, 0, 0], [0, 2, 0], [0, 0, 3]]),
        "space origin": [-10 + 2 * offset[0], 20 + 2 * offset[1], 5 + 3 * offset[2]],
        "encoding": "gzip",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "2 1 1",
    }
    for i, (name, label, layer) in enumerate((("Myocardium", 1, 0), ("LV cavity", 2, 0), ("Scar", 1, 1))):
        header.update({
            f"Segment{i}_ID": f"Segment_{i + 1}", f"Segment{i}_Name": name, f"Segment{i}_LabelValue": str(label),
            f"Segment{i}_Layer": str(layer), f"Segment{i}_Extent": "0 2 0 3 0 1",
            f"Segment{i}_Tags": "Segmentation.Status:completed|TerminologyEntry:x~y^z^w|",
        })
    path = FOLDER / "a.seg.nrrd"
    nrrd.write(str(path), shared, header)
    again, fields = nrrd.read(str(path))
    whole = np.zeros((4, 5, 6), np.uint8)
    for name, label, layer, number in (("LV cavity", 2, 0, 1), ("Myocardium", 1, 0, 2), ("Scar", 1, 1, 3)):
        part = np.transpose(again[layer] == label, (2, 1, 0))
        whole[1:3, 1:5, 2:5][part] = number
    SLICER.append({"name": "layers", "file": b64(path), "image": image,
                   "classes": ["background", "lv_cavity", "myocardium", "scar"], "labels": whole.ravel().tolist()})
    one = {k: v for k, v in header.items() if not k.startswith(("Segment1", "Segment2"))}
    one["kinds"], one["space directions"] = one["kinds"][1:], one["space directions"][1:]
    flat = (shared[0] == 1).astype(np.uint8)
    path = FOLDER / "b.seg.nrrd"
    nrrd.write(str(path), flat, one)
    whole = np.zeros((4, 5, 6), np.uint8)
    whole[1:3, 1:5, 2:5] = np.transpose(flat, (2, 1, 0))
    SLICER.append({"name": "one segment, nobody named it", "file": b64(path), "image": image, "classes": None,
                   "labels": whole.ravel().tolist()})


if __name__ == "__main__":
    segmentations()
    structures()
    enhanced()
    volumes()
    slicer()
    text = {"cases": CASES, "volumes": VOLUMES, "slicer": SLICER}
    Path(sys.argv[1]).write_text(json.dumps(text, indent=None, separators=(",", ":")) + "\n")
