//! What the specs of all GANs have: two optimisers, an adversarial loss, augmentation of what the discriminator sees.

use crate::augment::classical;
use crate::nets::frozen::vgg::{Network, Vgg};
use crate::objective::loss::AdversarialLoss;
use crate::optim::OptimiserSpec;
use crate::pairs::batch::Pair;
use crate::spec::check;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::Device;

/// Optimisers of both networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimisers {
    /// Of the generator.
    pub generator: OptimiserSpec,
    /// Of the discriminator.
    pub discriminator: OptimiserSpec,
}

impl Optimisers {
    /// Refuses rates and decays that an optimiser cannot step with.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        check::optimiser("optimiser.generator", self.generator)?;
        check::optimiser("optimiser.discriminator", self.discriminator)
    }
}

/// Refuses a smoothed target that is none.
///
/// # Errors
/// When it is not 0.5 to 1.
pub fn check_loss(loss: AdversarialLoss) -> Result<()> {
    if let AdversarialLoss::NonSaturating { real_target }
    | AdversarialLoss::LeastSquares { real_target } = loss
        && !(0.5..=1.0).contains(&real_target)
    {
        bail!("loss.real_target = {real_target}: expected 0.5 to 1");
    }
    Ok(())
}

/// Refuses a perceptual loss without the network that it stands on.
///
/// # Errors
/// When its weights are not named.
pub fn check_vgg(weight: f64, network: Network, weights: Option<&Path>) -> Result<()> {
    check::number("regularise.vgg", weight)?;
    if weight > 0.0 && weights.is_none() {
        bail!(
            "regularise.vgg = {weight}: expected regularise.vgg_weights to name torchvision's {} as safetensors \
             (`vesalius weights fetch {}` gets it and says where it lies), or regularise.vgg = 0",
            network.name().to_uppercase(),
            network.weights()
        );
    }
    Ok(())
}

/// VGG, where there is a loss that stands on it.
///
/// # Errors
/// When its weights are missing or do not fit.
pub fn vgg(
    weight: f64,
    network: Network,
    weights: Option<&Path>,
    device: Device,
) -> Result<Option<Vgg>> {
    match weights {
        Some(path) if weight > 0.0 => Vgg::load(network, path, device).map(Some),
        _ => Ok(None),
    }
}

/// The real pairs of a step, with small rotations, shifts and flips where `on`.
pub fn classical(real: &[Pair], on: bool) -> Vec<Pair> {
    let augment =
        |pair: &Pair| if on { tch::no_grad(|| classical::augment(pair)) } else { pair.shallow() };
    real.iter().map(augment).collect()
}
