//! How StyleGAN and StyleGAN2 train: NVlabs/stylegan2-ada-pytorch, `training/loss.py` and `training/training_loop.py`;
//! NVlabs/stylegan for growing.
//!
//! A step is the reference's four phases: generator; every few steps its path lengths; discriminator; every few steps
//! its R1 penalty. Deviation: a gradient that is not a number ends the training (outcome `Diverged`), where the
//! reference replaces it by 0. StyleGAN's authors update the discriminator first; here the generator is first in both.

pub mod spec;

use super::adversarial;
use super::core::Core;
use super::domain::Domain;
use super::generator::{Generator, Request};
use super::trainer::{Losses, Parts, StepContext, Trainer};
use crate::augment::ada::Ada;
use crate::augment::ada::geometry::Order;
use crate::augment::diff::{diff_augment, mask_noise};
use crate::layers::conv::channels_last;
use crate::layers::modulated::Noise;
use crate::layers::params::Params;
use crate::nets::style::mapping::mix;
use crate::nets::style::stylegan;
use crate::nets::style::{self, Discriminator, Growth};
use crate::objective::regularise::{PathLength, r1_penalty};
use crate::optim::Optimiser;
use crate::pairs::batch::Pair;
use crate::pairs::joint::Joint;
use crate::precision::Arithmetic;
use crate::spec::family::Family;
use crate::spec::schedule::Schedule;
use anyhow::Result;
use spec::{StyleNetworks, StyleSpec};
use tch::{Device, Kind, Tensor};

/// Latent → style → joint sample.
#[derive(Debug)]
pub struct StyleGenerator {
    /// Named tensors.
    pub params: Params,
    /// The networks.
    pub network: style::Generator,
    joint: Joint,
}

impl StyleGenerator {
    /// Builds and initialises; the weights are a function of LibTorch's current seed.
    ///
    /// # Errors
    /// When the family cannot make this size.
    pub fn new<N: StyleNetworks>(networks: &N, domain: Domain) -> Result<Self> {
        let joint = domain.joint(networks.mask());
        let pyramid = domain.pyramid()?;
        let mut params = domain.params();
        let network = style::Generator::new(&mut params, &networks.shape(), joint.total(), pyramid);
        Ok(Self { params, network, joint })
    }

    /// Styles `[N, L, S]` → joint samples `[N, C+M, H, W]`.
    pub fn synthesise(&self, styles: &Tensor, noise: Noise) -> Tensor {
        self.synthesise_in(self.params.arithmetic(), styles, noise)
    }

    fn synthesise_in(&self, arithmetic: Arithmetic, styles: &Tensor, noise: Noise) -> Tensor {
        self.joint.activate_linear(&self.network.synthesise(styles, noise, arithmetic))
    }
}

impl Generator for StyleGenerator {
    fn params(&self) -> &Params {
        &self.params
    }

    /// Z, then the noise of all layers: both are functions of (seed, i).
    fn latent(&self) -> i64 {
        self.network.mapping.latent() + self.network.noise_pixels()
    }

    fn pairs(&self, request: &Request) -> Pair {
        let z = self.network.mapping.latent();
        let noise = request.latents.narrow(1, z, request.latents.size()[1] - z);
        let styles = self.network.mapping.forward(&request.latents.narrow(1, 0, z));
        let styles = self.network.mapping.truncate(&styles, request.truncation);
        let styles = mix(&styles, None, self.network.style_layers());
        let Pair { image, labels } =
            self.joint.decode(&self.synthesise(&styles, Noise::Given(&noise)));
        Pair { image: image.clamp(-1.0, 1.0), labels }
    }
}

/// First layer of another style, from 1 to the last of those `shown`; `draw` is uniform in [0, 1).
fn cutoff(draw: f64, shown: i64) -> i64 {
    1 + (draw * (shown - 1) as f64) as i64
}

/// A GAN of this family in training.
#[derive(Debug)]
pub struct StyleTrainer<N> {
    spec: StyleSpec<N>,
    batch: i64,
    /// Networks and optimisers.
    pub core: Core<StyleGenerator, Discriminator>,
    growth: Option<Growth>,
    path_length: PathLength,
    ada: Option<Ada>,
    r1: f64,
    device: Device,
}

