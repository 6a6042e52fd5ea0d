//! The convolutional family of DCGAN, LSGAN, WGAN, WGAN-GP and HingeGAN: the discriminator's updates, the
//! generator's, and the average.

use super::{Generator, Moment, Request, StepLosses, Training, joint};
use crate::augment::{diff_augment, mask_noise};
use crate::batch::Pair;
use crate::joint::Joint;
use crate::layers::conv::channels_last;
use crate::layers::params::Params;
use crate::nets::dcgan::{self, Judgement};
use crate::nets::pyramid::Pyramid;
use crate::nets::vgg::Vgg19;
use crate::optim::Optimiser;
use crate::regularise::{feature_matching, gradient_penalty};
use crate::rng::{Purpose, reseed_torch};
use crate::spec::{Networks, TrainSpec};
use anyhow::{Result, bail};
use tch::{Device, Kind, Tensor};
use vesalius_study::data::manifest::Layout;

/// Latent → joint sample.
#[derive(Debug)]
pub struct JointGenerator {
    /// Named tensors.
    pub params: Params,
    network: dcgan::Generator,
    joint: Joint,
}

impl JointGenerator {
    /// Builds and initialises; the weights are a function of LibTorch's current seed.
    ///
    /// # Errors
    /// When the family cannot make this size.
    pub fn new(
        networks: &Networks,
        layout: Layout,
        classes: usize,
        device: Device,
    ) -> Result<Self> {
        let Networks::Dcgan { latent, init, generator, .. } = networks else {
            bail!("networks.family: expected dcgan");
        };
        let joint = joint(networks, layout, classes);
        let pyramid = Pyramid::new(layout.height as i64, layout.width as i64)?;
        let mut params = Params::new(device);
        let network = dcgan::Generator::new(&mut params, generator, init, *latent, joint, pyramid);
        Ok(Self { params, network, joint })
    }

    /// `[N, Z]` → joint samples `[N, C+M, H, W]` in [-1, 1].
    pub fn forward(&self, z: &Tensor, train: bool) -> Tensor {
        self.network.forward(z, train)
    }
}

impl Generator for JointGenerator {
    fn params(&self) -> &Params {
        &self.params
    }

    fn latent(&self) -> i64 {
        self.network.latent()
    }

    fn pairs(&self, request: &Request) -> Pair {
        self.joint.decode(&self.forward(request.latents, false))
    }
}

/// Joint sample → logit.
#[derive(Debug)]
pub struct JointDiscriminator {
    /// Named tensors.
    pub params: Params,
    network: dcgan::Discriminator,
}

impl JointDiscriminator {
    fn new(networks: &Networks, layout: Layout, classes: usize, device: Device) -> Result<Self> {
        let Networks::Dcgan { init, discriminator, .. } = networks else {
            bail!("networks.family: expected dcgan");
        };
        let joint = joint(networks, layout, classes);
        let pyramid = Pyramid::new(layout.height as i64, layout.width as i64)?;
        let mut params = Params::new(device);
        let network = dcgan::Discriminator::new(&mut params, discriminator, init, joint, pyramid);
        Ok(Self { params, network })
    }

    /// `[N, C+M, H, W]` → logits and activations.
    fn forward(&self, sample: &Tensor) -> Judgement {
        self.network.forward(sample)
    }
}

/// A GAN of this family in training.
#[derive(Debug)]
pub struct DcganTraining {
    /// The settings.
    pub spec: TrainSpec,
    /// Trained.
    pub generator: JointGenerator,
    /// Trained.
    pub discriminator: JointDiscriminator,
    /// What is sampled: the exponential moving average of `generator`.
    pub averaged: JointGenerator,
    generator_optimiser: Optimiser,
    discriminator_optimiser: Optimiser,
    vgg: Option<Vgg19>,
    device: Device,
}

/// Random inputs of one discriminator or generator update, drawn from LibTorch's generator unless a test gives them.
pub trait Noise {
    /// Latents `[n, z]`, N(0, 1).
    fn latent(&mut self, n: i64, z: i64) -> Tensor;
    /// Mixing factors `[n, 1, 1, 1]`, uniform in [0, 1).
    fn epsilon(&mut self, n: i64) -> Tensor;
}

/// Draws from LibTorch's generator, which the training loop reseeds for every step.
#[derive(Debug)]
pub struct TorchNoise(pub Device);

impl Noise for TorchNoise {
    fn latent(&mut self, n: i64, z: i64) -> Tensor {
        Tensor::randn([n, z], (Kind::Float, self.0))
    }

    fn epsilon(&mut self, n: i64) -> Tensor {
        Tensor::rand([n, 1, 1, 1], (Kind::Float, self.0))
    }
}

