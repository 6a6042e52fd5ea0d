//! Every setting of the convolutional family: DCGAN, LSGAN, WGAN, WGAN-GP and HingeGAN are presets of it.

use crate::augment::diff::DiffAugment;
use crate::families::adversarial::{self, Optimisers};
use crate::layers::init::InitSpec;
use crate::nets::dcgan;
use crate::nets::frozen::vgg::Network;
use crate::objective::loss::AdversarialLoss;
use crate::pairs::joint::MaskEncoding;
use crate::spec::check;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Every setting of the family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DcganSpec {
    /// Generator and discriminator.
    pub networks: Networks,
    /// Adversarial loss.
    pub loss: AdversarialLoss,
    /// Terms beside it.
    pub regularise: Regularise,
    /// Augmentation.
    pub augment: Augment,
    /// Optimisers.
    pub optimiser: Optimisers,
    /// What its schedule has beside the common one.
    pub training: CriticSchedule,
}

/// The value of `networks.family`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tag {
    /// Radford et al. 2015.
    Dcgan,
}

/// Generator and discriminator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Networks {
    /// The family.
    pub family: Tag,
    /// Latent size Z.
    pub latent: i64,
    /// How the mask enters the sample.
    pub mask: MaskEncoding,
    /// Initial weights of both networks.
    pub init: InitSpec,
    /// Generator.
    pub generator: dcgan::GeneratorSpec,
    /// Discriminator.
    pub discriminator: dcgan::DiscriminatorSpec,
}

/// Terms beside the adversarial loss; a weight of 0 switches a term off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularise {
    /// λ of WGAN-GP's gradient penalty.
    pub gradient_penalty: f64,
    /// Limit c of WGAN's weight clipping, of all discriminator parameters before each of its steps.
    pub weight_clip: f64,
    /// Feature matching on the discriminator's activations.
    pub feature_matching: f64,
    /// Perceptual distance in VGG's features.
    pub vgg: f64,
    /// Whose features.
    #[serde(default, skip_serializing_if = "Network::is_default")]
    pub vgg_network: Network,
    /// Its weights as safetensors; needed when `vgg` is not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vgg_weights: Option<PathBuf>,
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
}

/// How often the discriminator is updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriticSchedule {
    /// Discriminator steps per generator step.
    pub critic_steps: u64,
    /// WGAN's authors' schedule: 100 critic steps for each of the first 25 generator steps and every 500th.
    pub critic_boost: bool,
}

impl CriticSchedule {
    /// Discriminator steps of the generator step after `step` of them.
    pub fn steps(&self, step: u64) -> usize {
        let boosted = self.critic_boost && (step < 25 || step.is_multiple_of(500));
        // The authors' code: WassersteinGAN/main.py.
        if boosted { 100 } else { self.critic_steps as usize }
    }
}

impl DcganSpec {
    /// Refuses what has no form in three dimensions.
    ///
    /// # Errors
    /// Names the setting and what was expected.
    pub fn check_volumes(&self) -> Result<()> {
        check::of_volumes(&[
            ("regularise.vgg", self.regularise.vgg > 0.0, "0: VGG looks at pictures"),
            ("augment.classical", self.augment.classical, "false: it turns pictures"),
            (
                "networks.mask = signed_distance",
                self.networks.mask == MaskEncoding::SignedDistance,
                "one_hot, scores or label_map: distances are those in pictures",
            ),
        ])
    }

    /// Refuses values that can only be mistakes.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        let (networks, terms) = (&self.networks, &self.regularise);
        check::count("training.critic_steps", self.training.critic_steps as i64, 1)?;
        check::count("networks.latent", networks.latent, 1)?;
        check::count("networks.generator.filters", networks.generator.filters, 1)?;
        check::count("networks.discriminator.filters", networks.discriminator.filters, 1)?;
        check::positive("networks.init.gain", networks.init.gain)?;
        check::number("regularise.gradient_penalty", terms.gradient_penalty)?;
        check::number("regularise.weight_clip", terms.weight_clip)?;
        check::number("regularise.feature_matching", terms.feature_matching)?;
        check::number("augment.mask_noise", self.augment.mask_noise)?;
        self.optimiser.check()?;
        adversarial::check_vgg(terms.vgg, terms.vgg_network, terms.vgg_weights.as_deref())?;
        adversarial::check_loss(self.loss)
    }
}
