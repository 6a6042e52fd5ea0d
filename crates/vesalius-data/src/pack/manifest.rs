//! `manifest.json` of a pack: what is in it, where it came from, who is on which side of the split.

use crate::files::seal::{self, Seal};
use crate::pack::masks::MaskSource;
use crate::pack::row::{Made, RowId};
use crate::pack::source_grid::SourceGrid;
use crate::run::precision::Precision;
use crate::text::{file_stem, label, strings};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which side of the split a patient is on. Test patients are never in a batch that trains anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Trains GANs and segmentation networks.
    Train,
    /// Judges, and nothing else.
    Test,
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

/// Shape of every slice in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceShape {
    /// Image channels C (1 grey, 3 colour).
    pub channels: usize,
    /// Height H in pixels.
    pub height: usize,
    /// Width W in pixels.
    pub width: usize,
    /// Pixel type.
    #[serde(rename = "depth")]
    pub pixel_type: PixelType,
}

impl SliceShape {
    /// Bytes of one slice's pixels `[C, H, W]`.
    pub const fn pixel_bytes(&self) -> usize {
        self.channels * self.height * self.width * self.pixel_type.bytes()
    }

    /// Bytes of one slice's label map `[H, W]`.
    pub const fn label_bytes(&self) -> usize {
        self.height * self.width
    }
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
    /// An examination of which only its place is known.
    pub fn new(id: impl Into<String>, patient: impl Into<String>, split: Split) -> Self {
        Self {
            id: id.into(),
            patient: patient.into(),
            group: None,
            split,
            spacing_mm: None,
            between_mm: None,
            source_grid: None,
            source_slices: vec![],
        }
    }
}

/// A person whose images or masks a generator saw while it was trained, or painted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Name of the dataset.
    pub dataset: String,
    /// Name of the patient there.
    pub patient: String,
    /// As [`CaseRecord::source_slices`], of all its cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_slices: Vec<String>,
}

/// One slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceRecord {
    /// Index into [`Manifest::cases`].
    pub case: usize,
    /// Position in the case's volume, from 0.
    pub position: usize,
}

/// A file that went into the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Relative to the dataset's folder.
    pub path: PathBuf,
    /// Of the file as it lay there.
    pub sha256: String,
}

/// Where the slices came from. Nothing downstream branches on it; reports print it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Provenance {
    /// A dataset's files.
    Real {
        /// The source that read them: `acdc`, `folder`, …
        source: String,
        /// Every setting of the preparation, resolved.
        preprocess: serde_json::Value,
        /// How the split was made: `official`, or seed and share.
        split: String,
        /// Every file read.
        files: Vec<SourceFile>,
        /// What drew the masks, where nobody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        predicted: Option<PredictedMasks>,
    },
    /// A trained generator.
    Synthetic {
        /// Name of the preset.
        gan: String,
        /// SHA-256 of the checkpoint's generator weights.
        checkpoint_sha256: String,
        /// Digest of the pack it was trained on.
        trained_on: String,
        /// Thousands of real images it had seen.
        kimg: f64,
        /// Latent i is a function of (seed, i).
        seed: u64,
        /// Truncation ψ of styles; 1: none.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        truncation: f64,
        /// In what arithmetic the generator computed; f32 where it is not said.
        #[serde(default, skip_serializing_if = "Precision::is_default")]
        precision: Precision,
        /// Where masks came from.
        mask_source: MaskSource,
        /// Digest of the pack whose masks were painted, where some were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        masks_pack: Option<String>,
        /// SHA-256 of the `task.toml` of the run that was sampled: two trainings may hold one checkpoint, where one
        /// went on
        /// from the other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run_sha256: Option<String>,
        /// What was sorted out of the pack that was sampled, where something was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filtered: Option<Filtered>,
        /// The persons behind `trained_on`, and behind masks that were painted; empty in packs of older versions, and where
        /// nobody says.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seen: Vec<Seen>,
        /// Made by another program: of checkpoint, length and seed nothing is known then, and of `trained_on` it may be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        elsewhere: Option<Elsewhere>,
    },
}

/// Images that another program made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Where they lay; their digest stands in place of the checkpoint's.
    pub from: PathBuf,
}

/// Masks that a segmenter predicted: no annotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PredictedMasks {
    /// The segmenter, as results name it.
    pub by: String,
    /// Digest of the pack whose slices these are.
    pub pack: String,
}