impl DcganTraining {
    /// Builds all three networks from the spec's seed; loads VGG19 where its loss is asked for.
    ///
    /// # Errors
    /// When the family cannot make this size, or VGG19's weights are missing or do not fit.
    pub fn new(spec: TrainSpec, layout: Layout, classes: usize, device: Device) -> Result<Self> {
        let vgg = match (&spec.regularise.vgg_weights, spec.regularise.vgg > 0.0) {
            (Some(path), true) => Some(Vgg19::load(path, device)?),
            _ => None,
        };
        let seed = spec.training.seed;
        reseed_torch(seed, Purpose::Weights, 0);
        let generator = JointGenerator::new(&spec.networks, layout, classes, device)?;
        reseed_torch(seed, Purpose::Weights, 1);
        let discriminator = JointDiscriminator::new(&spec.networks, layout, classes, device)?;
        let averaged = JointGenerator::new(&spec.networks, layout, classes, device)?;
        averaged.params.copy_from(&generator.params);
        averaged.params.set_trainable(false);
        let generator_optimiser =
            Optimiser::new(spec.optimiser.generator, generator.params.trained());
        let discriminator_optimiser =
            Optimiser::new(spec.optimiser.discriminator, discriminator.params.trained());
        Ok(Self {
            spec,
            generator,
            discriminator,
            averaged,
            generator_optimiser,
            discriminator_optimiser,
            vgg,
            device,
        })
    }

    /// One generator update after one discriminator update per batch in `real_batches`, each a joint sample
    /// `[N, C+M, H, W]`. `ema_decay`: share of the old average that stays.
    pub fn update(
        &mut self,
        real_batches: &[Tensor],
        noise: &mut dyn Noise,
        ema_decay: f64,
    ) -> StepLosses {
        let last = real_batches.len() - 1;
        let mut discriminator = Tensor::new();
        let mut fake = Tensor::new();
        for (i, real) in real_batches.iter().enumerate() {
            let real = channels_last(real, self.device);
            let z = noise.latent(real.size()[0], self.generator.latent());
            // The generator update reuses the last fakes with their graph, as DCGAN's authors do.
            fake = if i == last {
                self.generator.forward(&z, true)
            } else {
                tch::no_grad(|| self.generator.forward(&z, true))
            };
            discriminator = self.discriminator_update(&real, &fake.detach(), noise);
        }
        let generator = self.generator_update(&real_batches[last], &fake);
        self.averaged.params.average_from(&self.generator.params, ema_decay);
        StepLosses { discriminator, generator }
    }

    fn discriminator_update(
        &mut self,
        real: &Tensor,
        fake: &Tensor,
        noise: &mut dyn Noise,
    ) -> Tensor {
        let limit = self.spec.regularise.weight_clip;
        if limit > 0.0 {
            self.discriminator.params.clip(limit);
        }
        let loss = self.spec.loss;
        let network = &self.discriminator;
        self.discriminator_optimiser.zero_grad();
        // Augmented once: the penalty mixes the very samples the critic saw.
        let (real, fake) = (self.augment(real), self.augment(fake));
        let on_real = loss.on_real(&network.forward(&real).logits);
        on_real.backward();
        let on_fake = loss.on_fake(&network.forward(&fake).logits);
        on_fake.backward();
        let mut total = on_real.detach() + on_fake.detach();
        let weight = self.spec.regularise.gradient_penalty;
        if weight > 0.0 {
            let epsilon = noise.epsilon(real.size()[0]);
            let penalty =
                gradient_penalty(|x| network.forward(x).logits, &real, &fake, &epsilon) * weight;
            penalty.backward();
            total += penalty.detach();
        }
        self.discriminator_optimiser.step();
        total
    }

    fn generator_update(&mut self, real: &Tensor, fake: &Tensor) -> Tensor {
        let regularise = &self.spec.regularise;
        let network = &self.discriminator;
        network.params.set_trainable(false);
        let judged = network.forward(&self.augment(fake));
        let mut total = self.spec.loss.of_generator(&judged.logits);
        if regularise.feature_matching > 0.0 {
            let real = tch::no_grad(|| network.forward(&self.augment(real)));
            total += feature_matching(&real, &judged) * regularise.feature_matching;
        }
        if let Some(vgg) = &self.vgg {
            let image = |x: &Tensor| x.narrow(1, 0, self.generator.joint.channels);
            total += vgg.distance(&image(real), &image(fake)) * regularise.vgg;
        }
        self.generator_optimiser.minimise(&total);
        network.params.set_trainable(true);
        total.detach()
    }

    fn augment(&self, sample: &Tensor) -> Tensor {
        let channels = self.generator.joint.channels;
        let sample = mask_noise(sample, channels, self.spec.augment.mask_noise);
        diff_augment(&sample, channels, &self.spec.augment.diff_augment)
    }
}

impl Training for DcganTraining {
    fn step(&mut self, real: &[Pair], moment: Moment) -> StepLosses {
        let samples: Vec<Tensor> =
            real.iter().map(|pair| self.generator.joint.encode(pair)).collect();
        self.update(&samples, &mut TorchNoise(self.device), moment.ema_decay)
    }

    fn averaged(&self) -> &dyn Generator {
        &self.averaged
    }

    fn networks(&self) -> [&Params; 3] {
        [&self.generator.params, &self.discriminator.params, &self.averaged.params]
    }

    fn optimisers(&self) -> [&Optimiser; 2] {
        [&self.generator_optimiser, &self.discriminator_optimiser]
    }

    fn optimisers_mut(&mut self) -> [&mut Optimiser; 2] {
        [&mut self.generator_optimiser, &mut self.discriminator_optimiser]
    }
}