impl<N: StyleNetworks> StyleTrainer<N> {
    /// Builds all three networks from the spec's seed.
    ///
    /// # Errors
    /// When the family cannot make this size.
    pub fn new(spec: StyleSpec<N>, schedule: &Schedule, domain: Domain) -> Result<Self> {
        let pyramid = domain.pyramid()?;
        let networks = spec.networks.shape();
        let joint = domain.joint(spec.networks.mask());
        let style = &spec.regularise.style;
        // A regulariser of every step is part of the main update, and nothing is lazy.
        let every = |weight: f64, every: u64| if weight > 0.0 && every > 1 { every } else { 0 };
        let r1 = style.r1.value(domain.shape, schedule.batch);
        let optimisers = [
            spec.optimiser.generator.lazy(every(style.path_length, style.path_length_every)),
            spec.optimiser.discriminator.lazy(every(r1, style.r1_every)),
        ];
        let core = Core::new(
            schedule.seed,
            domain,
            optimisers,
            || StyleGenerator::new(&spec.networks, domain),
            |params| Ok(Discriminator::new(params, &networks, joint.total(), pyramid)),
        )?;
        let growth = Growth::new(&networks, pyramid, &core.generator.network, &core.discriminator);
        let ada = spec.augment.ada.as_ref().map(|ada| Ada::new(ada.clone(), joint));
        Ok(Self {
            batch: schedule.batch,
            spec,
            core,
            growth,
            path_length: PathLength::new(domain.device),
            ada,
            r1,
            device: domain.device,
        })
    }

    fn latents(&self, n: i64) -> Tensor {
        let options = (Kind::Float, self.device);
        Tensor::randn([n, self.core.generator.network.mapping.latent()], options)
    }

    /// Mixed styles `[N, L, S]` of `n` fresh latents, following their mean.
    fn styles(&self, n: i64) -> Tensor {
        let network = &self.core.generator.network;
        let layers = network.style_layers();
        // Layers that do not show yet are not mixed.
        let shown = layers - 2 * network.level_of_detail().floor() as i64;
        let styles = network.mapping.forward(&self.latents(n));
        network.mapping.follow(&styles);
        let cpu = (Kind::Float, Device::Cpu);
        let mixing = Tensor::rand([2], cpu);
        if mixing.double_value(&[0]) >= self.spec.regularise.style.mixing {
            return mix(&styles, None, layers);
        }
        let cutoff = cutoff(mixing.double_value(&[1]), shown);
        let other = network.mapping.forward(&self.latents(n));
        mix(&styles, Some((&other, cutoff)), layers)
    }

    /// Logits of augmented samples; `order`: how often they will be differentiated by the sample.
    fn judge(&self, sample: &Tensor, order: Order) -> Tensor {
        let augment = &self.spec.augment;
        let channels = self.core.generator.joint.channels;
        let sample = mask_noise(sample, channels, augment.mask_noise);
        let image = self.core.generator.joint.pictures();
        let sample = diff_augment(&sample, image, &augment.diff_augment);
        match &self.ada {
            Some(ada) => self.core.discriminator.forward(&ada.apply(&sample, order)),
            None => self.core.discriminator.forward(&sample),
        }
    }

    fn observe(&mut self, real_logits: &Tensor) {
        if let Some(ada) = &mut self.ada {
            ada.observe(real_logits);
        }
    }

    fn generator_update(&mut self, n: i64) -> Tensor {
        self.core.discriminator_params.set_trainable(false);
        let fake = self.core.generator.synthesise(&self.styles(n), Noise::Random);
        let loss = self.spec.loss.of_generator(&self.judge(&fake, Order::Once));
        self.core.generator_optimiser.minimise(&loss);
        self.core.discriminator_params.set_trainable(true);
        loss.detach()
    }

    /// In f32: in bf16 its gradients are 39 % off in the mean of eight batches (docs/decisions/precision.md).
    fn path_length_update(&mut self, n: i64) {
        let style = &self.spec.regularise.style;
        let styles = self.styles(n);
        let generator = &self.core.generator;
        let fake = generator.synthesise_in(Arithmetic::F32, &styles, Noise::Random);
        let noise = fake.randn_like();
        let penalty = self.path_length.penalty(&fake, &styles, &noise);
        let loss = penalty * (style.path_length * style.path_length_every as f64);
        self.core.generator_optimiser.minimise(&loss);
    }

    fn discriminator_update(&mut self, real: &Tensor) -> Tensor {
        let loss = self.spec.loss;
        let fake = tch::no_grad(|| {
            self.core.generator.synthesise(&self.styles(real.size()[0]), Noise::Random)
        });
        self.core.discriminator_optimiser.zero_grad();
        let on_fake = loss.on_fake(&self.judge(&fake, Order::Once));
        on_fake.backward();
        let logits = self.judge(real, Order::Once);
        self.observe(&logits);
        let on_real = loss.on_real(&logits);
        on_real.backward();
        if self.r1 > 0.0 && self.spec.regularise.style.r1_every == 1 {
            self.r1_loss(real).backward();
        }
        self.core.discriminator_optimiser.step();
        on_fake.detach() + on_real.detach()
    }

