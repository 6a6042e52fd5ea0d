//! How a segmenter is built and trained: the presets, and every setting that they set.

use super::network::Given;
use crate::nets::nnunet;
use crate::nets::unet::UnetSpec;
use crate::optim::OptimiserSpec;
use crate::precision::Precision;
use crate::spec::presets;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use vesalius_data::files::digest;
use vesalius_data::text::nearest;

/// Settings that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// A U-Net of 16 filters for 2,000 steps: minutes; what features are taken from.
    #[default]
    Small,
    /// nnU-Net's network, loss and augmentation with Adam: as good after minutes as its own recipe after hours.
    Strong,
    /// nnU-Net v2's recipe for 2-D slices: for a GPU and a night.
    Nnunet,
}

impl Preset {
    /// All, in this order.
    pub const ALL: [Self; 3] = [Self::Small, Self::Strong, Self::Nnunet];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Strong => "strong",
            Self::Nnunet => "nnunet",
        }
    }
}

impl std::str::FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|preset| preset.word() == text);
        found.ok_or_else(|| format!("{text}: expected {}", Self::ALL.map(Self::word).join(", ")))
    }
}

impl std::fmt::Display for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// The network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkSpec {
    /// Ronneberger's, [`crate::nets::unet`].
    Unet(UnetSpec),
    /// What nnU-Net plans for slices of this size, [`crate::nets::nnunet`]; trained with deep supervision.
    Nnunet {
        /// At full resolution; doubled at each level down.
        #[serde(default = "planned")]
        filters: i64,
    },
}

impl NetworkSpec {
    /// nnU-Net's own.
    const NNUNET: Self = Self::Nnunet { filters: nnunet::FILTERS };
}

/// Of a run that does not say it.
fn planned() -> i64 {
    nnunet::FILTERS
}

/// How weights follow gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Adam (0.9, 0.999), the learning rate annealed to 0 along half a cosine.
    Adam,
    /// nnU-Net's: SGD with Nesterov's momentum 0.99, weight decay 3e-5, gradients of norm 12 at most, the learning rate
    /// to 0 as (1 − done)^0.9, from epoch to epoch of 250 steps.
    Sgd,
}

/// Steps of one of nnU-Net's epochs.
const EPOCH: u64 = 250;

impl Rule {
    /// The optimiser at a step of `steps`.
    pub fn at(self, learning_rate: f64, step: u64, steps: u64) -> OptimiserSpec {
        match self {
            Self::Adam => {
                let cosine = (std::f64::consts::PI * step as f64 / steps as f64).cos();
                let learning_rate = learning_rate * 0.5 * (1.0 + cosine);
                OptimiserSpec::Adam { learning_rate, beta1: 0.9, beta2: 0.999 }
            }
            Self::Sgd => {
                let done = (step / EPOCH * EPOCH) as f64 / steps as f64;
                let learning_rate = super::deep::learning_rate(learning_rate, done);
                OptimiserSpec::Sgd { learning_rate, momentum: 0.99, weight_decay: 3e-5 }
            }
        }
    }

    /// The norm that gradients are shortened to.
    pub fn clip(self) -> Option<f64> {
        match self {
            Self::Adam => None,
            Self::Sgd => Some(12.0),
        }
    }
}

/// What is done to training slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augmentation {
    /// Nothing.
    None,
    /// nnU-Net's table, [`crate::augment::nnunet`].
    Nnunet,
}

/// Which slices fill a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// Each once an epoch, in a new order.
    Epochs,
    /// nnU-Net's: a volume, then one of its slices; a third of each batch with foreground, [`crate::pairs::cases`].
    Cases,
}

/// Settings of one segmentation training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentSpec {
    /// Where the settings came from. Those below count.
    pub preset: Preset,
    /// Network.
    pub network: NetworkSpec,
    /// Optimiser steps.
    pub steps: u64,
    /// Batch N.
    pub batch: usize,
    /// How weights follow gradients.
    pub rule: Rule,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// The study's classical augmentation, before anything else: small rotations, shifts, flips.
    pub classical: bool,
    /// What is done to training slices.
    pub augmentation: Augmentation,
    /// Which slices fill a batch.
    pub draw: Draw,
    /// Values of each volume to mean 0 and standard deviation 1, instead of the pack's [-1, 1].
    pub standardise: bool,
    /// Scores of a test slice are the mean over its four mirror images.
    pub mirror: bool,
    /// Share of each batch that synthetic packs fill, in (0, 1); an equal share of all packs where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Key of all randomness.
    pub seed: u64,
    /// In what arithmetic it trains; f32 where it is not said.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

