//! Every setting of the two families with styles, StyleGAN and StyleGAN2: they differ in their networks.

use crate::augment::ada::AdaSpec;
use crate::augment::diff::DiffAugment;
use crate::families::adversarial::{self, Optimisers};
use crate::nets::style;
use crate::nets::style::mapping::MappingSpec;
use crate::nets::style::stylegan::GrowthSpec;
use crate::nets::style::stylegan2::WidthSpec;
use crate::objective::loss::AdversarialLoss;
use crate::pairs::joint::MaskEncoding;
use crate::spec::check;
use crate::spec::schedule::Schedule;
use anyhow::{Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use vesalius_data::pack::manifest::SliceShape;

/// Every setting of a family with styles, `N` its networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleSpec<N> {
    /// Generator and discriminator.
    pub networks: N,
    /// Adversarial loss.
    pub loss: AdversarialLoss,
    /// Terms beside it.
    pub regularise: Regularise,
    /// Augmentation.
    pub augment: Augment,
    /// Optimisers.
    pub optimiser: Optimisers,
    /// What its schedule has beside the common one.
    pub training: CriticSteps,
}

/// Networks of a family with styles.
pub trait StyleNetworks:
    Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The value of `networks.family`.
    const FAMILY: &'static str;
    /// Whether they have a form for volumes.
    const VOLUMES: bool;

    /// How the mask enters the sample.
    fn mask(&self) -> MaskEncoding;

    /// Their shape.
    fn shape(&self) -> style::Networks;
}

/// The value of `networks.family`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrowingTag {
    /// Karras et al. 2019.
    Stylegan,
}

/// StyleGAN's networks, which grow while they train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrowingNetworks {
    /// The family.
    pub family: GrowingTag,
    /// How the mask enters the sample.
    pub mask: MaskEncoding,
    /// Latent → style.
    pub mapping: MappingSpec,
    /// Style → sample.
    pub generator: WidthSpec,
    /// Sample → logit.
    pub discriminator: WidthSpec,
    /// Samples whose standard deviation the discriminator sees together; the batch is a multiple of it.
    pub minibatch_group: i64,
    /// When resolution doubles.
    pub growth: GrowthSpec,
}

impl StyleNetworks for GrowingNetworks {
    const FAMILY: &'static str = "stylegan";
    const VOLUMES: bool = false;

    fn mask(&self) -> MaskEncoding {
        self.mask
    }

    fn shape(&self) -> style::Networks {
        style::Networks {
            mapping: self.mapping.clone(),
            generator: self.generator.clone(),
            discriminator: self.discriminator.clone(),
            minibatch_group: self.minibatch_group,
            growth: Some(self.growth.clone()),
        }
    }
}

/// The value of `networks.family`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WholeTag {
    /// Karras et al. 2020.
    Stylegan2,
}

/// StyleGAN2's networks, which are whole from the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeNetworks {
    /// The family.
    pub family: WholeTag,
    /// How the mask enters the sample.
    pub mask: MaskEncoding,
    /// Latent → style.
    pub mapping: MappingSpec,
    /// Style → sample.
    pub generator: WidthSpec,
    /// Sample → logit.
    pub discriminator: WidthSpec,
    /// Samples whose standard deviation the discriminator sees together; the batch is a multiple of it.
    pub minibatch_group: i64,
}

impl StyleNetworks for WholeNetworks {
    const FAMILY: &'static str = "stylegan2";
    const VOLUMES: bool = true;

    fn mask(&self) -> MaskEncoding {
        self.mask
    }

    fn shape(&self) -> style::Networks {
        style::Networks {
            mapping: self.mapping.clone(),
            generator: self.generator.clone(),
            discriminator: self.discriminator.clone(),
            minibatch_group: self.minibatch_group,
            growth: None,
        }
    }
}

/// Terms beside the adversarial loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularise {
    /// Those of generators with styles.
    #[serde(default)]
    pub style: StyleTerms,
}

/// Terms of StyleGAN and StyleGAN2 (Karras et al. 2019, 2020); a weight of 0 switches a term off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleTerms {
    /// γ of R1 on real samples: a number, or `auto`.
    pub r1: R1Weight,
    /// Steps between R1's updates.
    pub r1_every: u64,
    /// Weight of path-length regularisation.
    pub path_length: f64,
    /// Steps between its updates.
    pub path_length_every: u64,
    /// Probability of style mixing.
    pub mixing: f64,
}

impl StyleTerms {
    /// Whether all is off.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for StyleTerms {
    fn default() -> Self {
        Self {
            r1: R1Weight::Value(0.0),
            r1_every: 1,
            path_length: 0.0,
            path_length_every: 1,
            mixing: 0.0,
        }
    }
}

