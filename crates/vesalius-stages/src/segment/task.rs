//! What is said of a segmenter, and the settings that it comes to.

use anyhow::{Result, bail};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vesalius_torch::layers::norm::NormKind;
use vesalius_torch::precision::Precision;
use vesalius_torch::segment::SegmentSpec;
use vesalius_torch::segment::spec::{NetworkSpec, Preset};

/// How long a segmenter trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// So many steps.
    Of(u64),
    /// As long as the loss on held-back training patients falls.
    Auto,
}

impl std::str::FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse()
            .map(Self::Of)
            .map_err(|_| format!("{text}: expected a number of steps, or auto"))
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Of(steps) => serializer.serialize_u64(*steps),
            Self::Auto => serializer.serialize_str("auto"),
        }
    }
}

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number of steps, or \"auto\"")]
        enum Written {
            Number(u64),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(steps) => Ok(Self::Of(steps)),
            Written::Word(word) => word.parse().map_err(serde::de::Error::custom),
        }
    }
}

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
    pub steps: Option<Steps>,
    /// See [`SegmentSpec::batch`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// See [`SegmentSpec::learning_rate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// At full resolution, see [`NetworkSpec`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<i64>,
    /// See [`vesalius_torch::nets::unet::UnetSpec::depth`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Without batch normalisation, as in the original U-Net.
    #[serde(skip_serializing_if = "crate::is_default")]
    pub no_batch_norm: bool,
    /// See [`SegmentSpec::share`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// How many of the synthetic pairs train, the first; all where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<usize>,
    /// Whether each synthetic image gets the mask of another: a control.
    #[serde(skip_serializing_if = "crate::is_default")]
    pub shuffled: bool,
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
            share: None,
            images: None,
            shuffled: false,
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
        (self.steps, self.batch) = (self.steps.or(Some(Steps::Of(steps))), Some(batch));
        self.learning_rate = Some(learning_rate);
        if let NetworkSpec::Unet(unet) = network {
            (self.filters, self.depth) = (Some(unet.filters), Some(unet.depth));
        }
        Ok(())
    }

    /// Whether the length has to be found.
    pub fn auto_steps(&self) -> bool {
        self.steps == Some(Steps::Auto)
    }

    /// All settings; where the length has to be found, the preset's stands in its place.
    ///
    /// # Errors
    /// Names what is not a setting of this preset, or out of range.
    pub fn spec(&self) -> Result<SegmentSpec> {
        let mut spec = SegmentSpec::of(self.preset);
        let Self { filters, depth, no_batch_norm, .. } = *self;
        match &mut spec.network {
            NetworkSpec::Unet(unet) => {
                unet.filters = filters.unwrap_or(unet.filters);
                unet.depth = depth.unwrap_or(unet.depth);
                if no_batch_norm {
                    unet.norm = NormKind::None;
                }
            }
            NetworkSpec::Nnunet { .. } if depth.is_some() || no_batch_norm => bail!(
                "preset {}: depth and normalisation are nnU-Net's plan for the slices, expected none to be named \
                 (--preset small has a U-Net to choose them for)",
                self.preset
            ),
            NetworkSpec::Nnunet { filters: planned } => *planned = filters.unwrap_or(*planned),
        }
        spec.classical = self.augment;
        if let Some(Steps::Of(steps)) = self.steps {
            spec.steps = steps;
        }
        spec.batch = self.batch.unwrap_or(spec.batch);
        spec.learning_rate = self.learning_rate.unwrap_or(spec.learning_rate);
        (spec.seed, spec.precision, spec.share) = (self.seed, self.precision, self.share);
        spec.with(&self.set)
    }
}
