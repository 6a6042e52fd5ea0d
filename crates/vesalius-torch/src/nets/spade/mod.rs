//! SPADE: Park et al. 2019, "Semantic Image Synthesis with Spatially-Adaptive Normalization" (arXiv:1903.07291);
//! NVlabs/SPADE, `models/networks/{generator,architecture,normalization}.py`. Mask → image. Tensors carry that code's
//! names, so that its weights load unchanged.
//!
//! Deviations: any number of image channels (there 3); no instance edges.

pub mod patch;

use crate::layers::activation::leaky_relu;
use crate::layers::compute::Convolution;
use crate::layers::conv::{Conv, ConvOptions, Geometry, Spectral, channels_last};
use crate::layers::init::{InitKind, InitSpec};
use crate::layers::norm::NormKind;
use crate::layers::params::Params;
use crate::layers::soundness::{LayerKind, checked_by};
use crate::precision::Arithmetic;
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
    /// Height and width of the first block.
    ///
    /// # Errors
    /// When the size cannot be halved that often, or is outside 64…512.
    pub fn base(self, height: i64, width: i64) -> Result<[i64; 2]> {
        let times = match self {
            Self::Normal => 5,
            Self::More => 6,
            Self::Most => 7,
        };
        let step = 1_i64 << times;
        if !(64..=512).contains(&height) || !(64..=512).contains(&width) {
            bail!("size {height}x{width}: SPADE expected 64 to 512 pixels in each axis");
        }
        if height % step != 0 || width % step != 0 {
            bail!(
                "size {height}x{width}: networks.generator.depth halves it {times} times, expected both divisible by \
                 {step}"
            );
        }
        Ok([height / step, width / step])
    }
}

/// Slope of every LeakyReLU in SPADE.
pub const SLOPE: f64 = 0.2;
/// SPADE's default: Xavier normal, gain 0.02, biases 0.
pub const INIT: InitSpec = InitSpec { kind: InitKind::XavierNormal, gain: 0.02 };
fn reference_hidden() -> i64 {
    128
}

const MOMENTUM: f64 = 0.1;
const EPS: f64 = 1e-5;

/// Spectral normalisation, where there is one, under the reference's names.
pub fn spectral(on: bool) -> Spectral {
    if on { Spectral::AsTorch } else { Spectral::Off }
}

