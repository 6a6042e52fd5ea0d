//! What every GAN in training is made of, whatever its networks.

use super::domain::Domain;
use super::generator::Generator;
use super::trainer::Parts;
use crate::layers::params::Params;
use crate::optim::{Optimiser, OptimiserSpec};
use crate::rng::{Purpose, reseed_torch};
use anyhow::Result;

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
        domain: Domain,
        optimisers: [OptimiserSpec; 2],
        generator: impl Fn() -> Result<G>,
        discriminator: impl FnOnce(&mut Params) -> Result<D>,
    ) -> Result<Self> {
        reseed_torch(seed, Purpose::Weights, 0);
        let trained = generator()?;
        reseed_torch(seed, Purpose::Weights, 1);
        let mut discriminator_params = domain.params();
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

impl<G: Generator, D> Core<G, D> {
    /// As checkpoints and sampling see it.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            networks: vec![
                ("generator", self.generator.params()),
                ("discriminator", &self.discriminator_params),
            ],
            optimisers: vec![
                ("generator", &self.generator_optimiser),
                ("discriminator", &self.discriminator_optimiser),
            ],
            averaged: ("generator", &self.averaged),
        }
    }

    /// The optimisers, to restore their counters.
    pub fn optimisers_mut(&mut self) -> Vec<(&'static str, &mut Optimiser)> {
        vec![
            ("generator", &mut self.generator_optimiser),
            ("discriminator", &mut self.discriminator_optimiser),
        ]
    }
}
