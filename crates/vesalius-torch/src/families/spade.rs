//! How SPADE trains: NVlabs/SPADE, `models/pix2pix_model.py` and `trainers/pix2pix_trainer.py`. Generator first, then
//! the discriminator on newly generated images.
//!
//! Deviation: the discriminator judges generated and real images in two passes that share one spectral normalisation;
//! its normalisation is per sample, so the numbers are those of the reference's single pass, and the generator's update
//! needs no gradient through the real half.

pub mod spec;

use super::adversarial;
use super::core::Core;
use super::domain::Domain;
use super::generator::{Generator, Request};
use super::trainer::{Losses, Parts, StepContext, Trainer};
use crate::augment::diff::diff_augment_alike;
use crate::layers::conv::channels_last;
use crate::layers::params::Params;
use crate::nets::frozen::vgg::Vgg;
use crate::nets::spade;
use crate::nets::spade::Encoder;
use crate::nets::spade::patch::{MultiscaleDiscriminator, Outputs};
use crate::objective::loss::AdversarialLoss;
use crate::objective::regularise::{kl_divergence, paired_feature_matching};
use crate::optim::Optimiser;
use crate::pairs::batch::{Pair, one_hot};
use crate::pairs::joint::Pictures;
use crate::spec::family::Family;
use crate::spec::schedule::Schedule;
use anyhow::{Result, bail};
use spec::{Networks, Regularise, SpadeSpec};
use tch::{Device, Kind, Tensor};

/// Mask (and style) → image.
#[derive(Debug)]
pub struct MaskGenerator {
    /// Named tensors, the style encoder's among them.
    pub params: Params,
    network: spade::Generator,
    encoder: Option<Encoder>,
    classes: i64,
    style: i64,
}

impl MaskGenerator {
    /// Builds and initialises; the weights are a function of LibTorch's current seed.
    ///
    /// # Errors
    /// When the depth cannot make this size, or there is nothing to paint by.
    pub fn new(networks: &Networks, domain: Domain) -> Result<Self> {
        let generator = &networks.generator;
        let classes = domain.classes;
        if classes < 2 {
            bail!("SPADE paints masks: found {classes} class, expected at least 2");
        }
        let (size, descent) = (domain.size(), domain.descent());
        let pyramid = generator.depth.pyramid(size, descent)?;
        let mut params = domain.params();
        let (classes, channels) = (classes as i64, domain.shape.channels as i64);
        let network = spade::Generator::new(&mut params, generator, classes, channels, pyramid);
        let style = generator.style;
        let encoder = (style > 0)
            .then(|| Encoder::new(&mut params, generator.filters, channels, style, size, descent));
        Ok(Self { params, network, encoder, classes, style })
    }

    /// Paints the images `real` `[N, C, (D,) H, W]` anew, in their own style where there is an encoder; with its
    /// divergence, and with `noise` `[N, Z]`, N(0, 1).
    pub fn repaint(
        &self,
        mask: &Tensor,
        real: &Tensor,
        noise: &Tensor,
    ) -> (Tensor, Option<Tensor>) {
        match &self.encoder {
            None => (self.network.forward(mask, noise, true), None),
            Some(encoder) => {
                let (mean, log_var) = encoder.forward(real, true);
                let style = in_style(&mean, &log_var, noise);
                let divergence = kl_divergence(&mean, &log_var);
                (self.network.forward(mask, &style, true), Some(divergence))
            }
        }
    }
}

impl Generator for MaskGenerator {
    fn params(&self) -> &Params {
        &self.params
    }

    fn latent(&self) -> i64 {
        self.style
    }

    fn styles(&self, real: &Tensor, noise: &Tensor) -> Option<Tensor> {
        let (mean, log_var) = self.encoder.as_ref()?.forward(real, false);
        Some(in_style(&mean, &log_var, noise))
    }

    /// # Panics
    /// Without masks.
    fn pairs(&self, request: &Request) -> Pair {
        let labels = request.masks.expect("SPADE paints given label maps");
        let image = self.network.forward(&one_hot(labels, self.classes), request.latents, false);
        Pair { image, labels: labels.shallow_clone() }
    }
}

/// The style of an image whose encoding is `[N, Z]` each.
fn in_style(mean: &Tensor, log_var: &Tensor, noise: &Tensor) -> Tensor {
    noise * (log_var * 0.5).exp() + mean
}

