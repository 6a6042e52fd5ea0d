//! The series that a mask was drawn on, so that viewers and archives show both together: the mask's object bears the
//! patient, study and frame of reference of its images, and names their files.

use super::Part;
use super::elements::put;
use crate::files::read;
use crate::formats::dicom::header::Facts;
use crate::formats::dicom::object::{self, element, text};
use crate::formats::dicom::series::Series;
use crate::formats::dicom::{facts, frames};
use crate::volume::geometry::Geometry;
use anyhow::{Context as _, Result, bail};
use dicom_core::VR;
use dicom_object::{InMemDicomObject, Tag};
use std::path::{Path, PathBuf};

/// What objects of one patient, study and frame of reference have in common (PS3.3 C.7.1.1, C.7.2.1, C.7.4.1), as far
/// as other programs ask for it.
const COMMON: [(u16, u16); 16] = [
    (0x0008, 0x0020),
    (0x0008, 0x0030),
    (0x0008, 0x0050),
    (0x0008, 0x0090),
    (0x0008, 0x1030),
    (0x0010, 0x0010),
    (0x0010, 0x0020),
    (0x0010, 0x0021),
    (0x0010, 0x0030),
    (0x0010, 0x0040),
    (0x0012, 0x0062),
    (0x0012, 0x0063),
    (0x0012, 0x0064),
    (0x0020, 0x000d),
    (0x0020, 0x0010),
    (0x0020, 0x1040),
];

/// One slice's image.
#[derive(Debug)]
struct Instance {
    class: String,
    uid: String,
    /// From 1, of an object with several.
    frame: Option<usize>,
    position_mm: [f64; 3],
}

/// A series of images.
#[derive(Debug)]
pub struct Source {
    /// Of its first file, without pixels.
    header: InMemDicomObject,
    /// In the order of the slices.
    instances: Vec<Instance>,
    study: String,
    series: String,
    frame_of_reference: Option<String>,
    pub(super) geometry: Geometry,
}

impl Source {
    /// Reads the headers of a series.
    ///
    /// # Errors
    /// What is no series, or lacks what a mask's object has to name: identifiers, place and spacing of each slice.
    pub fn of(files: &[PathBuf]) -> Result<Self> {
        let mut header: Option<InMemDicomObject> = None;
        let mut slices: Vec<(&Path, Facts, Named)> = Vec::new();
        for path in files {
            let named = || format!("{}", path.display());
            let file = read::open(path).with_context(named)?;
            let object = object::read(std::io::BufReader::new(file), true).with_context(named)?;
            let several = frames::count(&object).with_context(named)? > 1;
            let name = Named::of(&object).with_context(named)?;
            for (at, facts) in facts(&object).with_context(named)?.into_iter().enumerate() {
                let frame = several.then_some(at + 1);
                slices.push((path, facts, Named { frame, ..name.clone() }));
            }
            header.get_or_insert_with(|| InMemDicomObject::clone(&object));
        }
        let plain: Vec<_> = slices.iter().map(|(path, facts, _)| (*path, facts)).collect();
        let order = Series::of(&plain)?.order;
        let (Some(header), Some(first)) = (header, order.first()) else {
            bail!("no slices, expected some")
        };
        let (path, facts, _) = &slices[*first];
        let needs = |name: &str| {
            format!(
                "{}: no {name}, expected one: masks in DICOM lie where their images do",
                path.display()
            )
        };
        let study =
            text(&header, Tag(0x0020, 0x000d)).with_context(|| needs("StudyInstanceUID"))?;
        let series = facts.series_uid.clone().with_context(|| needs("SeriesInstanceUID"))?;
        let instances = order.iter().map(|i| {
            let (path, facts, named) = &slices[*i];
            let position_mm = facts.position_mm.with_context(|| {
                format!("{}: no ImagePositionPatient, expected one: masks in DICOM lie where their images do", path.display())
            })?;
            let Named { class, uid, frame } = named.clone();
            Ok(Instance { class, uid, frame, position_mm })
        });
        let instances: Vec<Instance> = instances.collect::<Result<_>>()?;
        let o = facts.orientation.with_context(|| needs("ImageOrientationPatient"))?;
        let [row_mm, column_mm] = facts.spacing_mm.with_context(|| needs("PixelSpacing"))?;
        let normal = facts.normal()?.with_context(|| needs("ImageOrientationPatient"))?;
        let (a, b) = (instances[0].position_mm, instances[instances.len() - 1].position_mm);
        let between = if instances.len() > 1 {
            (0..3).map(|i| (b[i] - a[i]) * normal[i]).sum::<f64>() / (instances.len() - 1) as f64
        } else {
            facts.thickness_mm.unwrap_or(1.0)
        };
        let geometry = Geometry {
            size: [facts.size[1] as usize, facts.size[0] as usize, instances.len()],
            origin_mm: a,
            steps_mm: [
                [0, 1, 2].map(|axis| o[axis] * column_mm),
                [3, 4, 5].map(|axis| o[axis] * row_mm),
                normal.map(|n| n * between),
            ],
        };
        let frame_of_reference = facts.frame_of_reference.clone();
        Ok(Self { header, instances, study, series, frame_of_reference, geometry })
    }