/// A synthetic pack without its implausible pairs: what `vesalius plausibility --filtered` did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filtered {
    /// Digest of the pack that was filtered.
    pub pack: String,
    /// Pairs that are left.
    pub kept: usize,
    /// Pairs that there were.
    pub of: usize,
    /// The rules that all pairs left obey, as [`Rules::to_json`](vesalius_report::plausibility::rules::Rules::to_json)
    /// gives them.
    pub rules: serde_json::Value,
}

impl Provenance {
    /// Row of a table these slices belong to: the GAN, where it painted other masks than those of its training which,
    /// and whether only plausible pairs are left. `None` for real slices.
    pub fn row(&self) -> Option<RowId> {
        let Self::Synthetic { gan, mask_source, filtered, .. } = self else { return None };
        let plausible_only = filtered.is_some();
        let masks = mask_source.into();
        Some(RowId { made: vec![Made { masks, plausible_only, ..Made::of(gan) }] })
    }

    /// Where masks came from, if the GAN did not make them.
    pub fn painted_masks(&self) -> Option<&MaskSource> {
        match self {
            Self::Synthetic { mask_source, .. } => mask_source.painted(),
            Self::Real { .. } => None,
        }
    }

    /// Where the slices came from, in one line.
    pub fn describe(&self) -> String {
        match self {
            Self::Real { source, split, files, predicted, .. } => {
                let masks = predicted.as_ref().map_or_else(String::new, |masks| {
                    format!("; masks predicted by {}, no annotation", masks.by)
                });
                format!("real: {} files read as {source}; split {split}{masks}", files.len())
            }
            Self::Synthetic {
                gan, elsewhere: Some(elsewhere), filtered, seen, trained_on, ..
            } => {
                let members = match (trained_on.is_empty(), seen.len()) {
                    (true, 0) => "trained on nobody knows whom".to_owned(),
                    (true, count) => format!("trained on {count} patients"),
                    (false, _) => format!("trained on the pack {trained_on:.12}"),
                };
                let filtered = plausible_only(filtered.as_ref());
                format!(
                    "synthetic: {gan}, made elsewhere (imported from {}), {members}{filtered}",
                    elsewhere.from.display()
                )
            }
            Self::Synthetic {
                gan,
                kimg,
                seed,
                truncation,
                precision,
                mask_source,
                filtered,
                ..
            } => {
                let truncated = if is_one(truncation) {
                    String::new()
                } else {
                    format!(", truncation {truncation}")
                };
                let computed = if precision.is_default() {
                    String::new()
                } else {
                    format!(", computed in {precision}")
                };
                let filtered = plausible_only(filtered.as_ref());
                format!(
                    "synthetic: {gan} after {kimg:.1} kimg, seed {seed}{truncated}{computed}; masks: {mask_source}{filtered}"
                )
            }
        }
    }
}

fn plausible_only(filtered: Option<&Filtered>) -> String {
    filtered.map_or(String::new(), |Filtered { kept, of, .. }| {
        format!("; plausible only: {kept} of {of} pairs kept")
    })
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_one(value: &f64) -> bool {
    *value == 1.0
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

    /// Indices of the slices on one side of the split, ascending.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.slices.len()).filter(|&i| self.case(i).split == split).collect()
    }

    /// The examination that slice `i` belongs to.
    pub fn case(&self, i: usize) -> &CaseRecord {
        &self.cases[self.slices[i].case]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn painted_masks_make_rows_of_their_own() {
        let row = |mask_source: &str, filtered: Option<Filtered>| {
            Provenance::Synthetic {
                gan: "spade".into(),
                checkpoint_sha256: String::new(),
                trained_on: String::new(),
                kimg: 1.0,
                seed: 1,
                truncation: 1.0,
                precision: Precision::F32,
                mask_source: mask_source.to_owned().into(),
                masks_pack: None,
                run_sha256: None,
                filtered,
                seen: vec![],
                elsewhere: None,
            }
            .row()
            .unwrap()
            .to_string()
        };
        assert_eq!(row("generated", None), "spade");
        assert_eq!(row("630 training masks; a fresh style each", None), "spade");
        assert_eq!(
            row("630 training masks, warped; a fresh style each", None),
            "spade, warped masks"
        );
        assert_eq!(
            row("masks generated by lsgan; a fresh style each", None),
            "spade, masks of lsgan"
        );
        let filtered =
            Filtered { pack: String::new(), kept: 1, of: 2, rules: serde_json::Value::Null };
        assert_eq!(row("generated", Some(filtered)), "spade, plausible only");
    }
}
