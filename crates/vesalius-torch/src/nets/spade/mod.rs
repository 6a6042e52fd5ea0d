//! SPADE: Park et al. 2019, "Semantic Image Synthesis with Spatially-Adaptive Normalization" (arXiv:1903.07291);
//! NVlabs/SPADE, `models/networks/{generator,architecture,normalization}.py`. Mask → image. Tensors carry that code's
//! names, so that its weights load unchanged.
//!
//! Deviations: any number of image channels (there 3); no instance edges. Of volumes the same with a third axis, which is
//! halved, and looked along, where [`Descent`] says so.

mod block;
mod encoder;
mod generator;
pub mod patch;

pub use block::SpadeBlock;
pub use encoder::Encoder;
pub use generator::Generator;

use super::pyramid::{Descent, Pyramid};
use crate::layers::axes::Axes;
use crate::layers::conv::{Conv, ConvOptions, Geometry, Spectral};
use crate::layers::init::{InitKind, InitSpec};
use crate::layers::params::Params;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Settings of the generator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorSpec {
    /// Filters of the last block; the first ones have 16 times as many.
    pub filters: i64,
    /// How often resolution is doubled.
    pub depth: Depth,
    /// Channels between mask and modulation (the reference's 128 are most of a small network's work).
    #[serde(default = "reference_hidden")]
    pub hidden: i64,
    /// Size of the style a VAE encoder learns; 0: none, one image per mask.
    pub style: i64,
}

/// How often resolution is doubled on the way from the first block to full size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// 5 times.
    Normal,
    /// 6 times: once more between the two middle blocks.
    More,
    /// 7 times: and with one more block at the end.
    Most,
}

impl Depth {
    /// How often that is.
    pub fn doublings(self) -> u32 {
        match self {
            Self::Normal => 5,
            Self::More => 6,
            Self::Most => 7,
        }
    }

    /// The resolutions of slices or volumes of `size`, from the first block up.
    ///
    /// # Errors
    /// When the size cannot be halved that often, or a plane is outside 64…512.
    pub fn pyramid(self, size: Axes, descent: Descent) -> Result<Pyramid> {
        let times = self.doublings();
        let step = 1_i64 << times;
        let plane = size.in_plane();
        if plane.iter().any(|side| !(64..=512).contains(side)) {
            bail!("size {size:?}: SPADE expected 64 to 512 pixels in each axis of a plane");
        }
        if plane.iter().any(|side| side % step != 0) {
            bail!(
                "size {size:?}: networks.generator.depth halves it {times} times, expected rows and columns divisible by \
                 {step}"
            );
        }
        Pyramid::of(size, descent, times)
    }
}

/// Slope of every LeakyReLU in SPADE.
pub const SLOPE: f64 = 0.2;
/// SPADE's default: Xavier normal, gain 0.02, biases 0.
pub const INIT: InitSpec = InitSpec { kind: InitKind::XavierNormal, gain: 0.02 };
fn reference_hidden() -> i64 {
    128
}

/// Spectral normalisation, where there is one, under the reference's names.
pub fn spectral(on: bool) -> Spectral {
    if on { Spectral::AsTorch } else { Spectral::Off }
}

/// A convolution that keeps the size. Only [`Axes`] of 1, a shortcut's, have no bias.
fn conv(params: &mut Params, name: &str, channels: [i64; 2], kernel: Axes, normed: bool) -> Conv {
    let options = ConvOptions { bias: kernel.product() > 1, spectral_norm: spectral(normed) };
    Conv::new(params, name, channels, Geometry::keeping(kernel), &INIT, options)
}

/// A fully connected layer, registered as `<name>.weight`, `<name>.bias`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// From `sizes[0]` to `sizes[1]` features.
    pub fn new(params: &mut Params, name: &str, sizes: [i64; 2]) -> Self {
        let zeros = Tensor::zeros([sizes[1]], (Kind::Float, Device::Cpu));
        Self {
            weight: params.parameter(format!("{name}.weight"), &INIT.weight(&[sizes[1], sizes[0]])),
            bias: params.parameter(format!("{name}.bias"), &zeros),
        }
    }

    /// `[N, inputs]` → `[N, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }
}