    /// How many slices it has.
    pub fn slices(&self) -> usize {
        self.instances.len()
    }

    /// Identifiers that the series has already.
    pub(super) fn uid(&self, part: Part) -> Option<String> {
        match part {
            Part::Study => Some(self.study.clone()),
            Part::Series(_) => Some(self.series.clone()),
            Part::Instance(_, at) => Some(self.instances[at].uid.clone()),
            Part::FrameOfReference => self.frame_of_reference.clone(),
            Part::Drawing(_) => None,
        }
    }

    /// Of a slice's first pixel.
    pub(super) fn position_mm(&self, slice: usize) -> [f64; 3] {
        self.instances[slice].position_mm
    }

    /// Class of a slice's file, and which frame it is of an object with several.
    pub(super) fn class(&self, at: usize) -> (&str, Option<usize>) {
        (&self.instances[at].class, self.instances[at].frame)
    }

    /// Makes an object one of the series' patient and study.
    pub(super) fn adopt(&self, object: &mut InMemDicomObject) {
        for (group, number) in COMMON {
            let tag = Tag(group, number);
            object.remove_element(tag);
            if let Some(known) = element(&self.header, tag) {
                object.put(known.clone());
            }
        }
        // Elements that an object has to have, if only empty (type 2).
        for (tag, vr) in [
            ((0x0008, 0x0020), VR::DA),
            ((0x0008, 0x0030), VR::TM),
            ((0x0008, 0x0050), VR::SH),
            ((0x0008, 0x0090), VR::PN),
            ((0x0010, 0x0010), VR::PN),
            ((0x0010, 0x0020), VR::LO),
            ((0x0010, 0x0030), VR::DA),
            ((0x0010, 0x0040), VR::CS),
            ((0x0020, 0x0010), VR::SH),
            ((0x0020, 0x1040), VR::LO),
        ] {
            if element(object, Tag(tag.0, tag.1)).is_none() {
                put(object, tag, vr, "");
            }
        }
    }
}

/// What an image's file is called in DICOM.
#[derive(Debug, Clone)]
struct Named {
    class: String,
    uid: String,
    frame: Option<usize>,
}

impl Named {
    fn of(object: &InMemDicomObject) -> Result<Self> {
        let needed = |tag, name: &str| {
            text(object, tag).with_context(|| {
                format!("no {name}, expected one: masks in DICOM name the files of their images")
            })
        };
        Ok(Self {
            class: needed(Tag(0x0008, 0x0016), "SOPClassUID")?,
            uid: needed(Tag(0x0008, 0x0018), "SOPInstanceUID")?,
            frame: None,
        })
    }
}
