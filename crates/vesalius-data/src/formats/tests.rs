//! Masks and volumes against the packages that wrote them: `golden/segments.py`.

use super::file::{self, Mask};
use crate::layouts::{self, SourceKind, SourceOptions};
use crate::volume::geometry::Geometry;
use crate::volume::segments::{self, Grid};
use crate::volume::{Case, Reader};
use anyhow::Result;
use base64::Engine as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<GoldenCase>,
    volumes: Vec<GoldenVolume>,
    slicer: Vec<GoldenSlicer>,
}

#[derive(Deserialize)]
struct GoldenCase {
    name: String,
    images: Vec<String>,
    masks: Vec<String>,
    classes: Vec<String>,
    segments: BTreeMap<String, String>,
    /// `[S, H, W]`; none where it has to be refused.
    labels: Option<Vec<u8>>,
    shape: [usize; 3],
    /// Of the image, where the package's are told.
    #[serde(default)]
    values: Option<Vec<f32>>,
}

#[derive(Deserialize)]
struct GoldenVolume {
    name: String,
    file: String,
    files: BTreeMap<String, String>,
    values: Vec<f32>,
    origin: [f64; 3],
    steps: [[f64; 3]; 3],
}

#[derive(Deserialize)]
struct GoldenSlicer {
    name: String,
    file: String,
    image: SlicerImage,
    classes: Option<Vec<String>>,
    labels: Vec<u8>,
}

#[derive(Deserialize)]
struct SlicerImage {
    size: [usize; 3],
    origin: [f64; 3],
    spacing: [f64; 3],
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../golden/segments.json")).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// As a PACS exports it: a folder for each series, names without endings.
fn exported(root: &Path, case: &GoldenCase) -> Result<Case> {
    let folder = |name: &str| {
        let folder = root.join("P1").join("study").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    for (at, image) in case.images.iter().enumerate() {
        std::fs::write(folder("series 1").join(format!("IM{at}")), bytes(image)).unwrap();
    }
    for (at, mask) in case.masks.iter().enumerate() {
        std::fs::write(folder(&format!("series {}", at + 2)).join("IM0"), bytes(mask)).unwrap();
    }
    let options = SourceOptions {
        classes: Some(case.classes.clone()),
        segments: case.segments.clone(),
        ..SourceOptions::default()
    };
    let source = layouts::open(SourceKind::Dicom, root, &options)?;
    let found = source.cases()?;
    assert_eq!(found.cases.len(), 1, "{}", case.name);
    source.load(&found.cases[0], &mut Reader::new(root))
}

#[test]
fn segmentations_and_structure_sets_become_the_masks_that_the_packages_read() {
    for case in golden().cases {
        let folder = tempfile::tempdir().unwrap();
        let found = exported(folder.path(), &case);
        let Some(labels) = &case.labels else {
            let error = format!("{:#}", found.unwrap_err());
            let told = ["FrameOfReferenceUID", "no segmentation or structure set"];
            assert!(told.iter().any(|part| error.contains(part)), "{}: {error}", case.name);
            continue;
        };
        let found = found.unwrap_or_else(|error| panic!("{}: {error:#}", case.name));
        let shape = [found.labels.slices, found.labels.height, found.labels.width];
        assert_eq!(shape, case.shape, "{}", case.name);
        assert_eq!(&found.labels.values, labels, "{}", case.name);
        if let Some(values) = &case.values {
            assert_eq!(&found.volume.values, values, "{}", case.name);
        }
    }
}

#[test]
fn volumes_have_the_values_and_the_place_that_simpleitk_and_nibabel_give_them() {
    for GoldenVolume { name, file, files, values, origin, steps } in golden().volumes {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in &files {
            std::fs::write(folder.path().join(name), bytes(text)).unwrap();
        }
        let path = folder.path().join(&file);
        let mut reader = Reader::new(folder.path());
        let found = file::image(&path, &mut reader).unwrap_or_else(|e| panic!("{name}: {e:#}"));
        assert_eq!(reader.into_files().len(), files.len(), "{name}: all go into the manifest");
        assert_eq!(found.volume.values, values, "{name}");
        let geometry = found.geometry.unwrap_or_else(|| panic!("{name}: lies nowhere"));
        let near = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near(geometry.origin_mm, origin), "{name}: {geometry:?}, {origin:?}");
        for axis in 0..3 {
            assert!(near(geometry.steps_mm[axis], steps[axis]), "{name}: {geometry:?}, {steps:?}");
        }
        let names: Vec<&str> = files.keys().map(String::as_str).filter(|n| *n != file).collect();
        assert!(names.iter().all(|name| file::is_data_file(&folder.path().join(name))), "{name}");
    }
}

#[test]
fn slicers_segmentations_lie_on_their_image_by_name() {
    for GoldenSlicer { name, file, image, classes, labels } in golden().slicer {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.seg.nrrd");
        std::fs::write(&path, bytes(&file)).unwrap();
        let steps_mm = std::array::from_fn(|axis| {
            std::array::from_fn(|i| if i == axis { image.spacing[axis] } else { 0.0 })
        });
        let geometry = Geometry { size: image.size, origin_mm: image.origin, steps_mm };
        let grid = Grid { size: image.size, geometry: Some(geometry) };
        let options = SourceOptions { classes, ..SourceOptions::default() };
        let mask = file::mask(&path, 4, &mut Reader::new(folder.path())).unwrap();
        let Mask::Segments(segments) = mask else { panic!("{name}: named segments") };
        let (found, _) = segments::labels(vec![segments], &options.naming(), &grid).unwrap();
        assert_eq!(found.values, labels, "{name}");
        // Without its image nobody knows where it lies.
        let mask = file::mask(&path, 4, &mut Reader::new(folder.path())).unwrap();
        assert!(mask.labels().unwrap_err().to_string().contains("without their image"));
    }
}
