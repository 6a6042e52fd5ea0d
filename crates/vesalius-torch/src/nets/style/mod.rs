//! Generator and discriminator of both style families, StyleGAN and StyleGAN2, behind one face: latent → style is the
//! same in both, and one of them grows.

pub mod mapping;
pub mod stylegan;
pub mod stylegan2;

use crate::layers::equalised::After;
use crate::layers::modulated::Noise;
use crate::layers::params::Params;
use crate::nets::pyramid::Pyramid;
use crate::precision::Arithmetic;
use mapping::{Mapping, MappingSpec};
use stylegan::GrowthSpec;
use stylegan2::WidthSpec;
use tch::Tensor;

/// The shape of both networks of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Networks {
    /// Latent → style.
    pub mapping: MappingSpec,
    /// Style → sample.
    pub generator: WidthSpec,
    /// Sample → logit.
    pub discriminator: WidthSpec,
    /// Samples whose standard deviation the discriminator sees together.
    pub minibatch_group: i64,
    /// When resolution doubles: StyleGAN. `None`: StyleGAN2.
    pub growth: Option<GrowthSpec>,
}

/// Latent → style → sample.
#[derive(Debug)]
pub struct Generator {
    /// Latent → style.
    pub mapping: Mapping,
    synthesis: Synthesis,
}

#[derive(Debug)]
enum Synthesis {
    Growing(stylegan::Synthesis),
    Skip(stylegan2::Synthesis),
}

impl Generator {
    /// Registers `synthesis.…` and `mapping.…`.
    pub fn new(params: &mut Params, networks: &Networks, channels: i64, pyramid: Pyramid) -> Self {
        let Networks { mapping, generator, growth, .. } = networks;
        let style = mapping.style;
        let (synthesis, after) = if growth.is_some() {
            let synthesis = stylegan::Synthesis::new(params, generator, style, channels, pyramid);
            (Synthesis::Growing(synthesis), After::HeLeakyRelu)
        } else {
            let synthesis = stylegan2::Synthesis::new(params, generator, style, channels, pyramid);
            (Synthesis::Skip(synthesis), After::LeakyRelu)
        };
        Self { mapping: Mapping::new(params, mapping, after), synthesis }
    }

    /// L: styles of one sample.
    pub fn style_layers(&self) -> i64 {
        match &self.synthesis {
            Synthesis::Growing(synthesis) => synthesis.style_layers(),
            Synthesis::Skip(synthesis) => synthesis.style_layers(),
        }
    }

    /// P: noise pixels of one sample.
    pub fn noise_pixels(&self) -> i64 {
        match &self.synthesis {
            Synthesis::Growing(synthesis) => synthesis.noise_pixels(),
            Synthesis::Skip(synthesis) => synthesis.noise_pixels(),
        }
    }

    /// Styles `[N, L, S]` → sample `[N, C+M, H, W]`, unbounded; `arithmetic`: of its activations.
    pub fn synthesise(&self, styles: &Tensor, noise: Noise, arithmetic: Arithmetic) -> Tensor {
        match &self.synthesis {
            Synthesis::Growing(synthesis) => synthesis.forward(styles, noise, arithmetic),
            Synthesis::Skip(synthesis) => synthesis.forward(styles, noise, arithmetic),
        }
    }

    /// Level of detail of a growing generator; shares memory.
    fn lod(&self) -> Option<Tensor> {
        match &self.synthesis {
            Synthesis::Growing(synthesis) => Some(synthesis.lod()),
            Synthesis::Skip(_) => None,
        }
    }

    /// The level of detail as a number; 0 for a network that is always whole.
    pub fn level_of_detail(&self) -> f64 {
        self.lod().map_or(0.0, |lod| lod.double_value(&[]))
    }
}

/// Sample → logit.
#[derive(Debug)]
pub enum Discriminator {
    /// StyleGAN's.
    Growing(stylegan::Discriminator),
    /// StyleGAN2's.
    Residual(stylegan2::Discriminator),
}

impl Discriminator {
    /// Registers the family's names.
    pub fn new(params: &mut Params, networks: &Networks, channels: i64, pyramid: Pyramid) -> Self {
        let Networks { discriminator: width, minibatch_group: group, growth, .. } = networks;
        if growth.is_some() {
            let network = stylegan::Discriminator::new(params, width, channels, pyramid, *group);
            Self::Growing(network)
        } else {
            let network = stylegan2::Discriminator::new(params, width, channels, pyramid, *group);
            Self::Residual(network)
        }
    }

    /// `[N, C+M, H, W]` → logits `[N]`.
    pub fn forward(&self, sample: &Tensor) -> Tensor {
        match self {
            Self::Growing(network) => network.forward(sample),
            Self::Residual(network) => network.forward(sample),
        }
    }
}

/// Progressive growing of both networks of a GAN (the reference's `set_images_seen`).
#[derive(Debug)]
pub struct Growth {
    spec: GrowthSpec,
    halvings: u32,
    lods: [Tensor; 2],
}

impl Growth {
    /// At the level of detail of the first image; `None` for networks that are always whole.
    pub fn new(
        networks: &Networks,
        pyramid: Pyramid,
        generator: &Generator,
        discriminator: &Discriminator,
    ) -> Option<Self> {
        let spec = networks.growth.as_ref()?;
        let Discriminator::Growing(discriminator) = discriminator else { return None };
        let lods = [generator.lod()?, discriminator.lod()];
        let growth = Self { spec: spec.clone(), halvings: pyramid.halvings(), lods };
        growth.set(growth.spec.lod(0, growth.halvings));
        Some(growth)
    }

    fn set(&self, lod: f64) {
        tch::no_grad(|| {
            for buffer in &self.lods {
                let _ = buffer.shallow_clone().fill_(lod);
            }
        });
    }

    /// Sets both networks to where they are after `images` images. True when layers were added since: the optimisers
    /// have to forget their moments then (`training_loop.py`, `reset_opt_for_new_lod`).
    pub fn set_images_seen(&self, images: u64) -> bool {
        let before = self.lods[0].double_value(&[]);
        let lod = self.spec.lod(images, self.halvings);
        self.set(lod);
        // f32 in the buffer: a whole number stays one.
        let lod = self.lods[0].double_value(&[]);
        lod.floor() < before.floor() || lod.ceil() < before.ceil()
    }
}
