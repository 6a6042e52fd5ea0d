//! What training, sampling and checkpoints need to know of a family of GANs, and the families.
//!
//! A family is one file here (how it trains), its networks in `nets/`, one variant of [`Networks`], and one arm in each
//! of the two functions below.

pub mod core;
pub mod dcgan;
pub mod spade;
pub mod style;
#[cfg(test)]
mod tests;

use self::core::Parts;
use crate::batch::Pair;
use crate::layers::params::Params;
use crate::nets::vgg::Vgg19;
use crate::spec::{Networks, Regularise, TrainSpec};
use anyhow::Result;
use std::fmt::Debug;
use tch::{Device, Tensor};
use vesalius_data::pack::manifest::Layout;

/// What a generator makes pairs from.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `[N, Z]`, N(0, 1).
    pub latents: &'a Tensor,
    /// Label maps `[N, H, W]` to paint, for families that need them.
    pub layout: Option<&'a Tensor>,
    /// Truncation ψ in [0, 1]: 1 leaves every style as it is. Families that do not truncate ignore it.
    pub truncation: f64,
}

/// A generator in evaluation.
pub trait Generator: Debug {
    /// Its tensors.
    fn params(&self) -> &Params;

    /// Numbers in a latent: Z, and for some families the noise of every layer.
    fn latent(&self) -> i64;

    /// Whether it paints given label maps instead of making its own.
    fn needs_layout(&self) -> bool {
        false
    }

    /// Whether its styles have a mean that truncation pulls them to.
    fn truncates(&self) -> bool {
        false
    }

    /// One pair per latent. To be called without gradients: through `sample.rs`.
    fn pairs(&self, request: &Request) -> Pair;
}

/// What one step reports; all scalars are still tensors, so that a GPU is not waited for.
#[derive(Debug)]
pub struct StepLosses {
    /// Discriminator's loss in its last update, penalties included.
    pub discriminator: Tensor,
    /// Generator's loss, the terms beside the adversarial one included.
    pub generator: Tensor,
}

/// Where a training is, as far as a step depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Generator steps done before this one.
    pub step: u64,
    /// Real images shown to the discriminator, those of this step included.
    pub images: u64,
    /// Share of the averaged generator that stays.
    pub ema_decay: f64,
}

/// A GAN in training: its networks, its optimisers, and how it takes a step.
pub trait Training: Debug {
    /// One generator update after one discriminator update per batch of `real` pairs (families may order them
    /// otherwise). Draws from LibTorch's generator, which the loop reseeds for every step.
    fn step(&mut self, real: &[Pair], moment: Moment) -> StepLosses;

    /// Networks and optimisers.
    fn parts(&self) -> &dyn Parts;

    /// The same, to restore the optimisers' counters.
    fn parts_mut(&mut self) -> &mut dyn Parts;

    /// Everything else a resumed training needs: controllers and running means, by name.
    fn controls(&self) -> Vec<(String, Tensor)> {
        Vec::new()
    }

    /// Probability of each adaptive augmentation, where there is one.
    fn augment_p(&self) -> Option<f64> {
        None
    }
}

/// VGG19, where the spec has a loss that stands on it.
///
/// # Errors
/// When its weights are missing or do not fit.
fn vgg(regularise: &Regularise, device: Device) -> Result<Option<Vgg19>> {
    match (&regularise.vgg_weights, regularise.vgg > 0.0) {
        (Some(path), true) => Vgg19::load(path, device).map(Some),
        _ => Ok(None),
    }
}

/// A generator for sampling, initialised from LibTorch's current seed.
///
/// # Errors
/// When the family cannot make this size.
pub fn generator(
    networks: &Networks,
    layout: Layout,
    classes: usize,
    device: Device,
) -> Result<Box<dyn Generator>> {
    Ok(match networks {
        Networks::Dcgan { .. } => {
            Box::new(dcgan::JointGenerator::new(networks, layout, classes, device)?)
        }
        Networks::Stylegan { .. } | Networks::Stylegan2 { .. } => {
            Box::new(style::StyleGenerator::new(networks, layout, classes, device)?)
        }
        Networks::Spade { .. } => {
            Box::new(spade::LayoutGenerator::new(networks, layout, classes, device)?)
        }
    })
}

/// A GAN at the start of its training, initialised from the spec's seed.
///
/// # Errors
/// When the family cannot make this size, or weights it needs (VGG19's) are missing or do not fit.
pub fn training(
    spec: &TrainSpec,
    layout: Layout,
    classes: usize,
    device: Device,
) -> Result<Box<dyn Training>> {
    Ok(match &spec.networks {
        Networks::Dcgan { .. } => {
            Box::new(dcgan::DcganTraining::new(spec.clone(), layout, classes, device)?)
        }
        Networks::Stylegan { .. } | Networks::Stylegan2 { .. } => {
            Box::new(style::StyleTraining::new(spec.clone(), layout, classes, device)?)
        }
        Networks::Spade { .. } => {
            Box::new(spade::SpadeTraining::new(spec.clone(), layout, classes, device)?)
        }
    })
}
