//! Every layout takes every format: the same voxels give the same case, whatever file holds them.

use super::{SourceKind, SourceOptions, open};
use crate::formats::dicom::built::Built;
use crate::formats::file::Format;
use crate::formats::nifti;
use crate::volume::{Case, Reader};
use image::{GrayImage, ImageFormat};
use std::path::{Path, PathBuf};

/// Slices, rows, columns.
const SHAPE: [usize; 3] = [2, 4, 3];

fn pixels() -> Vec<u8> {
    (0..24).map(|i| i * 10).collect()
}

fn labels() -> Vec<u8> {
    (0..24).map(|i| u8::from(i % 5 == 0)).collect()
}

/// Writes `voxels` of `shape` as the format that the ending says.
fn write(path: &Path, [slices, rows, columns]: [usize; 3], voxels: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let format = Format::of_name(path).unwrap();
    if format == Format::Nifti {
        nifti::write_u8(path, [slices, rows, columns], voxels.to_vec(), [2.0, 1.5, 0.5]).unwrap();
    } else if format == Format::MetaImage {
        // As NIfTI's positions, which are written from right to left.
        let data = if path.extension().unwrap() == "mha" { "LOCAL" } else { "voxels.raw" };
        let header = format!(
            "NDims = 3\nDimSize = {columns} {rows} {slices}\nElementType = MET_UCHAR\n\
             ElementSpacing = 0.5 1.5 2\nElementByteOrderMSB = False\nElementDataFile = {data}\n"
        );
        if data == "LOCAL" {
            std::fs::write(path, [header.as_bytes(), voxels].concat()).unwrap();
        } else {
            let own = path.with_extension("raw");
            let header = header.replace(data, own.file_name().unwrap().to_str().unwrap());
            std::fs::write(path, header).unwrap();
            std::fs::write(own, voxels).unwrap();
        }
    } else if format == Format::Nrrd {
        let header = format!(
            "NRRD0004\ntype: uchar\ndimension: 3\nsizes: {columns} {rows} {slices}\nencoding: raw\n\
             space: left-posterior-superior\nspace directions: (0.5,0,0) (0,1.5,0) (0,0,2)\nspace origin: (0,0,0)\n"
        );
        let detached = path.extension().unwrap() == "nhdr";
        let own = path.with_extension("raw");
        let line = if detached {
            format!("data file: {}\n", own.file_name().unwrap().to_str().unwrap())
        } else {
            String::new()
        };
        let data = if detached { &[][..] } else { voxels };
        std::fs::write(path, [header.as_bytes(), line.as_bytes(), b"\n", data].concat()).unwrap();
        if detached {
            std::fs::write(own, voxels).unwrap();
        }
    } else if format == Format::Numpy {
        let header = format!(
            "{{'descr': '|u1', 'fortran_order': False, 'shape': ({slices}, {rows}, {columns}), }}\n"
        );
        let length = (header.len() as u16).to_le_bytes();
        let bytes = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), voxels].concat();
        std::fs::write(path, bytes).unwrap();
    } else {
        assert_eq!(slices, 1, "pictures have one slice");
        let image = GrayImage::from_raw(columns as u32, rows as u32, voxels.to_vec()).unwrap();
        let format = ImageFormat::from_path(path).unwrap();
        image.save_with_format(path, format).unwrap();
    }
}

fn load(kind: SourceKind, root: &Path) -> (Case, Vec<String>) {
    let options = SourceOptions {
        classes: match kind {
            SourceKind::Nnunet | SourceKind::Folder | SourceKind::Bids | SourceKind::Table => {
                Some(["background", "organ"].map(str::to_owned).to_vec())
            }
            _ => None,
        },
        ..SourceOptions::default()
    };
    let file = root.join("cases.csv");
    let named = if kind == SourceKind::Table { &file } else { root };
    let source = open(kind, named, &options).unwrap();
    let found = source.cases().unwrap();
    assert_eq!(found.cases.len(), 1, "{:?}", found.cases);
    let case = source.load(&found.cases[0], &mut Reader::new(root)).unwrap();
    case.check(&source.classes()).unwrap();
    (case, found.findings.into_iter().map(|finding| finding.of).collect())
}

