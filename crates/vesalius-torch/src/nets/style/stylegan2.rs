//! StyleGAN2: Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (arXiv:1912.04958), in the
//! configuration of NVlabs/stylegan2-ada-pytorch (`training/networks.py`): skip generator, residual discriminator,
//! minibatch standard deviation. Tensors carry that code's names, so that its weights load unchanged.
//!
//! Deviations: any number of sample channels, any size that halves to a base of 4 to 7 pixels (blocks are named as in
//! a square network of base 4); activations are not clamped (the reference does so for f16, bf16 has f32's range).
//! Of volumes the same with a third axis: kernels look along it and it is halved where [`Pyramid`] says so.

use crate::layers::axes::Axes;
use crate::layers::conv::channels_last;
use crate::layers::equalised::{After, Dense, DenseOptions, EqualConv, EqualConvOptions};
use crate::layers::modulated::{Extents, Noise, SynthesisLayer, ToSample};
use crate::layers::params::Params;
use crate::layers::resample;
use crate::nets::pyramid::{Level, Pyramid};
use crate::precision::Arithmetic;
use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_1_SQRT_2;
use tch::{Device, Kind, Tensor};

/// Width of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WidthSpec {
    /// A layer of r pixels has `channel_base / r` channels …
    pub channel_base: i64,
    /// … but at most this many.
    pub channel_max: i64,
}

impl WidthSpec {
    /// Channels of the block named `resolution`.
    pub fn channels(&self, resolution: i64) -> i64 {
        (self.channel_base / resolution).clamp(1, self.channel_max)
    }
}

/// Style → sample.
#[derive(Debug)]
pub struct Synthesis {
    constant: Tensor,
    /// From the base up.
    pub blocks: Vec<Block>,
}

/// Layers of one resolution.
#[derive(Debug)]
pub struct Block {
    up: Option<SynthesisLayer>,
    layer: SynthesisLayer,
    /// To the sample's channels.
    pub to_sample: ToSample,
    filter: Tensor,
    /// From the block below.
    factor: Axes,
}

/// The halving that ends at the size of block `level`, counted from the base; of the base the last one.
fn halving(pyramid: &Pyramid, level: u32) -> Level {
    pyramid.level(pyramid.halvings() - level.max(1) + 1)
}

impl Synthesis {
    /// Registered under `synthesis.b<resolution>`.
    pub fn new(
        params: &mut Params,
        width: &WidthSpec,
        style: i64,
        channels: i64,
        pyramid: Pyramid,
    ) -> Self {
        let mut size = pyramid.base();
        let first = width.channels(4);
        let mut constant = None;
        let mut blocks = Vec::new();
        let mut inputs = first;
        for level in 0..=pyramid.halvings() {
            let resolution = 4 << level;
            let Level { factor, kernel } = halving(&pyramid, level);
            if level > 0 {
                size = size.zip(factor, |side, by| side * by);
            }
            let outputs = width.channels(resolution);
            let name = format!("synthesis.b{resolution}");
            if level == 0 {
                let shape = [&[outputs], size.as_slice()].concat();
                let value = Tensor::randn(shape, (Kind::Float, Device::Cpu));
                constant = Some(params.parameter(format!("{name}.const"), &value));
            }
            let filter = params.buffer(format!("{name}.resample_filter"), &resample::filter());
            let layer = |params: &mut Params, part: &str, inputs: i64, up: Option<Axes>| {
                let name = format!("{name}.{part}");
                let extents = Extents { size, kernel, up };
                SynthesisLayer::new(params, &name, [inputs, outputs], extents, style)
            };
            let up = (level > 0).then(|| layer(params, "conv0", inputs, Some(factor)));
            let layer = layer(params, "conv1", outputs, None);
            let one = kernel.map(|_| 1);
            let name = format!("{name}.torgb");
            let to_sample = ToSample::new(params, &name, [outputs, channels], one, style);
            blocks.push(Block { up, layer, to_sample, filter, factor });
            inputs = outputs;
        }
        let constant = constant.expect("a pyramid has a base");
        Self { constant, blocks }
    }

    /// L: styles of one sample.
    pub fn style_layers(&self) -> i64 {
        2 * self.blocks.len() as i64
    }

