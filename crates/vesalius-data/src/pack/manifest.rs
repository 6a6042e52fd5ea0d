//! `manifest.json` of a pack: what is in it, where it came from, who is on which side of the split.

pub use super::provenance::{Elsewhere, Filtered, PredictedMasks, Provenance, Seen, SourceFile};
use crate::files::seal::{self, Seal};
use crate::pack::source_grid::SourceGrid;
use crate::text::{file_stem, label, strings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which side of the split a patient is on. Test patients are never in a batch that trains anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Trains GANs and segmentation networks.
    Train,
    /// Chooses (lengths, checkpoints, generators): trains nothing, and no answer stands on it.
    Validate,
    /// Judges, and nothing else.
    Test,
}

impl Split {
    /// All sides.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validate, Self::Test];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validate => "validate",
            Self::Test => "test",
        }
    }

    /// What a patient on it does.
    pub const fn does(self) -> &'static str {
        match self {
            Self::Train => "trains",
            Self::Validate => "validates",
            Self::Test => "tests",
        }
    }
}

/// Pixel type at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelType {
    /// 0…255.
    U8,
    /// 0…65535.
    U16,
}

impl PixelType {
    /// Bytes of one pixel.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
        }
    }

    /// The largest pixel value, which networks see as 1.
    pub const fn max(self) -> u16 {
        match self {
            Self::U8 => 255,
            Self::U16 => u16::MAX,
        }
    }
}

/// Shape of every slice in a pack, or of every volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceShape {
    /// Image channels C (1 grey, 3 colour).
    pub channels: usize,
    /// Planes D of a volume; 1: slices.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub planes: usize,
    /// Height H in pixels.
    pub height: usize,
    /// Width W in pixels.
    pub width: usize,
    /// Pixel type.
    #[serde(rename = "depth")]
    pub pixel_type: PixelType,
}

impl SliceShape {
    /// Whether it is of volumes.
    pub const fn is_volume(&self) -> bool {
        self.planes > 1
    }

    /// Bytes of one slice's pixels `[C, H, W]`, or of a volume's `[D, C, H, W]`.
    pub const fn pixel_bytes(&self) -> usize {
        self.channels * self.label_bytes() * self.pixel_type.bytes()
    }

    /// Bytes of one slice's label map `[H, W]`, or of a volume's `[D, H, W]`.
    pub const fn label_bytes(&self) -> usize {
        self.planes * self.height * self.width
    }

    /// Size in words: `64x64`, `8x64x64`.
    pub fn size(&self) -> String {
        let Self { planes, height, width, .. } = self;
        if self.is_volume() {
            format!("{planes}x{height}x{width}")
        } else {
            format!("{height}x{width}")
        }
    }

    /// What there are in a pack: slices or volumes.
    pub const fn what(&self) -> &'static str {
        if self.is_volume() { "volume" } else { "slice" }
    }
}

const fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_one(planes: &usize) -> bool {
    *planes == 1
}

/// One examination (volume, series or single image) of one patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// Unique in the pack: `patient001_frame01`.
    pub id: String,
    /// The patient it belongs to.
    pub patient: String,
    /// Pathology group or the like, where the dataset tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The patient's side of the split.
    pub split: Split,
    /// The fold in which it tests; absent in packs without folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// Folds in which it validates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validates_in: Vec<usize>,
    /// Spacing of the pack's pixels for this case, mm: `[row, column]`; absent where the source has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<[f64; 2]>,
    /// From one slice of the source to the next, mm; absent where the source does not say, and in packs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between_mm: Option<f64>,
    /// Where its slices were cut out of the source; absent in synthetic packs and packs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_grid: Option<SourceGrid>,
    /// [`Volume::slice_digests`](crate::volume::Volume::slice_digests) of the source's slices, kept or not, without
    /// empty
    /// ones: by these two packs know a scan again, whatever it is called and however it was resampled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_slices: Vec<String>,
}

impl CaseRecord {
    /// The same with the spacing `[plane, row, column]` of its voxels, mm.
    #[must_use]
    pub fn spaced(self, [between, row, column]: [f64; 3]) -> Self {
        Self { spacing_mm: Some([row, column]), between_mm: Some(between), ..self }
    }

    /// An examination of which only its place is known.
    pub fn new(id: impl Into<String>, patient: impl Into<String>, split: Split) -> Self {
        Self {
            id: id.into(),
            patient: patient.into(),
            group: None,
            split,
            fold: None,
            validates_in: vec![],
            spacing_mm: None,
            between_mm: None,
            source_grid: None,
            source_slices: vec![],
        }
    }
}

/// One slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceRecord {
    /// Index into [`Manifest::cases`].
    pub case: usize,
    /// Position in the case's volume, from 0.
    pub position: usize,
}

/// The manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the dataset: `acdc`.
    pub dataset: String,
    /// Version of Vesalius that wrote it.
    pub vesalius: String,
    /// Names of the label values 0, 1, …; the first is the background. K = `classes.len()`.
    pub classes: Vec<String>,
    /// Names of the image channels, where each is a sequence of its own; empty for grey and colour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<String>,
    /// Shape of every slice.
    #[serde(rename = "layout")]
    pub slice_shape: SliceShape,
    /// Where it came from.
    pub provenance: Provenance,
    /// Examinations.
    pub cases: Vec<CaseRecord>,
    /// Slices, in the order they lie in the file.
    pub slices: Vec<SliceRecord>,
    /// The command line that made it.
    #[serde(default)]
    pub command: String,
    /// SHA-256 of `slices.bin`; filled by the writer.
    #[serde(default)]
    pub data_sha256: String,
}