fn conv(params: &mut Params, name: &str, channels: [i64; 2], kernel: i64, normed: bool) -> Conv {
    let geometry = Geometry::square(kernel, 1, kernel / 2);
    // The 1x1 shortcut has no bias.
    let options = ConvOptions { bias: kernel > 1, spectral_norm: spectral(normed) };
    Conv::new(params, name, channels, geometry, &INIT, options)
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

/// Batch normalisation without parameters, then scale and shift from the mask.
#[derive(Debug)]
struct Spade {
    mean: Tensor,
    var: Tensor,
    shared: Conv,
    gamma: Conv,
    beta: Conv,
}

impl Spade {
    fn new(params: &mut Params, name: &str, channels: i64, mask: [i64; 2]) -> Self {
        let [classes, hidden] = mask;
        let options = (Kind::Float, Device::Cpu);
        let norm = format!("{name}.param_free_norm");
        let zeros = Tensor::zeros([channels], options);
        Self {
            mean: params.buffer(format!("{norm}.running_mean"), &zeros),
            var: params.buffer(format!("{norm}.running_var"), &Tensor::ones([channels], options)),
            shared: conv(params, &format!("{name}.mlp_shared.0"), [classes, hidden], 3, false),
            gamma: conv(params, &format!("{name}.mlp_gamma"), [hidden, channels], 3, false),
            beta: conv(params, &format!("{name}.mlp_beta"), [hidden, channels], 3, false),
        }
    }

    fn normalise(&self, x: &Tensor, train: bool) -> Tensor {
        let none = None::<&Tensor>;
        let kind = NormKind::Batch;
        checked_by(
            LayerKind::Norm(kind),
            x,
            &[],
            |x, _| kind.of_batch(x, &[]),
            |x| {
                x.batch_norm(
                    none,
                    none,
                    Some(&self.mean),
                    Some(&self.var),
                    train,
                    MOMENTUM,
                    EPS,
                    false,
                )
            },
        )
    }

    /// `normal · (1 + γ) + β`. γ and β come from one convolution, and the 1 is in its bias.
    fn modulate(&self, normal: &Tensor, mask: &Tensor) -> Tensor {
        let hidden = self.shared.forward(mask, false).relu();
        let weight =
            Tensor::cat(&[self.gamma.weight(false).values, self.beta.weight(false).values], 0);
        let weight = channels_last(&weight, weight.device());
        let bias = |conv: &Conv| conv.bias().expect("a 3x3 convolution has a bias").shallow_clone();
        let bias = Tensor::cat(&[bias(&self.gamma) + 1.0, bias(&self.beta)], 0);
        let both = Convolution::plain(1, 1).apply(&hidden, &weight, Some(&bias));
        let both = both.chunk(2, 1);
        both[1].addcmul(normal, &both[0])
    }
}

/// Residual block: (SPADE, LeakyReLU, 3x3) twice, and (SPADE, 1x1) as shortcut where channels change.
#[derive(Debug)]
pub struct SpadeBlock {
    norm_0: Spade,
    norm_1: Spade,
    conv_0: Conv,
    conv_1: Conv,
    shortcut: Option<(Spade, Conv)>,
}

impl SpadeBlock {
    /// From `channels[0]` to `channels[1]`, modulated by masks of `mask[0]` classes through `mask[1]` channels.
    pub fn new(params: &mut Params, name: &str, channels: [i64; 2], mask: [i64; 2]) -> Self {
        let [inputs, outputs] = channels;
        let middle = inputs.min(outputs);
        let part = |part: &str| format!("{name}.{part}");
        let conv_0 = conv(params, &part("conv_0"), [inputs, middle], 3, true);
        let conv_1 = conv(params, &part("conv_1"), [middle, outputs], 3, true);
        let shortcut =
            (inputs != outputs).then(|| conv(params, &part("conv_s"), [inputs, outputs], 1, true));
        let norm_0 = Spade::new(params, &part("norm_0"), inputs, mask);
        let norm_1 = Spade::new(params, &part("norm_1"), middle, mask);
        let shortcut =
            shortcut.map(|conv| (Spade::new(params, &part("norm_s"), inputs, mask), conv));
        Self { norm_0, norm_1, conv_0, conv_1, shortcut }
    }

    /// `x` `[N, inputs, H, W]`, `mask` `[N, K, H, W]` → `[N, outputs, H, W]`.
    pub fn forward(&self, x: &Tensor, mask: &Tensor, train: bool) -> Tensor {
        let normal = self.norm_0.normalise(x, train);
        let skipped = match &self.shortcut {
            None => x.shallow_clone(),
            Some((norm, conv)) => {
                // Both normalisations see the same x, so their statistics are the same.
                let normal = if train {
                    norm.mean.shallow_clone().copy_(&self.norm_0.mean);
                    norm.var.shallow_clone().copy_(&self.norm_0.var);
                    normal.shallow_clone()
                } else {
                    norm.normalise(x, false)
                };
                conv.forward(&norm.modulate(&normal, mask), train)
            }
        };
        let active = |x: &Tensor| leaky_relu(x, SLOPE);
        let y = self.conv_0.forward(&active(&self.norm_0.modulate(&normal, mask)), train);
        let normal = self.norm_1.normalise(&y, train);
        skipped + self.conv_1.forward(&active(&self.norm_1.modulate(&normal, mask)), train)
    }
}

/// Mask (and style) → image.
#[derive(Debug)]
pub struct Generator {
    start: Start,
    blocks: Vec<(bool, SpadeBlock)>,
    last: Conv,
    base: [i64; 2],
    channels: i64,
    /// Of the activations.
    compute: Arithmetic,
}

/// What the first block gets.
#[derive(Debug)]
enum Start {
    /// The style, through a fully connected layer.
    Style(Linear),
    /// The mask, shrunk to the base.
    Mask(Conv),
}

impl Generator {
    /// Registers the reference's names. `base`: from [`Depth::base`].
    pub fn new(
        params: &mut Params,
        spec: &GeneratorSpec,
        classes: i64,
        image_channels: i64,
        base: [i64; 2],
    ) -> Self {
        let f = spec.filters;
        let mask = [classes, spec.hidden];
        let start = if spec.style > 0 {
            Start::Style(Linear::new(params, "fc", [spec.style, 16 * f * base[0] * base[1]]))
        } else {
            Start::Mask(conv(params, "fc", [classes, 16 * f], 3, false))
        };
        // Name, channels, and whether resolution is doubled in front of it.
        let more = spec.depth != Depth::Normal;
        let mut plan = vec![
            ("head_0", [16 * f, 16 * f], false),
            ("G_middle_0", [16 * f, 16 * f], true),
            ("G_middle_1", [16 * f, 16 * f], more),
            ("up_0", [16 * f, 8 * f], true),
            ("up_1", [8 * f, 4 * f], true),
            ("up_2", [4 * f, 2 * f], true),
            ("up_3", [2 * f, f], true),
        ];
        let mut last = f;
        if spec.depth == Depth::Most {
            last = (f / 2).max(1);
            plan.push(("up_4", [f, last], true));
        }
        let blocks = plan
            .into_iter()
            .map(|(name, channels, up)| (up, SpadeBlock::new(params, name, channels, mask)))
            .collect();
        let last = conv(params, "conv_img", [last, image_channels], 3, false);
        Self { start, blocks, last, base, channels: 16 * f, compute: params.arithmetic() }
    }

    /// `mask` `[N, K, H, W]` of 0 and 1, `style` `[N, Z]` (unused without a VAE) → image `[N, C, H, W]` in [-1, 1].
    pub fn forward(&self, mask: &Tensor, style: &Tensor, train: bool) -> Tensor {
        let n = mask.size()[0];
        let [mut h, mut w] = self.base;
        let shrink = |h: i64, w: i64| {
            let small = mask.upsample_nearest2d([h, w], None, None);
            self.compute.enter(&channels_last(&small, small.device()))
        };
        let mut small = shrink(h, w);
        let mut x = match &self.start {
            Start::Style(fc) => {
                let x = fc.forward(style).reshape([n, self.channels, h, w]);
                self.compute.enter(&channels_last(&x, x.device()))
            }
            Start::Mask(conv) => conv.forward(&small, train),
        };
        for (up, block) in &self.blocks {
            if *up {
                (h, w) = (2 * h, 2 * w);
                x = x.upsample_nearest2d([h, w], None, None);
                small = shrink(h, w);
            }
            x = block.forward(&x, &small, train);
        }
        self.last.forward(&leaky_relu(&x, SLOPE).to_kind(mask.kind()), train).tanh()
    }
}