    /// P: noise pixels of one sample, all layers.
    pub fn noise_pixels(&self) -> i64 {
        self.blocks.iter().flat_map(Block::layers).map(SynthesisLayer::noise_pixels).sum()
    }

    /// Styles `[N, L, S]` → sample `[N, C+M, (D,) H, W]`, unbounded; `arithmetic`: of its activations.
    pub fn forward(&self, styles: &Tensor, noise: Noise, arithmetic: Arithmetic) -> Tensor {
        let n = styles.size()[0];
        let shape = [&[n], &self.constant.size()[..]].concat();
        let constant = self.constant.unsqueeze(0).expand(shape, false);
        let mut x = arithmetic.enter(&channels_last(&constant, constant.device()));
        let mut sample: Option<Tensor> = None;
        let (mut at, mut cursor) = (0, 0);
        for block in &self.blocks {
            let count = block.layers().count() as i64;
            // The last style is shared with the next block's first layer.
            let styles = styles.narrow(1, at, count + 1);
            let (y, image) = block.forward(&x, sample.as_ref(), &styles, noise, cursor);
            (x, sample) = (y, Some(image));
            at += count;
            cursor += block.layers().map(SynthesisLayer::noise_pixels).sum::<i64>();
        }
        sample.expect("at least one block")
    }
}

impl Block {
    fn layers(&self) -> impl Iterator<Item = &SynthesisLayer> {
        self.up.iter().chain([&self.layer])
    }

    /// `x` `[N, ·, (d,) h, w]` and the sample so far, of that size too, with a style for each layer and one for the sample
    /// → both at this block's resolution.
    pub fn forward(
        &self,
        x: &Tensor,
        below: Option<&Tensor>,
        styles: &Tensor,
        noise: Noise,
        mut cursor: i64,
    ) -> (Tensor, Tensor) {
        let mut x = x.shallow_clone();
        let mut at = 0;
        for layer in self.layers() {
            x = layer.forward(&x, &styles.select(1, at), noise, cursor);
            at += 1;
            cursor += layer.noise_pixels();
        }
        let part = self.to_sample.forward(&x, &styles.select(1, at));
        let sample = match below {
            Some(below) => resample::upsample_along(below, &self.filter, self.factor) + part,
            None => part,
        };
        (x, sample)
    }
}

/// Sample → logit.
#[derive(Debug)]
pub struct Discriminator {
    from_sample: EqualConv,
    /// From full size down.
    pub blocks: Vec<DownBlock>,
    /// The end, in f32.
    pub epilogue: Epilogue,
    /// Of the activations in front of it.
    compute: Arithmetic,
}

/// A residual block.
#[derive(Debug)]
pub struct DownBlock {
    conv0: EqualConv,
    conv1: EqualConv,
    skip: EqualConv,
}

impl Discriminator {
    /// Registered as `b<resolution>.{fromrgb,conv0,conv1,skip}` and `b4.{conv,fc,out}`. `group`: samples whose
    /// standard deviation is taken together.
    pub fn new(
        params: &mut Params,
        width: &WidthSpec,
        channels: i64,
        pyramid: Pyramid,
        group: i64,
    ) -> Self {
        let mut from_sample = None;
        let mut blocks = Vec::new();
        for level in (1..=pyramid.halvings()).rev() {
            let resolution = 4 << level;
            let name = format!("b{resolution}");
            let (inputs, outputs) = (width.channels(resolution), width.channels(resolution / 2));
            // The reference keeps a filter per block, too.
            let _ = params.buffer(format!("{name}.resample_filter"), &resample::filter());
            let Level { factor, kernel } = halving(&pyramid, level);
            let one = kernel.map(|_| 1);
            let plain = EqualConvOptions {
                kernel,
                bias: true,
                down: None,
                after: After::LeakyRelu,
                gain: 1.0,
            };
            if level == pyramid.halvings() {
                let options = EqualConvOptions { kernel: one, ..plain };
                let name = format!("{name}.fromrgb");
                from_sample = Some(EqualConv::new(params, &name, [channels, inputs], options));
            }
            let down = EqualConvOptions { down: Some(factor), gain: FRAC_1_SQRT_2, ..plain };
            let skip = EqualConvOptions { kernel: one, bias: false, after: After::Linear, ..down };
            let conv = |params: &mut Params, part: &str, outputs: i64, options| {
                EqualConv::new(params, &format!("{name}.{part}"), [inputs, outputs], options)
            };
            blocks.push(DownBlock {
                conv0: conv(params, "conv0", inputs, plain),
                conv1: conv(params, "conv1", outputs, down),
                skip: conv(params, "skip", outputs, skip),
            });
        }
        let Level { kernel, .. } = halving(&pyramid, 0);
        let flat = pyramid.base().product();
        let epilogue = Epilogue::new(params, width.channels(4), kernel, flat, group);
        let from_sample = from_sample.expect("a pyramid has a level");
        Self { from_sample, blocks, epilogue, compute: params.arithmetic() }
    }