    fn r1_update(&mut self, real: &Tensor) {
        let loss = self.r1_loss(real);
        self.core.discriminator_optimiser.minimise(&loss);
    }

    fn r1_loss(&mut self, real: &Tensor) -> Tensor {
        let mut logits = Tensor::new();
        let penalty = r1_penalty(
            |x| {
                logits = self.judge(x, Order::Twice);
                logits.shallow_clone()
            },
            real,
        );
        self.observe(&logits);
        penalty * (self.r1 / 2.0 * self.spec.regularise.style.r1_every as f64)
    }
}

impl<N: StyleNetworks> Trainer for StyleTrainer<N> {
    fn batches(&self, _step: u64) -> Vec<i64> {
        vec![self.batch; self.spec.training.critic_steps as usize]
    }

    fn step(&mut self, real: &[Pair], at: StepContext) -> Losses {
        let real = adversarial::classical(real, self.spec.augment.classical);
        let style = self.spec.regularise.style.clone();
        let grown = self.growth.as_ref().is_some_and(|g| g.set_images_seen(at.images));
        if grown {
            self.core.generator_optimiser.forget();
            self.core.discriminator_optimiser.forget();
        }
        let lod = self.core.generator.network.level_of_detail();
        let mut discriminator = Tensor::new();
        let mut generator = Tensor::new();
        for (i, pair) in real.iter().enumerate() {
            let real = self.core.generator.joint.encode(pair);
            let real = if lod > 0.0 { stylegan::fade(&real, lod) } else { real };
            let real = channels_last(&real, self.device);
            let n = real.size()[0];
            if i == 0 {
                generator = self.generator_update(n);
                if style.path_length > 0.0 && at.step.is_multiple_of(style.path_length_every) {
                    self.path_length_update((n / 2).max(1));
                }
            }
            discriminator = self.discriminator_update(&real);
            if i == 0
                && self.r1 > 0.0
                && style.r1_every > 1
                && at.step.is_multiple_of(style.r1_every)
            {
                self.r1_update(&real);
            }
        }
        if let Some(ada) = &mut self.ada {
            ada.adjust(at.step + 1, self.batch);
        }
        self.core.averaged.params.follow(&self.core.generator.params, at.ema_decay);
        Losses::adversarial(discriminator, generator)
    }

    fn parts(&self) -> Parts<'_> {
        self.core.parts()
    }

    fn optimisers_mut(&mut self) -> Vec<(&'static str, &mut Optimiser)> {
        self.core.optimisers_mut()
    }

    fn controls(&self) -> Vec<(String, Tensor)> {
        let mut controls = vec![("path_length.mean".to_owned(), self.path_length.mean())];
        controls.extend(self.ada.as_ref().map(|ada| ("ada".to_owned(), ada.state())));
        controls
    }

    fn gauges(&self) -> Vec<(&'static str, f64)> {
        self.ada.iter().map(|ada| ("augment_p", ada.p())).collect()
    }
}

impl<N: StyleNetworks> Family for StyleSpec<N> {
    const NAME: &'static str = N::FAMILY;
    const SCHEDULE: &'static [&'static str] = &["critic_steps"];
    const VOLUMES: bool = N::VOLUMES;

    fn check(&self, schedule: &Schedule) -> Result<()> {
        Self::check(self, schedule)
    }

    fn check_volumes(&self) -> Result<()> {
        Self::check_volumes(self)
    }

    fn truncates(&self) -> bool {
        true
    }

    /// Both families share most layers; only StyleGAN2 was trained.
    fn against_bf16(&self) -> Option<&'static str> {
        Some(
            "StyleGAN2 in bf16 ended farther from the real images than in f32 where its training hardly held (docs/decisions/precision.md); expected f32 for this family",
        )
    }

    fn generator(&self, domain: Domain) -> Result<Box<dyn Generator>> {
        Ok(Box::new(StyleGenerator::new(&self.networks, domain)?))
    }

    fn trainer(&self, schedule: &Schedule, domain: Domain) -> Result<Box<dyn Trainer>> {
        Ok(Box::new(StyleTrainer::new(self.clone(), schedule, domain)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_cut_at_every_layer_that_shows_equally_often() {
        for shown in [2, 4, 10] {
            let mut counts = vec![0; shown as usize];
            for i in 0..900 {
                let cut = cutoff(f64::from(i) / 900.0, shown);
                counts[cut as usize] += 1;
            }
            // Each side of the cut has at least one layer.
            assert_eq!(counts[0], 0);
            assert!(counts[1..].iter().all(|&count| count == 900 / (shown - 1)), "{counts:?}");
        }
    }
}