/// γ of R1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum R1Weight {
    /// A number; 0 switches it off.
    Value(f64),
    /// StyleGAN2-ADA's rule.
    Rule(R1Rule),
}

/// Rules for γ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum R1Rule {
    /// 0.0002 · (D ·) H · W / N (NVlabs/stylegan2-ada-pytorch, `train.py`).
    Auto,
}

impl R1Weight {
    /// The number, for samples of this shape and batches of `batch`.
    pub fn value(self, slice_shape: SliceShape, batch: i64) -> f64 {
        match self {
            Self::Value(value) => value,
            Self::Rule(R1Rule::Auto) => {
                let SliceShape { planes, height, width, .. } = slice_shape;
                0.0002 * (planes * height * width) as f64 / batch as f64
            }
        }
    }
}

/// Augmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// DiffAugment policies, on real and fake samples alike; empty: off.
    pub diff_augment: Vec<DiffAugment>,
    /// Classical augmentation of the real samples: small rotations, shifts, flips.
    pub classical: bool,
    /// Standard deviation of Gaussian noise on the mask channels of whatever the discriminator sees, real and
    /// generated:
    /// hides that generated masks are not exactly one-hot.
    #[serde(default, skip_serializing_if = "check::is_zero")]
    pub mask_noise: f64,
    /// Adaptive augmentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ada: Option<AdaSpec>,
}

/// How often the discriminator is updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriticSteps {
    /// Discriminator steps per generator step.
    pub critic_steps: u64,
}

impl<N: StyleNetworks> StyleSpec<N> {
    /// Refuses what has no form in three dimensions.
    ///
    /// # Errors
    /// Names the setting and what was expected.
    pub fn check_volumes(&self) -> Result<()> {
        let turns = self.augment.ada.as_ref().is_some_and(|ada| !ada.transforms.is_empty());
        check::of_volumes(&[
            (
                "augment.ada.transforms",
                turns,
                "[]: it moves pictures; augment.diff_augment has a form for volumes",
            ),
            ("augment.classical", self.augment.classical, "false: it turns pictures"),
            (
                "networks.mask = signed_distance",
                self.networks.mask() == MaskEncoding::SignedDistance,
                "one_hot, scores or label_map: distances are those in pictures",
            ),
        ])
    }

    /// Refuses values that can only be mistakes.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    pub fn check(&self, schedule: &Schedule) -> Result<()> {
        let style::Networks { mapping, generator, discriminator, minibatch_group: group, growth } =
            self.networks.shape();
        check::count("training.critic_steps", self.training.critic_steps as i64, 1)?;
        check::count("networks.mapping.latent", mapping.latent, 1)?;
        check::count("networks.mapping.style", mapping.style, 1)?;
        check::count("networks.mapping.layers", mapping.layers, 1)?;
        check::count("networks.generator.channel_base", generator.channel_base, 1)?;
        check::count("networks.generator.channel_max", generator.channel_max, 1)?;
        check::count("networks.discriminator.channel_base", discriminator.channel_base, 1)?;
        check::count("networks.discriminator.channel_max", discriminator.channel_max, 1)?;
        check::count("networks.minibatch_group", group, 1)?;
        let batch = schedule.batch;
        if batch > group && batch % group != 0 {
            bail!(
                "training.batch = {batch}: expected a multiple of networks.minibatch_group = {group}"
            );
        }
        if let Some(growth) = growth {
            if growth.start < 4 || !growth.start.cast_unsigned().is_power_of_two() {
                bail!(
                    "networks.growth.start = {}: expected a power of two from 4 on",
                    growth.start
                );
            }
            check::number("networks.growth.training_kimg", growth.training_kimg)?;
            check::number("networks.growth.transition_kimg", growth.transition_kimg)?;
        }
        self.check_terms()
    }

    fn check_terms(&self) -> Result<()> {
        let terms = &self.regularise.style;
        check::count("regularise.style.r1_every", terms.r1_every as i64, 1)?;
        check::count("regularise.style.path_length_every", terms.path_length_every as i64, 1)?;
        if let R1Weight::Value(value) = terms.r1 {
            check::number("regularise.style.r1", value)?;
        }
        check::number("regularise.style.path_length", terms.path_length)?;
        check::number("regularise.style.mixing", terms.mixing)?;
        check::number("augment.mask_noise", self.augment.mask_noise)?;
        self.optimiser.check()?;
        if let Some(ada) = &self.augment.ada {
            ada.check()?;
        }
        adversarial::check_loss(self.loss)
    }
}
