//! The convolutional family of DCGAN, LSGAN, WGAN, WGAN-GP and HingeGAN: the discriminator's updates, the
//! generator's, and the average.

pub mod spec;

use super::adversarial;
use super::core::Core;
use super::domain::Domain;
use super::generator::{Generator, Request};
use super::trainer::{Losses, Parts, StepContext, Trainer};
use crate::augment::diff::{diff_augment, mask_noise};
use crate::layers::conv::channels_last;
use crate::layers::params::Params;
use crate::nets::dcgan;
use crate::nets::frozen::vgg::Vgg;
use crate::objective::loss::AdversarialLoss;
use crate::objective::regularise::{feature_matching, gradient_penalty};
use crate::optim::Optimiser;
use crate::pairs::batch::Pair;
use crate::pairs::joint::Joint;
use crate::spec::family::Family;
use crate::spec::schedule::Schedule;
use anyhow::Result;
use spec::{DcganSpec, Networks, Regularise};
use tch::{Device, Kind, Tensor};

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
    pub fn new(networks: &Networks, domain: Domain) -> Result<Self> {
        let Networks { latent, init, generator, mask, .. } = networks;
        let joint = domain.joint(*mask);
        let pyramid = domain.pyramid()?;
        let mut params = domain.params();
        let network = dcgan::Generator::new(&mut params, generator, init, *latent, joint, pyramid);
        Ok(Self { params, network, joint })
    }

    /// `[N, Z]` → joint samples `[N, C+M, (D,) H, W]` in [-1, 1].
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

/// A GAN of this family in training.
#[derive(Debug)]
pub struct DcganTrainer {
    /// The settings.
    pub spec: DcganSpec,
    batch: i64,
    /// Networks and optimisers.
    pub core: Core<JointGenerator, dcgan::Discriminator>,
    vgg: Option<Vgg>,
    device: Device,
}

/// Random inputs of one discriminator or generator update, drawn from LibTorch's generator unless a test gives them.
pub trait Noise {
    /// Latents `[n, z]`, N(0, 1).
    fn latent(&mut self, n: i64, z: i64) -> Tensor;
    /// Mixing factors, as many values as samples, uniform in [0, 1).
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

impl DcganTrainer {
    /// Builds all three networks from the spec's seed; loads VGG19 where its loss is asked for.
    ///
    /// # Errors
    /// When the family cannot make this size, or VGG19's weights are missing or do not fit.
    pub fn new(spec: DcganSpec, schedule: &Schedule, domain: Domain) -> Result<Self> {
        let Networks { init, discriminator, mask, .. } = &spec.networks;
        let joint = domain.joint(*mask);
        let pyramid = domain.pyramid()?;
        let core = Core::new(
            schedule.seed,
            domain,
            [spec.optimiser.generator, spec.optimiser.discriminator],
            || JointGenerator::new(&spec.networks, domain),
            |params| Ok(dcgan::Discriminator::new(params, discriminator, init, joint, pyramid)),
        )?;
        let Regularise { vgg, vgg_network, vgg_weights, .. } = &spec.regularise;
        let vgg = adversarial::vgg(*vgg, *vgg_network, vgg_weights.as_deref(), domain.device)?;
        Ok(Self { spec, batch: schedule.batch, core, vgg, device: domain.device })
    }

    /// One generator update after one discriminator update per batch in `real_batches`, each a joint sample
    /// `[N, C+M, (D,) H, W]`. `ema_decay`: share of the old average that stays.
    pub fn update(
        &mut self,
        real_batches: &[Tensor],
        noise: &mut dyn Noise,
        ema_decay: f64,
    ) -> Losses {
        let last = real_batches.len() - 1;
        let mut discriminator = Tensor::new();
        let mut fake = Tensor::new();
        for (i, real) in real_batches.iter().enumerate() {
            let real = channels_last(real, self.device);
            let z = noise.latent(real.size()[0], self.core.generator.latent());
            // The generator update reuses the last fakes with their graph, as DCGAN's authors do.
            fake = if i == last {
                self.core.generator.forward(&z, true)
            } else {
                tch::no_grad(|| self.core.generator.forward(&z, true))
            };
            discriminator = self.discriminator_update(&real, &fake.detach(), noise);
        }
        let generator = self.generator_update(&real_batches[last], &fake);
        self.core.averaged.params.average_from(&self.core.generator.params, ema_decay);
        Losses::adversarial(discriminator, generator)
    }