impl Manifest {
    /// Median sides of a voxel over the cases, mm: planes, rows, columns; 1 where none is known.
    pub fn spacing_mm(&self) -> [f64; 3] {
        let of = |case: &CaseRecord| {
            let ([row, column], between) = (case.spacing_mm?, case.between_mm?);
            Some([between, row, column])
        };
        let all: Vec<[f64; 3]> = self.cases.iter().filter_map(of).collect();
        [0, 1, 2].map(|axis| {
            let mut sides: Vec<f64> = all.iter().map(|spacing| spacing[axis]).collect();
            sides.sort_by(f64::total_cmp);
            sides.get(sides.len() / 2).copied().unwrap_or(1.0)
        })
    }

    /// Makes planes of volumes slices.
    pub(super) fn take_apart(&mut self) {
        let planes = self.slice_shape.planes;
        let each = |volume: &SliceRecord| {
            let SliceRecord { case, position } = *volume;
            (0..planes).map(move |plane| SliceRecord { case, position: position * planes + plane })
        };
        self.slices = self.slices.iter().flat_map(each).collect();
        self.slice_shape.planes = 1;
    }

    /// Of slices of this kind, without cases.
    pub fn new(
        dataset: &str,
        classes: Vec<String>,
        slice_shape: SliceShape,
        provenance: Provenance,
    ) -> Self {
        Self {
            dataset: dataset.to_owned(),
            vesalius: env!("CARGO_PKG_VERSION").to_owned(),
            classes,
            sequences: vec![],
            slice_shape,
            provenance,
            cases: vec![],
            slices: vec![],
            command: String::new(),
            data_sha256: String::new(),
        }
    }

    /// Reads `manifest.json`, and checks all texts: names of cases become names of files, the others stand in tables.
    ///
    /// # Errors
    /// Not what its seal says; not a manifest; a text that is not printable, a case whose name no file can have. In one
    /// line.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if seal::check(bytes) == Seal::Broken {
            return Err(
                "changed since it was written, expected what its seal says (who means the change removes the field `seal`)"
                    .to_owned(),
            );
        }
        let manifest: Self = strings::from_json(bytes)
            .map_err(|error| format!("not a manifest of this version ({error})"))?;
        manifest.check_names()?;
        Ok(manifest)
    }

    /// Whether cases, patients, classes and the dataset are called as they may be.
    ///
    /// # Errors
    /// The first name that is refused, in one line.
    pub fn check_names(&self) -> Result<(), String> {
        let label = |what: &str, name: &str| {
            label::check(name).map_err(|refused| format!("{what}: {refused}"))
        };
        label("dataset", &self.dataset)?;
        self.classes.iter().try_for_each(|class| label("classes", class))?;
        self.sequences.iter().try_for_each(|name| label("sequences", name))?;
        if !self.sequences.is_empty() && self.sequences.len() != self.slice_shape.channels {
            return Err(format!(
                "{} names of sequences, expected {}: one for each channel",
                self.sequences.len(),
                self.slice_shape.channels
            ));
        }
        for (i, case) in self.cases.iter().enumerate() {
            file_stem::check(&case.id).map_err(|refused| format!("case {i}: id {refused}"))?;
            label("patient", &case.patient)?;
            label("group", case.group.as_deref().unwrap_or_default())?;
        }
        match &self.provenance {
            Provenance::Real { source, predicted, .. } => {
                label("source", source)?;
                predicted.as_ref().map_or(Ok(()), |masks| label("predicted by", &masks.by))
            }
            Provenance::Synthetic { gan, mask_source, seen, .. } => {
                label("gan", gan)?;
                label("mask_source", &mask_source.to_string())?;
                seen.iter().try_for_each(|seen| {
                    label("seen dataset", &seen.dataset)?;
                    label("seen patient", &seen.patient)
                })
            }
        }
    }

    /// Number of folds; 0 without.
    pub fn folds(&self) -> usize {
        self.cases.iter().filter_map(|case| case.fold).max().map_or(0, |last| last + 1)
    }

    /// Puts every case on its side in a fold.
    pub(super) fn enter_fold(&mut self, fold: usize) {
        for case in &mut self.cases {
            case.split = if case.fold == Some(fold) {
                Split::Test
            } else if case.validates_in.contains(&fold) {
                Split::Validate
            } else {
                Split::Train
            };
        }
    }

    /// Leaves only these slices, ascending, and the cases that they are of.
    pub(super) fn keep(&mut self, slices: &[usize]) {
        let used: BTreeSet<usize> = slices.iter().map(|&i| self.slices[i].case).collect();
        let place = |case: usize| used.range(..case).count();
        self.slices = slices
            .iter()
            .map(|&i| SliceRecord { case: place(self.slices[i].case), ..self.slices[i].clone() })
            .collect();
        self.cases = used.iter().map(|&case| self.cases[case].clone()).collect();
    }

    /// Indices of the slices on one side of the split, ascending.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.slices.len()).filter(|&i| self.case(i).split == split).collect()
    }

    /// Names of the patients with slices on one side of the split.
    pub fn patients(&self, split: Split) -> BTreeSet<&str> {
        self.indices(split).into_iter().map(|i| self.case(i).patient.as_str()).collect()
    }

    /// The examination that slice `i` belongs to.
    pub fn case(&self, i: usize) -> &CaseRecord {
        &self.cases[self.slices[i].case]
    }
}
