//! What every GAN in training is made of, whatever its networks.

use super::Generator;
use crate::layers::params::Params;
use crate::optim::{Optimiser, OptimiserSpec};
use crate::rng::{Purpose, reseed_torch};
use anyhow::Result;
use std::fmt::Debug;
use tch::Device;

/// Generator, discriminator, the generator's average, and an optimiser for each of the two.
#[derive(Debug)]
pub struct Core<G, D> {
    /// Trained.
    pub generator: G,
    /// Trained.
    pub discriminator: D,
    /// Named tensors of `discriminator`.
    pub discriminator_params: Params,
    /// What is sampled: the moving average of `generator`.
    pub averaged: G,
    /// Of `generator`.
    pub generator_optimiser: Optimiser,
    /// Of `discriminator`.
    pub discriminator_optimiser: Optimiser,
}

impl<G: Generator, D> Core<G, D> {
    /// Builds generator and discriminator, each initialised from its own stream of `seed`.
    ///
    /// # Errors
    /// Those of the two functions.
    pub fn new(
        seed: u64,
        device: Device,
        optimisers: [OptimiserSpec; 2],
        generator: impl Fn() -> Result<G>,
        discriminator: impl FnOnce(&mut Params) -> Result<D>,
    ) -> Result<Self> {
        reseed_torch(seed, Purpose::Weights, 0);
        let trained = generator()?;
        reseed_torch(seed, Purpose::Weights, 1);
        let mut discriminator_params = Params::new(device);
        let discriminator = discriminator(&mut discriminator_params)?;
        let averaged = generator()?;
        averaged.params().copy_from(trained.params());
        averaged.params().set_trainable(false);
        let [generator_spec, discriminator_spec] = optimisers;
        Ok(Self {
            generator_optimiser: Optimiser::new(generator_spec, trained.params().trained()),
            discriminator_optimiser: Optimiser::new(
                discriminator_spec,
                discriminator_params.trained(),
            ),
            generator: trained,
            discriminator,
            discriminator_params,
            averaged,
        })
    }
}

/// A [`Core`] as sampling and checkpoints see it: tensors and optimisers, not the networks' types.
pub trait Parts: Debug {
    /// The averaged generator: what is sampled.
    fn averaged(&self) -> &dyn Generator;

    /// Tensors of generator, discriminator and averaged generator.
    fn networks(&self) -> [&Params; 3];

    /// Optimisers of generator and discriminator.
    fn optimisers(&self) -> [&Optimiser; 2];

    /// The same, to restore their counters.
    fn optimisers_mut(&mut self) -> [&mut Optimiser; 2];
}

impl<G: Generator, D: Debug> Parts for Core<G, D> {
    fn averaged(&self) -> &dyn Generator {
        &self.averaged
    }

    fn networks(&self) -> [&Params; 3] {
        [self.generator.params(), &self.discriminator_params, self.averaged.params()]
    }

    fn optimisers(&self) -> [&Optimiser; 2] {
        [&self.generator_optimiser, &self.discriminator_optimiser]
    }

    fn optimisers_mut(&mut self) -> [&mut Optimiser; 2] {
        [&mut self.generator_optimiser, &mut self.discriminator_optimiser]
    }
}