/// A GAN of this family in training.
#[derive(Debug)]
pub struct SpadeTrainer {
    spec: SpadeSpec,
    batch: i64,
    /// Networks and optimisers; the encoder trains with the generator.
    pub core: Core<MaskGenerator, MultiscaleDiscriminator>,
    vgg: Option<Vgg>,
    image: Pictures,
    device: Device,
}

impl SpadeTrainer {
    /// Builds all networks from the spec's seed; loads VGG19 where its loss is asked for.
    ///
    /// # Errors
    /// When the depth cannot make this size, the pack has one class only, or VGG19's weights are missing or do not fit.
    pub fn new(spec: SpadeSpec, schedule: &Schedule, domain: Domain) -> Result<Self> {
        let shape = &spec.networks.discriminator;
        let channels = (domain.classes + domain.shape.channels) as i64;
        let core = Core::new(
            schedule.seed,
            domain,
            [spec.optimiser.generator, spec.optimiser.discriminator],
            || MaskGenerator::new(&spec.networks, domain),
            |params| Ok(MultiscaleDiscriminator::new(params, shape, channels, domain.descent())),
        )?;
        let Regularise { vgg, vgg_network, vgg_weights, .. } = &spec.regularise;
        let vgg = adversarial::vgg(*vgg, *vgg_network, vgg_weights.as_deref(), domain.device)?;
        let (batch, image, device) = (schedule.batch, domain.pictures(), domain.device);
        Ok(Self { spec, batch, core, vgg, image, device })
    }

    /// Outputs on real and on generated images of the same masks, augmented alike.
    fn judge(&self, mask: &Tensor, images: [&Tensor; 2]) -> [Outputs; 2] {
        let weights = self.core.discriminator.weights();
        let channels = self.image.channels;
        let policies = &self.spec.augment.diff_augment;
        let samples = images.map(|image| Tensor::cat(&[image, mask], 1));
        let augmented = diff_augment_alike(&[&samples[0], &samples[1]], self.image, policies);
        [0, 1].map(|i| {
            let sample = &augmented[i];
            let image = sample.narrow(1, 0, channels);
            let mask = sample.narrow(1, channels, sample.size()[1] - channels);
            let sample = channels_last(&Tensor::cat(&[mask, image], 1), self.device);
            if images[i].requires_grad() || self.discriminator_trains() {
                self.core.discriminator.forward(&sample, &weights)
            } else {
                tch::no_grad(|| self.core.discriminator.forward(&sample, &weights))
            }
        })
    }

    fn discriminator_trains(&self) -> bool {
        self.core.discriminator_params.trained().iter().any(|(_, weight)| weight.requires_grad())
    }

    /// Terms of the generator's loss on masks `[N, K, (D,) H, W]` and their real images; `noise` `[N, Z]` is the encoder's.
    pub fn generator_terms(&self, mask: &Tensor, real: &Tensor, noise: &Tensor) -> GeneratorTerms {
        let (fake, divergence) = self.core.generator.repaint(mask, real, noise);
        let [on_real, on_fake] = self.judge(mask, [real, &fake]);
        let regularise = &self.spec.regularise;
        let loss = self.spec.loss;
        let matching = regularise.feature_matching;
        GeneratorTerms {
            adversarial: over_scales(&on_fake, |logits| loss.of_generator(logits)),
            feature_matching: (matching > 0.0)
                .then(|| paired_feature_matching(&on_real, &on_fake) * matching),
            vgg: self.vgg.as_ref().map(|vgg| vgg.paired_distance(real, &fake) * regularise.vgg),
            divergence: divergence.map(|divergence| divergence * regularise.kl),
        }
    }

    /// Their sum: what the generator minimises.
    pub fn generator_loss(&self, mask: &Tensor, real: &Tensor, noise: &Tensor) -> Tensor {
        self.generator_terms(mask, real, noise).sum()
    }

    /// Discriminator's loss, likewise.
    pub fn discriminator_loss(&self, mask: &Tensor, real: &Tensor, noise: &Tensor) -> Tensor {
        let (fake, _) = tch::no_grad(|| self.core.generator.repaint(mask, real, noise));
        let [on_real, on_fake] = self.judge(mask, [real, &fake]);
        let loss: AdversarialLoss = self.spec.loss;
        over_scales(&on_fake, |logits| loss.on_fake(logits))
            + over_scales(&on_real, |logits| loss.on_real(logits))
    }
}

/// What the generator's loss is made of: scalars, weighted; `None` where a term is switched off.
#[derive(Debug)]
pub struct GeneratorTerms {
    /// Hinge, over all scales.
    pub adversarial: Tensor,
    /// Distance of the discriminator's activations.
    pub feature_matching: Option<Tensor>,
    /// Distance of VGG19's.
    pub vgg: Option<Tensor>,
    /// Of the encoder's styles from N(0, 1).
    pub divergence: Option<Tensor>,
}

