//! Images and masks as DICOM for viewers and PACS: Secondary Capture, SEG, RTSTRUCT.
//!
//! What a generator made is called so where viewers show it (names, descriptions, conversion type SYN, image type
//! DERIVED), and no identifier is a patient's: all are digests.

mod elements;
mod image;
mod segmentation;
mod source;
mod structures;

pub use image::{Picture, write_images};
pub use segmentation::write_segmentation;
pub use source::Source;
pub use structures::write_structures;

use crate::files::digest;
use crate::volume::geometry::Geometry;
use dicom_core::{Tag, VR};
use dicom_object::InMemDicomObject;
use elements::{item, put, put_date};
use std::collections::BTreeSet;

/// What an examination is called.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Of a case, in no language of hospitals: `case_0001`.
    pub id: String,
    /// What the images are, for people: `synthetic (stylegan2)`.
    pub description: String,
    /// Whether a generator made them.
    pub synthetic: bool,
    /// Of what the identifiers are digests: the same data have the same ones.
    pub seed: String,
}

/// Slices of one examination.
#[derive(Debug, Clone)]
pub struct Slices<'a> {
    /// What they are called.
    pub identity: &'a Identity,
    /// Size, place and distances; slices at `positions`.
    pub geometry: Geometry,
    /// Of each slice, counted in steps of the geometry.
    pub positions: &'a [usize],
    /// The series that they are, where it is not ours.
    pub source: Option<&'a Source>,
}

/// Objects that point at each other.
#[derive(Debug, Clone, Copy)]
enum Part {
    Study,
    Series(usize),
    Instance(usize, usize),
    FrameOfReference,
    Drawing(&'static str),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Study => write!(f, "study"),
            Self::Series(channel) => write!(f, "series {channel}"),
            Self::Instance(channel, slice) => write!(f, "instance {channel} {slice}"),
            Self::FrameOfReference => write!(f, "frame of reference"),
            Self::Drawing(what) => write!(f, "{what}"),
        }
    }
}

impl<'a> Slices<'a> {
    /// All slices of a series, `positions` counting them from 0.
    pub fn of_series(source: &'a Source, identity: &'a Identity, positions: &'a [usize]) -> Self {
        Self { identity, geometry: source.geometry, positions, source: Some(source) }
    }

    /// That of a series, else a unique identifier made of a UUID (PS3.5 B.2) that is a digest.
    fn uid(&self, part: Part) -> String {
        if let Some(known) = self.source.and_then(|source| source.uid(part)) {
            return known;
        }
        let text = format!("vesalius/dicom/1/{}/{}/{part}", self.identity.seed, self.identity.id);
        let hex = digest::of_bytes(text.as_bytes());
        let mut number = u128::from_str_radix(&hex[..32], 16).expect("hexadecimal digits");
        // Version 8 (free form), variant 1 of RFC 9562.
        number = number & !(0xf << 76) | (0x8 << 76);
        number = number & !(0x3 << 62) | (0x2 << 62);
        format!("2.25.{number}")
    }

    /// Centre of a slice's first pixel, mm, LPS.
    fn position_mm(&self, slice: usize) -> [f64; 3] {
        if let Some(source) = self.source {
            return source.position_mm(slice);
        }
        let steps = self.positions[slice] as f64;
        std::array::from_fn(|i| self.geometry.origin_mm[i] + steps * self.geometry.steps_mm[2][i])
    }

    /// Unit vectors along a row and a column.
    fn orientation(&self) -> [f64; 6] {
        let spacing = self.geometry.spacing_mm();
        let unit = |axis: usize| self.geometry.steps_mm[axis].map(|v| v / spacing[axis]);
        let ([a, b, c], [d, e, f]) = (unit(0), unit(1));
        [a, b, c, d, e, f]
    }

    /// Patient, study, frame of reference and equipment: equal in all objects of an examination.
    fn common(&self, modality: &str, class: &str, instance: &str) -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        let Identity { id, description, synthetic, .. } = self.identity;
        let word = if *synthetic { "SYNTHETIC" } else { "DERIVED" };
        put(&mut object, (0x0008, 0x0005), VR::CS, "ISO_IR 192");
        put(&mut object, (0x0008, 0x0016), VR::UI, class);
        put(&mut object, (0x0008, 0x0018), VR::UI, instance);
        for tag in [(0x0008, 0x0020), (0x0010, 0x0030)] {
            put(&mut object, tag, VR::DA, "");
        }
        put(&mut object, (0x0008, 0x0030), VR::TM, "");
        for tag in [(0x0008, 0x0050), (0x0020, 0x0010)] {
            put(&mut object, tag, VR::SH, "");
        }
        put(&mut object, (0x0008, 0x0060), VR::CS, modality);
        put(&mut object, (0x0008, 0x0070), VR::LO, "Vesalius");
        put(&mut object, (0x0008, 0x0090), VR::PN, "");
        put(&mut object, (0x0008, 0x1030), VR::LO, format!("{description}, no diagnostic use"));
        put(&mut object, (0x0008, 0x1090), VR::LO, "Vesalius");
        put(&mut object, (0x0010, 0x0010), VR::PN, format!("{word}^{id}"));
        put(&mut object, (0x0010, 0x0020), VR::LO, format!("{word}-{id}"));
        put(&mut object, (0x0010, 0x0040), VR::CS, "");
        if *synthetic {
            // Of a phantom, not of a person.
            put(&mut object, (0x0010, 0x0200), VR::CS, "YES");
        }
        put(&mut object, (0x0012, 0x0062), VR::CS, "YES");
        put(&mut object, (0x0012, 0x0063), VR::LO, "no data of a patient but pixels, if any");
        put(&mut object, (0x0018, 0x1000), VR::LO, "none");
        put(&mut object, (0x0018, 0x1020), VR::LO, env!("CARGO_PKG_VERSION"));
        put(&mut object, (0x0020, 0x000d), VR::UI, self.uid(Part::Study));
        put(&mut object, (0x0020, 0x0052), VR::UI, self.uid(Part::FrameOfReference));
        put(&mut object, (0x0020, 0x1040), VR::LO, "");
        put_date(&mut object);
        if let Some(source) = self.source {
            source.adopt(&mut object);
        }
        object
    }

    /// Of one slice's file.
    fn reference(&self, at: usize) -> InMemDicomObject {
        let (class, frame) = self.source.map_or((image::CLASS, None), |source| source.class(at));
        item(|item| {
            put(item, (0x0008, 0x1150), VR::UI, class);
            put(item, (0x0008, 0x1155), VR::UI, self.uid(Part::Instance(0, at)));
            if let Some(frame) = frame {
                put(item, (0x0008, 0x1160), VR::IS, frame.to_string());
            }
        })
    }

    /// Of all files of the first series, each once.
    fn references(&self) -> Vec<InMemDicomObject> {
        let mut seen = BTreeSet::new();
        let new = |at: &usize| seen.insert(self.uid(Part::Instance(0, *at)));
        let once: Vec<usize> = (0..self.positions.len()).filter(new).collect();
        once.into_iter()
            .map(|at| {
                let mut whole = self.reference(at);
                whole.remove_element(Tag(0x0008, 0x1160));
                whole
            })
            .collect()
    }

    /// What is written below descriptions of series: the name first, so that a list of series shows it.
    fn series_description(&self, what: &str) -> String {
        let Identity { description, .. } = self.identity;
        // LO holds 64 characters.
        format!("{description}: {what}").chars().take(64).collect()
    }
}