/// Paths of the image and the mask of one case in a layout; a table names them.
fn places(kind: SourceKind, root: &Path, endings: [&str; 2]) -> [PathBuf; 2] {
    let [image, mask] = names(kind, endings);
    if kind == SourceKind::Table {
        let text = format!("patient,image,mask\nA,{image},{mask}\n");
        std::fs::write(root.join("cases.csv"), text).unwrap();
    }
    [image, mask].map(|name| root.join(name))
}

fn names(kind: SourceKind, [image, mask]: [&str; 2]) -> [String; 2] {
    match kind {
        SourceKind::Acdc => {
            let stem = "patient001/patient001_frame01";
            [format!("{stem}{image}"), format!("{stem}_gt{mask}")]
        }
        SourceKind::Sliver07 => [format!("liver-orig001{image}"), format!("liver-seg001{mask}")],
        SourceKind::Idrid => {
            [format!("images/IDRiD_01{image}"), format!("masks/IDRiD_01_OD{mask}")]
        }
        SourceKind::Nnunet => {
            [format!("imagesTr/case_0000{image}"), format!("labelsTr/case{mask}")]
        }
        SourceKind::Folder => [format!("images/a{image}"), format!("masks/a{mask}")],
        SourceKind::Bids => [
            format!("sub-1/anat/sub-1_T1w{image}"),
            format!("derivatives/hand/sub-1/anat/sub-1_dseg{mask}"),
        ],
        SourceKind::Table => [format!("scans/a{image}"), format!("drawn/b{mask}")],
        SourceKind::Dicom => unreachable!("slices are DICOM there"),
    }
}

const LAYOUTS: [SourceKind; 7] = [
    SourceKind::Acdc,
    SourceKind::Sliver07,
    SourceKind::Idrid,
    SourceKind::Nnunet,
    SourceKind::Folder,
    SourceKind::Bids,
    SourceKind::Table,
];

#[test]
fn volumes_are_the_same_in_every_layout_and_format() {
    for kind in LAYOUTS {
        for endings in [
            [".nii.gz", ".nii.gz"],
            [".nii", ".nii.gz"],
            [".mha", ".mha"],
            [".mhd", ".mhd"],
            [".nrrd", ".nrrd"],
            [".nhdr", ".nhdr"],
            [".npy", ".npy"],
        ] {
            let folder = tempfile::tempdir().unwrap();
            let [image, mask] = places(kind, folder.path(), endings);
            write(&image, SHAPE, &pixels());
            write(&mask, SHAPE, &labels());
            let (case, aside) = load(kind, folder.path());
            let of = format!("{kind:?} {endings:?}");
            assert_eq!([case.volume.slices, case.volume.height, case.volume.width], SHAPE, "{of}");
            assert_eq!(
                case.volume.values,
                pixels().iter().map(|v| f32::from(*v)).collect::<Vec<_>>()
            );
            assert_eq!(case.labels.values, labels(), "{of}");
            let spacing = (endings[0] != ".npy").then_some([1.5, 0.5]);
            assert_eq!(case.spacing_mm, spacing, "{of}");
            // A data file belongs to its header.
            assert!(aside.is_empty(), "{of}: {aside:?}");
        }
    }
}

#[test]
fn pictures_are_the_same_in_every_layout() {
    let shape = [1, 4, 3];
    for kind in LAYOUTS {
        for endings in [[".png", ".png"], [".tif", ".bmp"], [".png", ".nii.gz"]] {
            let folder = tempfile::tempdir().unwrap();
            let [image, mask] = places(kind, folder.path(), endings);
            write(&image, shape, &pixels()[..12]);
            write(&mask, shape, &labels()[..12]);
            let (case, _) = load(kind, folder.path());
            let of = format!("{kind:?} {endings:?}");
            let expected: Vec<f32> = pixels()[..12].iter().map(|v| f32::from(*v)).collect();
            assert_eq!(
                (case.volume.values, case.labels.values),
                (expected, labels()[..12].to_vec()),
                "{of}"
            );
            // A mask that lies somewhere in a patient and an image that does not are told.
            assert_eq!(
                case.notes.iter().any(|n| n.contains("voxel on voxel")),
                endings[1] == ".nii.gz"
            );
        }
    }
}