impl SegmentSpec {
    /// As a preset sets it, with seed 1 and in f32.
    pub fn of(preset: Preset) -> Self {
        let small = Self {
            preset,
            network: NetworkSpec::Unet(UnetSpec::default()),
            steps: 2000,
            batch: 16,
            rule: Rule::Adam,
            learning_rate: 1e-3,
            classical: false,
            augmentation: Augmentation::None,
            draw: Draw::Epochs,
            standardise: false,
            mirror: false,
            share: None,
            seed: 1,
            precision: Precision::F32,
        };
        match preset {
            Preset::Small => small,
            Preset::Strong => Self {
                network: NetworkSpec::NNUNET,
                steps: 6000,
                learning_rate: 2e-3,
                augmentation: Augmentation::Nnunet,
                standardise: true,
                mirror: true,
                ..small
            },
            Preset::Nnunet => Self {
                network: NetworkSpec::NNUNET,
                steps: 1000 * EPOCH,
                rule: Rule::Sgd,
                learning_rate: 1e-2,
                augmentation: Augmentation::Nnunet,
                draw: Draw::Cases,
                standardise: true,
                mirror: true,
                ..small
            },
        }
    }

    /// With `settings` (`path.to.field=value`, value in TOML syntax or a bare word) applied in order.
    ///
    /// # Errors
    /// Unknown fields, values of another type or out of range.
    pub fn with(self, settings: &[String]) -> Result<Self> {
        let mut table = toml::Table::try_from(self)?;
        for setting in settings {
            presets::apply(&mut table, setting)?;
        }
        let spec: Self = table.try_into().map_err(|error: toml::de::Error| {
            anyhow::anyhow!("segmenter: {}", nearest::with_hint(error.message()))
        })?;
        spec.check()?;
        Ok(spec)
    }

    /// What nnU-Net plans for such slices or volumes, where the network is its.
    pub fn plan(&self, given: impl Into<Given>) -> Option<nnunet::Plan> {
        let NetworkSpec::Nnunet { filters } = self.network else { return None };
        let Given { shape, spacing_mm } = given.into();
        let [planes, height, width] = [shape.planes, shape.height, shape.width].map(|n| n as i64);
        Some(if shape.is_volume() {
            nnunet::Plan::of_volume([planes, height, width], spacing_mm, filters)
        } else {
            nnunet::Plan::of([height, width], filters)
        })
    }

    /// As results name it: the preset, and eight digits of the settings where they are not the preset's. Steps, batch,
    /// seed and arithmetic are said beside it.
    pub fn name(&self) -> String {
        let word = match self.preset {
            Preset::Small => "U-Net",
            Preset::Strong => "nnU-Net (strong)",
            Preset::Nnunet => "nnU-Net",
        };
        // What the study's rows differ in is no other segmenter.
        let Self { steps, batch, seed, precision, classical, share, .. } = *self;
        let plain =
            Self { steps, batch, classical, share, seed, precision, ..Self::of(self.preset) };
        if *self == plain {
            return word.to_owned();
        }
        let neutral = Self {
            steps: 0,
            batch: 0,
            seed: 0,
            precision: Precision::F32,
            classical: false,
            share: None,
            ..self.clone()
        };
        let text = serde_json::to_string(&neutral).expect("settings are JSON");
        format!("{word} of settings {}", &digest::of_bytes(text.as_bytes())[..8])
    }

    /// Refuses numbers with which nothing can be learned.
    ///
    /// # Errors
    /// Names the number and what was expected.
    pub fn check(&self) -> Result<()> {
        let Self { network, steps, batch, learning_rate, augmentation, standardise, .. } = self;
        if *steps == 0 || *batch == 0 {
            bail!("{steps} steps of batch {batch}: expected at least 1 of each");
        }
        if !(learning_rate.is_finite() && *learning_rate > 0.0) {
            bail!("learning rate {learning_rate}: expected a number above 0");
        }
        if let Some(share) = self.share.filter(|share| !(*share > 0.0 && *share < 1.0)) {
            bail!("share {share}: expected more than 0 and less than 1");
        }
        let (NetworkSpec::Unet(UnetSpec { filters, .. }) | NetworkSpec::Nnunet { filters }) =
            network;
        if *filters < 1 {
            bail!("{filters} filters: expected at least 1");
        }
        if matches!(network, NetworkSpec::Nnunet { .. }) && !standardise {
            bail!("network nnunet: expected standardise = true, as 0 is what it is padded with");
        }
        if *augmentation == Augmentation::Nnunet && !standardise {
            bail!(
                "augmentation nnunet: expected standardise = true, as 0 is what comes in from outside"
            );
        }
        Ok(())
    }
}

impl Default for SegmentSpec {
    fn default() -> Self {
        Self::of(Preset::default())
    }
}