    fn discriminator_update(
        &mut self,
        real: &Tensor,
        fake: &Tensor,
        noise: &mut dyn Noise,
    ) -> Tensor {
        let limit = self.spec.regularise.weight_clip;
        if limit > 0.0 {
            self.core.discriminator_params.clip(limit);
        }
        let loss = self.spec.loss;
        let network = &self.core.discriminator;
        self.core.discriminator_optimiser.zero_grad();
        // Augmented once: the penalty mixes the very samples the critic saw.
        let (real, fake) = (self.augment(real), self.augment(fake));
        let on_real = loss.on_real(&network.forward(&real).logits);
        on_real.backward();
        let on_fake = loss.on_fake(&network.forward(&fake).logits);
        on_fake.backward();
        let mut total = on_real.detach() + on_fake.detach();
        let weight = self.spec.regularise.gradient_penalty;
        if weight > 0.0 {
            let mut one_each = vec![1; real.dim()];
            one_each[0] = real.size()[0];
            let epsilon = noise.epsilon(real.size()[0]).reshape(&one_each[..]);
            let penalty =
                gradient_penalty(|x| network.input_gradient(x), &real, &fake, &epsilon) * weight;
            penalty.backward();
            total += penalty.detach();
        }
        self.core.discriminator_optimiser.step();
        total
    }

    fn generator_update(&mut self, real: &Tensor, fake: &Tensor) -> Tensor {
        let regularise = &self.spec.regularise;
        let network = &self.core.discriminator;
        self.core.discriminator_params.set_trainable(false);
        let judged = network.forward(&self.augment(fake));
        let mut total = self.spec.loss.of_generator(&judged.logits);
        if regularise.feature_matching > 0.0 {
            let real = tch::no_grad(|| network.forward(&self.augment(real)));
            total += feature_matching(&real, &judged) * regularise.feature_matching;
        }
        if let Some(vgg) = &self.vgg {
            let image = |x: &Tensor| x.narrow(1, 0, self.core.generator.joint.channels);
            total += vgg.distance(&image(real), &image(fake)) * regularise.vgg;
        }
        self.core.generator_optimiser.minimise(&total);
        self.core.discriminator_params.set_trainable(true);
        total.detach()
    }

    fn augment(&self, sample: &Tensor) -> Tensor {
        let channels = self.core.generator.joint.channels;
        let sample = mask_noise(sample, channels, self.spec.augment.mask_noise);
        let image = self.core.generator.joint.pictures();
        diff_augment(&sample, image, &self.spec.augment.diff_augment)
    }
}

impl Trainer for DcganTrainer {
    fn batches(&self, step: u64) -> Vec<i64> {
        vec![self.batch; self.spec.training.steps(step)]
    }

    fn step(&mut self, real: &[Pair], at: StepContext) -> Losses {
        let real = adversarial::classical(real, self.spec.augment.classical);
        let samples: Vec<Tensor> =
            real.iter().map(|pair| self.core.generator.joint.encode(pair)).collect();
        self.update(&samples, &mut TorchNoise(self.device), at.ema_decay)
    }

    fn parts(&self) -> Parts<'_> {
        self.core.parts()
    }

    fn optimisers_mut(&mut self) -> Vec<(&'static str, &mut Optimiser)> {
        self.core.optimisers_mut()
    }
}

impl Family for DcganSpec {
    const NAME: &'static str = "dcgan";
    const SCHEDULE: &'static [&'static str] = &["critic_steps", "critic_boost"];
    const VOLUMES: bool = true;

    fn check(&self, _schedule: &Schedule) -> Result<()> {
        Self::check(self)
    }

    fn check_volumes(&self) -> Result<()> {
        Self::check_volumes(self)
    }

    /// WGAN-GP was no worse; the other losses were not trained to an end.
    fn against_bf16(&self) -> Option<&'static str> {
        let doubt = "DCGAN in bf16 ended farther from the real images than in f32, with each of six seeds \
                     (docs/decisions/precision.md); expected f32 for this loss";
        matches!(self.loss, AdversarialLoss::NonSaturating { .. }).then_some(doubt)
    }

    fn generator(&self, domain: Domain) -> Result<Box<dyn Generator>> {
        Ok(Box::new(JointGenerator::new(&self.networks, domain)?))
    }

    fn trainer(&self, schedule: &Schedule, domain: Domain) -> Result<Box<dyn Trainer>> {
        Ok(Box::new(DcganTrainer::new(self.clone(), schedule, domain)?))
    }
}

#[cfg(test)]
mod tests;
