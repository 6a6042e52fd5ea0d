//! Style-modulated convolutions of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958, section 2.2), as
//! NVlabs/stylegan2-ada-pytorch, `training/networks.py` (`modulated_conv2d`, `SynthesisLayer`, `ToRGBLayer`).
//!
//! Activations are scaled before and after one convolution for the whole batch. The demodulation coefficients come
//! from the weights' squares summed over the kernel, one small matrix product, where the reference code builds a copy
//! of all weights per sample.

use super::activation::leaky_relu;
use super::axes::Axes;
use super::compute::{Convolution, like};
use super::conv::channels_last;
use super::equalised::{After, Dense, DenseOptions, SLOPE};
use super::params::Params;
use super::resample;
use std::f64::consts::SQRT_2;
use tch::{Device, Kind, Tensor};

const EPS: f64 = 1e-8;

/// Where a layer's noise comes from.
#[derive(Debug, Clone, Copy)]
pub enum Noise<'a> {
    /// Drawn from LibTorch's generator: training.
    Random,
    /// The layer's own constant map.
    Constant,
    /// Given: N(0, 1), one row of all maps per sample `[N, P]`; a layer takes its pixels from a cursor on.
    Given(&'a Tensor),
}

impl Noise<'_> {
    /// The noise map of one layer `[N or 1, 1, (D,) H, W]`: `size`, `cursor` and `constant` are the layer's.
    pub fn map(self, n: i64, size: Axes, cursor: i64, constant: &Tensor) -> Tensor {
        let shape = |n: i64| [&[n, 1], size.as_slice()].concat();
        match self {
            Self::Random => Tensor::randn(shape(n), (Kind::Float, constant.device())),
            Self::Constant => constant.reshape(shape(1)),
            Self::Given(all) => all.narrow(1, cursor, size.product()).reshape(shape(n)),
        }
    }
}

/// A row of as many numbers as `x` has channels, to be multiplied with or added to it.
fn by_channel(row: &Tensor, x: &Tensor) -> Tensor {
    let n = if row.dim() == 2 { row.size()[0] } else { 1 };
    let ones = vec![1_i64; x.dim() - 2];
    like(row, x).reshape([&[n, -1], &ones[..]].concat())
}

/// Modulated convolution, noise, bias, LeakyReLU.
#[derive(Debug)]
pub struct SynthesisLayer {
    affine: Dense,
    weight: Tensor,
    bias: Tensor,
    filter: Tensor,
    noise_const: Tensor,
    noise_strength: Tensor,
    size: Axes,
    kernel: Axes,
    up: Option<Axes>,
}

/// Extents of a [`SynthesisLayer`], along each axis.
#[derive(Debug, Clone, Copy)]
pub struct Extents {
    /// Of what it makes.
    pub size: Axes,
    /// Of its kernel: 1 or 3.
    pub kernel: Axes,
    /// By what resolution is multiplied, if it is: 1 or 2.
    pub up: Option<Axes>,
}

fn affine(params: &mut Params, name: &str, sizes: [i64; 2]) -> Dense {
    let options = DenseOptions { after: After::Linear, lr_multiplier: 1.0, bias: 1.0 };
    Dense::new(params, &format!("{name}.affine"), sizes, options)
}

fn weight(params: &mut Params, name: &str, channels: [i64; 2], kernel: Axes) -> Tensor {
    let shape = [&channels, kernel.as_slice()].concat();
    let value = Tensor::randn(shape, (Kind::Float, Device::Cpu));
    let value = channels_last(&value, params.device());
    params.parameter(format!("{name}.weight"), &value)
}

impl SynthesisLayer {
    /// From `channels[0]` to `channels[1]` channels, styles of width `style`; registered under `<name>` as the reference
    /// names its tensors.
    pub fn new(
        params: &mut Params,
        name: &str,
        channels: [i64; 2],
        extents: Extents,
        style: i64,
    ) -> Self {
        let Extents { size, kernel, up } = extents;
        let cpu = (Kind::Float, Device::Cpu);
        let [inputs, outputs] = channels;
        Self {
            affine: affine(params, name, [style, inputs]),
            weight: weight(params, name, [outputs, inputs], kernel),
            noise_strength: params
                .parameter(format!("{name}.noise_strength"), &Tensor::zeros([0; 0], cpu)),
            bias: params.parameter(format!("{name}.bias"), &Tensor::zeros([outputs], cpu)),
            filter: params.buffer(format!("{name}.resample_filter"), &resample::filter()),
            noise_const: params
                .buffer(format!("{name}.noise_const"), &Tensor::randn(size.as_slice(), cpu)),
            size,
            kernel,
            up,
        }
    }

