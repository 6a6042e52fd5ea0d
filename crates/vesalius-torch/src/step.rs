//! One training step: the discriminator's updates, the generator's, and the average.

use crate::augment::diff_augment;
use crate::gan::Gan;
use crate::layers::conv::channels_last;
use crate::nets::vgg::Vgg19;
use crate::optim::Optimiser;
use crate::regularise::{feature_matching, gradient_penalty};
use crate::spec::TrainSpec;
use tch::{Device, Kind, Tensor};

/// What one step reports; all scalars are still tensors, so that a GPU is not waited for.
#[derive(Debug)]
pub struct StepLosses {
    /// Discriminator's loss in its last update, penalty included.
    pub discriminator: Tensor,
    /// Generator's loss, feature matching and perceptual distance included.
    pub generator: Tensor,
}

/// Networks with their optimisers.
#[derive(Debug)]
pub struct Stepper {
    /// The settings.
    pub spec: TrainSpec,
    /// The networks.
    pub gan: Gan,
    /// Of the generator.
    pub generator_optimiser: Optimiser,
    /// Of the discriminator.
    pub discriminator_optimiser: Optimiser,
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

impl Stepper {
    /// Wraps networks; loads VGG19 where its loss is asked for.
    ///
    /// # Errors
    /// When VGG19's weights are missing or do not fit.
    pub fn new(spec: TrainSpec, gan: Gan, device: Device) -> anyhow::Result<Self> {
        let vgg = match (&spec.regularise.vgg_weights, spec.regularise.vgg > 0.0) {
            (Some(path), true) => Some(Vgg19::load(path, device)?),
            _ => None,
        };
        let generator_optimiser =
            Optimiser::new(spec.optimiser.generator, gan.generator.params.trained());
        let discriminator_optimiser =
            Optimiser::new(spec.optimiser.discriminator, gan.discriminator.params.trained());
        Ok(Self { spec, gan, generator_optimiser, discriminator_optimiser, vgg, device })
    }

    /// One generator update after one discriminator update per batch in `real_batches`, each a joint sample
    /// `[N, C+M, H, W]`. `ema_decay`: share of the old average that stays.
    pub fn step(
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
            let z = noise.latent(real.size()[0], self.gan.generator.latent());
            // The generator update reuses the last fakes with their graph, as DCGAN's authors do.
            fake = if i == last {
                self.gan.generator.forward(&z, true)
            } else {
                tch::no_grad(|| self.gan.generator.forward(&z, true))
            };
            discriminator = self.discriminator_update(&real, &fake.detach(), noise);
        }
        let generator = self.generator_update(&real_batches[last], &fake);
        self.gan.averaged.params.average_from(&self.gan.generator.params, ema_decay);
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
            self.gan.discriminator.params.clip(limit);
        }
        let loss = self.spec.loss;
        let network = &self.gan.discriminator;
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
        let network = &self.gan.discriminator;
        network.params.set_trainable(false);
        self.generator_optimiser.zero_grad();
        let judged = network.forward(&self.augment(fake));
        let mut total = self.spec.loss.of_generator(&judged.logits);
        if regularise.feature_matching > 0.0 {
            let real = tch::no_grad(|| network.forward(&self.augment(real)));
            total += feature_matching(&real, &judged) * regularise.feature_matching;
        }
        if let Some(vgg) = &self.vgg {
            let image = |x: &Tensor| x.narrow(1, 0, self.gan.generator.joint().channels);
            total += vgg.distance(&image(real), &image(fake)) * regularise.vgg;
        }
        total.backward();
        self.generator_optimiser.step();
        network.params.set_trainable(true);
        total.detach()
    }

    fn augment(&self, sample: &Tensor) -> Tensor {
        diff_augment(sample, self.gan.generator.joint().channels, &self.spec.augment.diff_augment)
    }
}
