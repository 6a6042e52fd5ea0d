//! Where the slices of a pack came from: a dataset's files, a generator, another program.

use crate::pack::masks::MaskSource;
use crate::pack::row::{Made, RowId};
use crate::run::precision::Precision;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
        filtered: Option<Box<Filtered>>,
        /// The persons behind `trained_on`, and behind masks that were painted; empty in packs of older versions, and where
        /// nobody says.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seen: Vec<Seen>,
        /// Made by another program: of checkpoint, length and seed nothing is known then, and of `trained_on` it may be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        elsewhere: Option<Elsewhere>,
        /// Slices of which each volume was put together, in the order in which they were made; none where the generator
        /// makes what the pack holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stacked: Option<usize>,
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
    /// Real images that were read as `source`, of whose files and preparation nothing is said.
    pub fn real(source: &str, split: &str) -> Self {
        Self::Real {
            source: source.to_owned(),
            preprocess: serde_json::Value::Null,
            split: split.to_owned(),
            files: vec![],
            predicted: None,
        }
    }

    /// Images of a generator that was trained on the pack of this digest for 1 kimg; everything else as it is where nothing
    /// is said.
    pub fn made(gan: &str, trained_on: &str) -> Self {
        Self::Synthetic {
            gan: gan.to_owned(),
            checkpoint_sha256: String::new(),
            trained_on: trained_on.to_owned(),
            kimg: 1.0,
            seed: 1,
            truncation: 1.0,
            precision: Precision::F32,
            mask_source: MaskSource::Generated,
            masks_pack: None,
            run_sha256: None,
            filtered: None,
            seen: vec![],
            elsewhere: None,
            stacked: None,
        }
    }

    /// Row of a table these slices belong to: the GAN, where it painted other masks than those of its training which,
    /// whether volumes are stacks of its slices, and whether only plausible pairs are left. `None` for real slices.
    pub fn row(&self) -> Option<RowId> {
        let Self::Synthetic { gan, mask_source, filtered, stacked, .. } = self else { return None };
        let (plausible_only, stacked) = (filtered.is_some(), stacked.is_some());
        let masks = mask_source.into();
        Some(RowId { made: vec![Made { masks, stacked, plausible_only, ..Made::of(gan) }] })
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
                let filtered = plausible_only(filtered.as_deref());
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
                stacked,
                ..
            } => {
                let stacked = stacked.map_or_else(String::new, |slices| {
                    format!(", {slices} slices stacked to each volume")
                });
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
                let filtered = plausible_only(filtered.as_deref());
                format!(
                    "synthetic: {gan} after {kimg:.1} kimg, seed {seed}{truncated}{computed}{stacked}; masks: {mask_source}{filtered}"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn painted_masks_make_rows_of_their_own() {
        let row = |mask_source: &str, filtered: Option<Box<Filtered>>| {
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
                stacked: None,
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
        let filtered = Some(Box::new(filtered));
        assert_eq!(row("generated", filtered), "spade, plausible only");
    }
}