    /// Pixels of this layer's noise map.
    pub fn noise_pixels(&self) -> i64 {
        self.size.product()
    }

    /// `x` `[N, inputs, (D,) H, W]`, `style` `[N, S]` → `[N, outputs, (D,) H, W]`, or twice of them. `cursor`: first noise
    /// pixel of this layer in [`Noise::Given`].
    pub fn forward(&self, x: &Tensor, style: &Tensor, noise: Noise, cursor: i64) -> Tensor {
        let styles = self.affine.forward(style); // [N, inputs]
        let n = x.size()[0];
        let sides: Vec<i64> = (2..self.weight.dim() as i64).collect();
        let squares = self.weight.square().sum_dim_intlist(&sides[..], false, Kind::Float);
        let demodulation = (styles.square().matmul(&squares.tr()) + EPS).rsqrt(); // [N, outputs]
        let x = x * by_channel(&styles, x);
        let kept = self.kernel.map(|side| side / 2);
        let x = if let Some(factor) = self.up {
            let weight = self.weight.transpose(0, 1);
            let padding = kept.zip(factor, |kept, by| if by == 1 { kept } else { 0 });
            let up = Convolution::along(factor, padding).turned();
            let y = up.apply(&x, &weight, None); // [N, ·, 2H+1, 2W+1]
            resample::blur_along(&y, &self.filter, 2.0, 1, factor) // [N, ·, 2H, 2W]
        } else {
            Convolution::along(kept.map(|_| 1), kept).apply(&x, &self.weight, None)
        };
        // LeakyReLU's gain √2 is folded into everything in front of it.
        let scale = by_channel(&(demodulation * SQRT_2), &x);
        let bias = by_channel(&(&self.bias * SQRT_2), &x);
        let mut y = bias.addcmul(&x, &scale);
        let noise = noise.map(n, self.size, cursor, &self.noise_const);
        y += like(&(noise * (&self.noise_strength * SQRT_2)), &y);
        leaky_relu(&y, SLOPE)
    }
}

/// Modulated 1x1 convolution to the sample's channels, not demodulated, without noise or activation.
#[derive(Debug)]
pub struct ToSample {
    affine: Dense,
    weight: Tensor,
    bias: Tensor,
}

impl ToSample {
    /// From `channels[0]` hidden to `channels[1]` sample channels; `one`: 1 along each axis.
    pub fn new(params: &mut Params, name: &str, channels: [i64; 2], one: Axes, style: i64) -> Self {
        let [inputs, outputs] = channels;
        let zeros = Tensor::zeros([outputs], (Kind::Float, Device::Cpu));
        Self {
            affine: affine(params, name, [style, inputs]),
            weight: weight(params, name, [outputs, inputs], one),
            bias: params.parameter(format!("{name}.bias"), &zeros),
        }
    }

    /// `x` `[N, inputs, (D,) H, W]`, `style` `[N, S]` → `[N, outputs, (D,) H, W]` in f32, whatever the kind of `x`: what it adds to
    /// is the sample. So few outputs that scaling the weights per sample is cheaper than scaling the activations: one
    /// batched matrix product over channels-last memory.
    pub fn forward(&self, x: &Tensor, style: &Tensor) -> Tensor {
        let (n, inputs) = (x.size()[0], x.size()[1]);
        let sides = Axes::of_activations(&x.size());
        let gain = 1.0 / (inputs as f64).sqrt();
        let styles = self.affine.forward(style) * gain; // [N, inputs]
        let matrix = self.weight.reshape([1, -1, inputs]) * styles.reshape([n, 1, inputs]); // [N, outputs, inputs]
        let rows = like(&x.movedim_int(1, -1), &matrix).reshape([n, sides.product(), inputs]);
        let bias = self.bias.reshape([1, 1, -1]);
        let y = bias.baddbmm(&rows, &matrix.transpose(1, 2), 1.0, 1.0); // [N, HW, outputs]
        y.reshape([&[n], sides.as_slice(), &[-1]].concat()).movedim_int(-1, 1)
    }
}