    /// `[N, C+M, (D,) H, W]` → logits `[N]`.
    pub fn forward(&self, sample: &Tensor) -> Tensor {
        let sample = channels_last(sample, sample.device());
        let mut x = self.from_sample.forward(&self.compute.enter(&sample));
        for block in &self.blocks {
            x = block.forward(&x); // [N, ·, H/2, W/2]
        }
        self.epilogue.forward(&x.to_kind(sample.kind()))
    }
}

impl DownBlock {
    /// `[N, ·, H, W]` → `[N, ·, H/2, W/2]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let skipped = self.skip.forward(x);
        self.conv1.forward(&self.conv0.forward(x)) + skipped
    }
}

/// The discriminator's end: minibatch standard deviation, one convolution, two dense layers.
#[derive(Debug)]
pub struct Epilogue {
    conv: EqualConv,
    dense: Dense,
    out: Dense,
    group: i64,
}

impl Epilogue {
    /// `pixels`: of the base.
    fn new(params: &mut Params, channels: i64, kernel: Axes, pixels: i64, group: i64) -> Self {
        let options =
            EqualConvOptions { kernel, bias: true, down: None, after: After::LeakyRelu, gain: 1.0 };
        let conv = EqualConv::new(params, "b4.conv", [channels + 1, channels], options);
        let dense = |params: &mut Params, name: &str, sizes: [i64; 2], after: After| {
            Dense::new(params, name, sizes, DenseOptions { after, lr_multiplier: 1.0, bias: 0.0 })
        };
        let hidden = dense(params, "b4.fc", [channels * pixels, channels], After::LeakyRelu);
        let out = dense(params, "b4.out", [channels, 1], After::Linear);
        Self { conv, dense: hidden, out, group }
    }

    /// `[N, ·, h, w]` of the base → logits `[N]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let deviation = minibatch_deviation(x, self.group);
        let x = self.conv.forward(&Tensor::cat(&[x, &deviation], 1));
        // Flattened in the reference's order: channels, rows, columns.
        let flat = x.contiguous().flatten(1, -1);
        self.out.forward(&self.dense.forward(&flat)).reshape([-1])
    }
}

/// Standard deviation over groups of `group` samples, averaged over channels and pixels, as a channel
/// `[N, 1, (D,) H, W]` (Karras et al. 2018, arXiv:1710.10196, section 3). A batch smaller than a group is one group.
///
/// # Panics
/// When N is not a multiple of the group.
pub fn minibatch_deviation(x: &Tensor, group: i64) -> Tensor {
    let n = x.size()[0];
    let group = group.min(n);
    assert!(n % group == 0, "batch {n}: expected a multiple of the group {group}");
    let groups = x.reshape([group, n / group, -1]); // [G, N/G, CHW]
    let centred = &groups - groups.mean_dim(&[0_i64][..], true, Kind::Float);
    let variance = centred.square().mean_dim(&[0_i64][..], false, Kind::Float);
    let deviation = (variance + 1e-8).sqrt().mean_dim(&[1_i64][..], false, Kind::Float); // [N/G]
    let sides = Axes::of_activations(&x.size());
    let one = sides.map(|_| 1);
    let deviation = deviation.repeat([group]).reshape([&[n, 1], one.as_slice()].concat());
    deviation.expand([&[n, 1], sides.as_slice()].concat(), false)
}
