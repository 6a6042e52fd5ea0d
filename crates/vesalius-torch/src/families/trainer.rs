//! A generator in training: what the loop, checkpoints and statistics know of a family. They know names, not networks.

use super::generator::Generator;
use crate::layers::params::Params;
use crate::optim::Optimiser;
use crate::pairs::batch::Pair;
use std::fmt::Debug;
use tch::Tensor;

/// What one step reports, by name. All are scalars that are still tensors, so that a GPU is not waited for.
#[derive(Debug)]
pub struct Losses(pub Vec<(&'static str, Tensor)>);

impl Losses {
    /// Of a GAN: the discriminator's in its last update, penalties included, and the generator's, the terms beside the
    /// adversarial one included.
    pub fn adversarial(discriminator: Tensor, generator: Tensor) -> Self {
        Self(vec![("discriminator", discriminator), ("generator", generator)])
    }

    /// The loss of a name, where there is one.
    pub fn of(&self, name: &str) -> Option<&Tensor> {
        self.0.iter().find(|(of, _)| *of == name).map(|(_, loss)| loss)
    }
}

/// Where a training is, as far as a step depends on it.
#[derive(Debug, Clone, Copy)]
pub struct StepContext {
    /// Steps done before this one.
    pub step: u64,
    /// Real images seen, those of this step included.
    pub images: u64,
    /// Share of the averaged generator that stays.
    pub ema_decay: f64,
}

/// What a checkpoint keeps of a training, and what is sampled. The names are a saved format: a network NAME lies in
/// `NAME.safetensors`, the moments of its optimiser in `NAME_optimiser.safetensors`.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Networks that are trained.
    pub networks: Vec<(&'static str, &'a Params)>,
    /// Optimisers.
    pub optimisers: Vec<(&'static str, &'a Optimiser)>,
    /// The averaged generator, which is what is sampled (`averaged.safetensors`), after the name of the network that it
    /// follows.
    pub averaged: (&'static str, &'a dyn Generator),
}

/// A generator in training: its networks, its optimisers, and how it takes a step.
pub trait Trainer: Debug {
    /// Sizes of the batches of real pairs that a step takes, `step` steps done before it; at least one batch. A function
    /// of `step` and the settings alone: it is asked ahead, while the step before computes.
    fn batches(&self, step: u64) -> Vec<i64>;

    /// Takes a step on batches of those sizes. Draws from LibTorch's generator, which the loop reseeds for every step.
    fn step(&mut self, real: &[Pair], at: StepContext) -> Losses;

    /// Networks and optimisers.
    fn parts(&self) -> Parts<'_>;

    /// The optimisers by name, to restore their counters.
    fn optimisers_mut(&mut self) -> Vec<(&'static str, &mut Optimiser)>;

    /// Everything else a resumed training needs: controllers and running means, by name.
    fn controls(&self) -> Vec<(String, Tensor)> {
        Vec::new()
    }

    /// Numbers that `stats.jsonl` and TensorBoard show beside the losses, by name.
    fn gauges(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}