impl GeneratorTerms {
    /// The loss.
    pub fn sum(self) -> Tensor {
        let rest = [self.feature_matching, self.vgg, self.divergence];
        rest.into_iter().flatten().fold(self.adversarial, |total, term| total + term)
    }
}

/// Mean of `loss` over the scales' logits.
fn over_scales(outputs: &Outputs, loss: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let terms: Vec<Tensor> =
        outputs.iter().map(|scale| loss(scale.last().expect("logits"))).collect();
    Tensor::stack(&terms, 0).mean(Kind::Float)
}

impl Trainer for SpadeTrainer {
    fn batches(&self, _step: u64) -> Vec<i64> {
        vec![self.batch]
    }

    fn step(&mut self, real: &[Pair], at: StepContext) -> Losses {
        let real = adversarial::classical(real, self.spec.augment.classical);
        let pair = real.last().expect("a batch");
        let mask = channels_last(&one_hot(&pair.labels, self.core.generator.classes), self.device);
        let image = channels_last(&pair.image, self.device);
        let n = image.size()[0];
        let noise = || Tensor::randn([n, self.core.generator.style], (Kind::Float, self.device));
        let noises = [noise(), noise()];
        self.core.discriminator_params.set_trainable(false);
        let generator = self.generator_loss(&mask, &image, &noises[0]);
        self.core.generator_optimiser.minimise(&generator);
        self.core.discriminator_params.set_trainable(true);
        let discriminator = self.discriminator_loss(&mask, &image, &noises[1]);
        self.core.discriminator_optimiser.minimise(&discriminator);
        let (generator, discriminator) = (generator.detach(), discriminator.detach());
        self.core.averaged.params.follow(&self.core.generator.params, at.ema_decay);
        Losses::adversarial(discriminator, generator)
    }

    fn parts(&self) -> Parts<'_> {
        self.core.parts()
    }

    fn optimisers_mut(&mut self) -> Vec<(&'static str, &mut Optimiser)> {
        self.core.optimisers_mut()
    }
}

impl Family for SpadeSpec {
    const NAME: &'static str = "spade";
    const VOLUMES: bool = true;

    fn check(&self, _schedule: &Schedule) -> Result<()> {
        Self::check(self)
    }

    fn check_volumes(&self) -> Result<()> {
        Self::check_volumes(self)
    }

    fn needs_masks(&self) -> bool {
        true
    }

    fn encodes_styles(&self) -> bool {
        self.networks.generator.style > 0
    }

    fn generator(&self, domain: Domain) -> Result<Box<dyn Generator>> {
        Ok(Box::new(MaskGenerator::new(&self.networks, domain)?))
    }

    fn trainer(&self, schedule: &Schedule, domain: Domain) -> Result<Box<dyn Trainer>> {
        Ok(Box::new(SpadeTrainer::new(self.clone(), schedule, domain)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::OptimiserSpec;
    use crate::precision::Arithmetic;
    use crate::spec::TrainSpec;
    use vesalius_data::pack::manifest::{PixelType, SliceShape};

    #[test]
    fn a_pack_with_one_class_has_nothing_to_paint_by() {
        let spec = TrainSpec::resolve("spade", &["regularise.vgg=0".to_owned()]).unwrap();
        let shape =
            SliceShape { channels: 1, planes: 1, height: 64, width: 64, pixel_type: PixelType::U8 };
        let domain = Domain::of_shape(shape, 1, Device::Cpu, Arithmetic::F32);
        let error = spec.generator(domain).unwrap_err();
        assert_eq!(error.to_string(), "SPADE paints masks: found 1 class, expected at least 2");
    }

    /// Two time scales (Heusel et al. 2017, arXiv:1706.08500): the reference's 2e-4, halved for the generator and
    /// doubled for the discriminator.
    #[test]
    fn the_preset_learns_at_the_authors_two_rates() {
        let spec = TrainSpec::resolve("spade", &["regularise.vgg=0".to_owned()]).unwrap();
        let adam =
            |learning_rate: f64| OptimiserSpec::Adam { learning_rate, beta1: 0.0, beta2: 0.9 };
        let optimiser = &spec.of::<SpadeSpec>().unwrap().optimiser;
        assert_eq!(optimiser.generator, adam(1e-4));
        assert_eq!(optimiser.discriminator, adam(4e-4));
    }
}
