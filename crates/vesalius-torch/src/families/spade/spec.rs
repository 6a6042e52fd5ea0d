//! Every setting of SPADE (Park et al. 2019), which paints given masks.

use crate::augment::diff::DiffAugment;
use crate::families::adversarial::{self, Optimisers};
use crate::nets::frozen::vgg::Network;
use crate::nets::spade::{self, patch};
use crate::objective::loss::AdversarialLoss;
use crate::spec::check;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Every setting of the family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpadeSpec {
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
}

/// The value of `networks.family`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tag {
    /// Park et al. 2019.
    Spade,
}

/// Generator and discriminator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Networks {
    /// The family.
    pub family: Tag,
    /// Mask → image.
    pub generator: spade::GeneratorSpec,
    /// Mask and image → logits.
    pub discriminator: patch::DiscriminatorSpec,
}

/// Terms beside the adversarial loss; a weight of 0 switches a term off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularise {
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
    /// Divergence of encoded styles from N(0, 1); needs a style.
    #[serde(default, skip_serializing_if = "check::is_zero")]
    pub kl: f64,
}

/// Augmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// DiffAugment policies, on real and fake samples alike; empty: off.
    pub diff_augment: Vec<DiffAugment>,
    /// Classical augmentation of the real samples: small rotations, shifts, flips.
    pub classical: bool,
}

impl SpadeSpec {
    /// Refuses what has no form for volumes.
    ///
    /// # Errors
    /// Names the setting and what was expected.
    pub fn check_volumes(&self) -> Result<()> {
        check::of_volumes(&[
            ("regularise.vgg", self.regularise.vgg > 0.0, "0: VGG looks at pictures"),
            ("augment.classical", self.augment.classical, "false: it turns pictures"),
        ])
    }

    /// Refuses values that can only be mistakes.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        let Networks { generator, discriminator, .. } = &self.networks;
        let terms = &self.regularise;
        check::count("networks.generator.filters", generator.filters, 1)?;
        check::count("networks.generator.hidden", generator.hidden, 1)?;
        check::count("networks.generator.style", generator.style, 0)?;
        check::count("networks.discriminator.filters", discriminator.filters, 1)?;
        check::count("networks.discriminator.scales", discriminator.scales, 1)?;
        check::count("networks.discriminator.layers", discriminator.layers, 2)?;
        check::number("regularise.feature_matching", terms.feature_matching)?;
        check::number("regularise.kl", terms.kl)?;
        if terms.kl > 0.0 && generator.style == 0 {
            bail!(
                "regularise.kl = {}: networks.generator.style = 0 has no styles to encode, expected regularise.kl = 0",
                terms.kl
            );
        }
        self.optimiser.check()?;
        adversarial::check_vgg(terms.vgg, terms.vgg_network, terms.vgg_weights.as_deref())?;
        adversarial::check_loss(self.loss)
    }
}
