//! What is said of a segmenter, and the settings that it comes to.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use vesalius_torch::layers::norm::NormKind;
use vesalius_torch::precision::Precision;
use vesalius_torch::segment::SegmentSpec;
use vesalius_torch::segment::spec::{NetworkSpec, Preset};

/// What is said of a segmenter: a preset, and what shall be other than it has it. A study's task holds it so; which packs
/// train is among its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Task {
    /// Whether the real training patients train.
    pub real: bool,
    /// What holds where nothing else is said.
    #[serde(skip_serializing_if = "crate::is_default")]
    pub preset: Preset,
    /// See [`SegmentSpec::classical`].
    pub augment: bool,
    /// See [`SegmentSpec::steps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// See [`SegmentSpec::batch`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// See [`SegmentSpec::learning_rate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// See [`vesalius_torch::nets::unet::UnetSpec::filters`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<i64>,
    /// See [`vesalius_torch::nets::unet::UnetSpec::depth`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Without batch normalisation, as in the original U-Net.
    #[serde(skip_serializing_if = "crate::is_default")]
    pub no_batch_norm: bool,
    /// Any other setting: PATH=VALUE.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// See [`SegmentSpec::seed`].
    pub seed: u64,
    /// See [`SegmentSpec::precision`].
    #[serde(skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

impl Default for Task {
    fn default() -> Self {
        Self {
            real: false,
            preset: Preset::default(),
            augment: false,
            steps: None,
            batch: None,
            learning_rate: None,
            filters: None,
            depth: None,
            no_batch_norm: false,
            set: Vec::new(),
            seed: 1,
            precision: Precision::default(),
        }
    }
}

impl Task {
    /// Says what the preset leaves unsaid, so that a task is a task whatever presets will be: those of older studies keep
    /// their names.
    ///
    /// # Errors
    /// Those of [`Task::spec`].
    pub fn settle(&mut self) -> Result<()> {
        let SegmentSpec { network, steps, batch, learning_rate, .. } = self.spec()?;
        (self.steps, self.batch) = (Some(steps), Some(batch));
        self.learning_rate = Some(learning_rate);
        if let NetworkSpec::Unet(unet) = network {
            (self.filters, self.depth) = (Some(unet.filters), Some(unet.depth));
        }
        Ok(())
    }

    /// All settings.
    ///
    /// # Errors
    /// Names what is not a setting of this preset, or out of range.
    pub fn spec(&self) -> Result<SegmentSpec> {
        let mut spec = SegmentSpec::of(self.preset);
        let Self { filters, depth, no_batch_norm, .. } = *self;
        if filters.is_some() || depth.is_some() || no_batch_norm {
            let NetworkSpec::Unet(unet) = &mut spec.network else {
                bail!(
                    "preset {}: filters, depth and normalisation are planned from the slices, expected none to be named",
                    self.preset
                );
            };
            unet.filters = filters.unwrap_or(unet.filters);
            unet.depth = depth.unwrap_or(unet.depth);
            if no_batch_norm {
                unet.norm = NormKind::None;
            }
        }
        spec.classical = self.augment;
        spec.steps = self.steps.unwrap_or(spec.steps);
        spec.batch = self.batch.unwrap_or(spec.batch);
        spec.learning_rate = self.learning_rate.unwrap_or(spec.learning_rate);
        (spec.seed, spec.precision) = (self.seed, self.precision);
        spec.with(&self.set)
    }
}
