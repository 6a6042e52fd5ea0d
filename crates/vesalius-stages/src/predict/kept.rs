//! What a run keeps of its segmenters: weights, and what they need to be used again.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;
use vesalius_data::files::publish::write_file;
use vesalius_data::files::read;
use vesalius_data::pack::Pack;
use vesalius_data::pack::kind::SliceKind;
use vesalius_data::pack::manifest::{Provenance, SliceShape};
use vesalius_data::prepare::settings::Preprocess;
use vesalius_data::run::files::{Integrity, integrity};
use vesalius_data::text::strings;
use vesalius_torch::Device;
use vesalius_torch::nets::nnunet::Plan;
use vesalius_torch::segment::{self, Given, SegmentSpec, Segmenter};

/// Version of `segmenter.json`.
const FORMAT: u32 = 1;
/// Its name in a run.
pub const SEGMENTER: &str = "segmenter.json";

/// `RUN/segmenter.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    format: u32,
    /// Name of the dataset whose test patients judged it.
    pub dataset: String,
    /// Names of the labels 0, 1, ….
    pub classes: Vec<String>,
    /// Names of the image channels, where each is a sequence of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<String>,
    /// What the networks are given.
    pub slice_shape: SliceShape,
    /// Sides of a voxel of volumes, mm, by which their network was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<[f64; 3]>,
    /// How images became slices; absent where the pack does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<Preprocess>,
    /// The network and its training; of an ensemble, of the first.
    pub settings: SegmentSpec,
    /// Of nnU-Net's network: its stages, as they were planned for these slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Files of the weights.
    pub weights: Vec<String>,
}

impl Kept {
    /// Of segmenters for slices like those of a pack.
    pub fn of(settings: &SegmentSpec, like: &Pack) -> Self {
        let manifest = like.manifest();
        let preprocess = match &manifest.provenance {
            Provenance::Real { preprocess, .. } => serde_json::from_value(preprocess.clone()).ok(),
            Provenance::Synthetic { .. } => None,
        };
        Self {
            format: FORMAT,
            dataset: manifest.dataset.clone(),
            classes: manifest.classes.clone(),
            sequences: manifest.sequences.clone(),
            slice_shape: like.slice_shape(),
            preprocess,
            settings: settings.clone(),
            spacing_mm: like.slice_shape().is_volume().then(|| manifest.spacing_mm()),
            plan: settings.plan(like),
            weights: vec![],
        }
    }

    /// What the networks are given and say.
    pub fn kind(&self) -> SliceKind<'_> {
        SliceKind { shape: self.slice_shape, sequences: &self.sequences, classes: &self.classes }
    }
}

/// Writes weights and `segmenter.json` into a run that is not published yet.
///
/// # Errors
/// When a file cannot be written.
pub fn put(segmenters: &[&Segmenter], kept: &Kept, run: &Path) -> Result<()> {
    let mut weights = Vec::new();
    for (i, segmenter) in segmenters.iter().enumerate() {
        let name = match segmenters.len() {
            1 => "unet.safetensors".to_owned(),
            _ => format!("unet-{}.safetensors", i + 1),
        };
        segment::save(segmenter, &run.join(&name))?;
        weights.push(name);
    }
    let kept = Kept { weights, ..kept.clone() };
    write_file(&run.join(SEGMENTER), &serde_json::to_vec_pretty(&kept)?)
}

/// Segmenters of a run, ready to predict.
#[derive(Debug)]
pub struct Opened {
    /// What is known of them.
    pub kept: Kept,
    /// Whose mean probability decides.
    pub segmenters: Vec<Segmenter>,
}

/// Opens what a run kept.
///
/// # Errors
/// A run without a segmenter, unfinished, of another version, or whose files are not those that it left.
pub fn open(run: &Path, device: Device) -> Result<Opened> {
    let path = run.join(SEGMENTER);
    let bytes = read::state(&path).with_context(|| {
        format!(
            "{}: cannot be read; expected a run of `vesalius segment` of this version",
            path.display()
        )
    })?;
    let kept: Kept = strings::from_json(&bytes)
        .with_context(|| format!("{}: not a segmenter of this version", path.display()))?;
    if kept.format != FORMAT {
        bail!("{}: format {}, expected {FORMAT}", path.display(), kept.format);
    }
    if let Integrity::Changed(what) = integrity(run)? {
        bail!("{}: {}; expected the files that the run left", run.display(), what.join(", "));
    }
    if kept.weights.is_empty() {
        bail!("{}: no weights, expected some", path.display());
    }
    let classes = kept.classes.len();
    let given =
        Given { spacing_mm: kept.spacing_mm.unwrap_or([1.0; 3]), ..Given::from(kept.slice_shape) };
    let mut segmenters = Vec::new();
    for name in &kept.weights {
        if Path::new(name).components().count() != 1 {
            bail!("{}: weights {name:?}, expected a file of the run", path.display());
        }
        segmenters.push(segment::load(&kept.settings, given, classes, &run.join(name), device)?);
    }
    Ok(Opened { kept, segmenters })
}