#[test]
fn a_slice_of_dicom_is_an_image_in_every_layout() {
    for kind in LAYOUTS {
        let folder = tempfile::tempdir().unwrap();
        let [image, mask] = places(kind, folder.path(), [".dcm", ".png"]);
        Built::slice(7).write(&image);
        write(&mask, [1, 2, 3], &[0, 1, 0, 0, 1, 1]);
        let (case, _) = load(kind, folder.path());
        assert_eq!(
            case.volume.values,
            [-986.0, -998.0, -996.0, -994.0, -992.0, -990.0],
            "{kind:?}"
        );
        assert_eq!(case.labels.values, [0, 1, 0, 0, 1, 1]);
        assert_eq!((case.spacing_mm, case.person.is_some()), (Some([0.7, 0.5]), true));
    }
}

#[test]
fn a_series_of_dicom_may_have_one_volume_as_its_mask() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (k, name) in [(0, "b"), (1, "a")] {
        Built::slice(k).write(&root.join(format!("patient1/CT/{name}.dcm")));
    }
    let mask = root.join("patient1/GT/liver.mha");
    std::fs::create_dir_all(mask.parent().unwrap()).unwrap();
    let header = "NDims = 3\nDimSize = 3 2 2\nElementType = MET_UCHAR\nElementSpacing = 0.5 0.7 3\n\
                  Offset = 0 0 0\nElementDataFile = LOCAL\n";
    let labels = [0, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0];
    std::fs::write(&mask, [header.as_bytes(), &labels].concat()).unwrap();
    let (case, _) = load(SourceKind::Dicom, root);
    assert_eq!((case.labels.values.as_slice(), case.notes), (&labels[..], vec![]));
    // Of other places it is refused, as by every layout.
    std::fs::write(
        &mask,
        [header.replace("Offset = 0 0 0", "Offset = 0 0 99").as_bytes(), &labels].concat(),
    )
    .unwrap();
    let source = open(SourceKind::Dicom, root, &SourceOptions::default()).unwrap();
    let cases = source.cases().unwrap().cases;
    let error = source.load(&cases[0], &mut Reader::new(root)).unwrap_err();
    assert!(format!("{error:#}").contains("the two do not cover one grid"), "{error:#}");
}

#[test]
fn a_dicom_mask_and_a_file_of_no_format_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("images/a.png"), [1, 2, 3], &[0; 6]);
    Built::slice(0).write(&root.join("masks/a.dcm"));
    let options = SourceOptions::default();
    let refused = || {
        let source = open(SourceKind::Folder, root, &options).unwrap();
        let cases = source.cases().unwrap().cases;
        format!("{:#}", source.load(&cases[0], &mut Reader::new(root)).unwrap_err())
    };
    let error = refused();
    assert!(error.contains("a.dcm: DICOM, but neither a segmentation (SEG) nor"), "{error}");
    std::fs::remove_file(root.join("masks/a.dcm")).unwrap();
    std::fs::write(root.join("masks/a.mha"), "not a header").unwrap();
    let error = refused();
    assert!(error.contains("masks/a.mha: no ElementDataFile line"), "{error}");
}

#[test]
fn every_layout_is_listed_under_a_name_of_its_own_and_refuses_options_that_it_would_ignore() {
    let folder = tempfile::tempdir().unwrap();
    for (i, &kind) in SourceKind::ALL.iter().enumerate() {
        assert_eq!(SourceKind::named(kind.name()), Some(kind));
        assert!(!SourceKind::ALL[..i].contains(&kind), "{kind:?} twice");
    }
    assert_eq!(SourceKind::named("acd"), None);
    let of = |kind, classes: bool, patient: bool| {
        let classes = classes.then(|| ["background", "organ"].map(str::to_owned).to_vec());
        let patient = patient.then(|| "(.*)".to_owned());
        let options = SourceOptions { classes, patient, ..SourceOptions::default() };
        open(kind, folder.path(), &options).map(|_| ()).map_err(|error| error.to_string())
    };
    let error = of(SourceKind::Dicom, false, true).unwrap_err();
    assert!(error.contains("dicom names its patients") && error.contains("with nnunet"), "{error}");
    let error = of(SourceKind::Idrid, true, false).unwrap_err();
    assert!(error.contains("idrid names its classes"), "{error}");
    assert!(error.contains("with dicom, nnunet"), "{error}");
    of(SourceKind::Dicom, true, false).unwrap();
    of(SourceKind::Folder, true, true).unwrap();
}
