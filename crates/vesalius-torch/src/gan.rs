//! A GAN built from its spec: two networks, the averaged generator, and their parameters.

use crate::joint::Joint;
use crate::layers::params::Params;
use crate::nets::dcgan::{Discriminator, Generator, Judgement, Pyramid};
use crate::rng::{Purpose, reseed_torch};
use crate::spec::{Networks, TrainSpec};
use anyhow::Result;
use tch::{Device, Tensor};
use vesalius_study::data::manifest::Layout;

/// A generator with its parameters.
#[derive(Debug)]
pub struct GeneratorNet {
    /// Named tensors.
    pub params: Params,
    network: Generator,
    joint: Joint,
}

/// A discriminator with its parameters.
#[derive(Debug)]
pub struct DiscriminatorNet {
    /// Named tensors.
    pub params: Params,
    network: Discriminator,
}

/// The joint sample that `spec` makes of slices of this shape.
pub fn joint(spec: &Networks, layout: Layout, classes: usize) -> Joint {
    let Networks::Dcgan { mask, .. } = spec;
    Joint { channels: layout.channels as i64, classes: classes as i64, encoding: *mask }
}

impl GeneratorNet {
    /// Builds and initialises; the weights are a function of LibTorch's current seed.
    ///
    /// # Errors
    /// When the family cannot make this size.
    pub fn new(spec: &Networks, layout: Layout, classes: usize, device: Device) -> Result<Self> {
        let joint = joint(spec, layout, classes);
        let mut params = Params::new(device);
        let Networks::Dcgan { latent, init, generator, .. } = spec;
        let pyramid = Pyramid::new(layout.height as i64, layout.width as i64)?;
        let network = Generator::new(&mut params, generator, init, *latent, joint, pyramid);
        Ok(Self { params, network, joint })
    }

    /// Z.
    pub fn latent(&self) -> i64 {
        self.network.latent()
    }

    /// How samples are written.
    pub fn joint(&self) -> Joint {
        self.joint
    }

    /// `[N, Z]` → joint samples `[N, C+M, H, W]` in [-1, 1].
    pub fn forward(&self, z: &Tensor, train: bool) -> Tensor {
        self.network.forward(z, train)
    }
}

impl DiscriminatorNet {
    /// Builds and initialises; the weights are a function of LibTorch's current seed.
    ///
    /// # Errors
    /// When the family cannot take this size.
    pub fn new(spec: &Networks, layout: Layout, classes: usize, device: Device) -> Result<Self> {
        let mut params = Params::new(device);
        let Networks::Dcgan { init, discriminator, .. } = spec;
        let pyramid = Pyramid::new(layout.height as i64, layout.width as i64)?;
        let joint = joint(spec, layout, classes);
        let network = Discriminator::new(&mut params, discriminator, init, joint, pyramid);
        Ok(Self { params, network })
    }

    /// `[N, C+M, H, W]` → logits and activations.
    pub fn forward(&self, sample: &Tensor) -> Judgement {
        self.network.forward(sample)
    }
}

/// Both networks and the averaged generator, initialised from the spec's seed.
#[derive(Debug)]
pub struct Gan {
    /// Trained.
    pub generator: GeneratorNet,
    /// Trained.
    pub discriminator: DiscriminatorNet,
    /// What is sampled: the exponential moving average of `generator`.
    pub averaged: GeneratorNet,
}

impl Gan {
    /// Builds all three.
    ///
    /// # Errors
    /// When the family cannot make this size.
    pub fn new(spec: &TrainSpec, layout: Layout, classes: usize, device: Device) -> Result<Self> {
        let seed = spec.training.seed;
        reseed_torch(seed, Purpose::Weights, 0);
        let generator = GeneratorNet::new(&spec.networks, layout, classes, device)?;
        reseed_torch(seed, Purpose::Weights, 1);
        let discriminator = DiscriminatorNet::new(&spec.networks, layout, classes, device)?;
        let averaged = GeneratorNet::new(&spec.networks, layout, classes, device)?;
        averaged.params.copy_from(&generator.params);
        averaged.params.set_trainable(false);
        Ok(Self { generator, discriminator, averaged })
    }
}
