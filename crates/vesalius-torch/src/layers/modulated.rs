//! Style-modulated convolutions of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958, section 2.2), as
//! NVlabs/stylegan2-ada-pytorch, `training/networks.py` (`modulated_conv2d`, `SynthesisLayer`, `ToRGBLayer`).
//!
//! Activations are scaled before and after one convolution for the whole batch. The demodulation coefficients come
//! from the weights' squares summed over the kernel, one small matrix product, where the reference code builds a copy
//! of all weights per sample.

use super::activation::leaky_relu;
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
    /// The noise map of one layer `[N or 1, 1, H, W]`: `size` (height, width), `cursor` and `constant` are the layer's.
    pub fn map(self, n: i64, size: [i64; 2], cursor: i64, constant: &Tensor) -> Tensor {
        let [h, w] = size;
        match self {
            Self::Random => Tensor::randn([n, 1, h, w], (Kind::Float, constant.device())),
            Self::Constant => constant.reshape([1, 1, h, w]),
            Self::Given(all) => all.narrow(1, cursor, h * w).reshape([n, 1, h, w]),
        }
    }
}

/// Modulated 3x3 convolution, noise, bias, LeakyReLU.
#[derive(Debug)]
pub struct SynthesisLayer {
    affine: Dense,
    weight: Tensor,
    bias: Tensor,
    filter: Tensor,
    noise_const: Tensor,
    noise_strength: Tensor,
    size: [i64; 2],
    up: bool,
}

fn affine(params: &mut Params, name: &str, sizes: [i64; 2]) -> Dense {
    let options = DenseOptions { after: After::Linear, lr_multiplier: 1.0, bias: 1.0 };
    Dense::new(params, &format!("{name}.affine"), sizes, options)
}

fn weight(params: &mut Params, name: &str, shape: [i64; 4]) -> Tensor {
    let value = Tensor::randn(shape, (Kind::Float, Device::Cpu));
    let value = channels_last(&value, params.device());
    params.parameter(format!("{name}.weight"), &value)
}

impl SynthesisLayer {
    /// From `channels[0]` to `channels[1]` channels of `size` (height, width) pixels, styles of width `style`;
    /// registered under `<name>` as the reference names its tensors.
    pub fn new(
        params: &mut Params,
        name: &str,
        channels: [i64; 2],
        size: [i64; 2],
        style: i64,
        up: bool,
    ) -> Self {
        let cpu = (Kind::Float, Device::Cpu);
        let [inputs, outputs] = channels;
        Self {
            affine: affine(params, name, [style, inputs]),
            weight: weight(params, name, [outputs, inputs, 3, 3]),
            noise_strength: params
                .parameter(format!("{name}.noise_strength"), &Tensor::zeros([0; 0], cpu)),
            bias: params.parameter(format!("{name}.bias"), &Tensor::zeros([outputs], cpu)),
            filter: params.buffer(format!("{name}.resample_filter"), &resample::filter()),
            noise_const: params.buffer(format!("{name}.noise_const"), &Tensor::randn(size, cpu)),
            size,
            up,
        }
    }

    /// Pixels of this layer's noise map.
    pub fn noise_pixels(&self) -> i64 {
        self.size[0] * self.size[1]
    }

    /// `x` `[N, inputs, H, W]`, `style` `[N, S]` → `[N, outputs, H, W]`, or twice H and W. `cursor`: first noise
    /// pixel of this layer in [`Noise::Given`].
    pub fn forward(&self, x: &Tensor, style: &Tensor, noise: Noise, cursor: i64) -> Tensor {
        let styles = self.affine.forward(style); // [N, inputs]
        let n = x.size()[0];
        let squares = self.weight.square().sum_dim_intlist(&[2_i64, 3][..], false, Kind::Float);
        let demodulation = (styles.square().matmul(&squares.tr()) + EPS).rsqrt(); // [N, outputs]
        let x = x * like(&styles, x).reshape([n, -1, 1, 1]);
        let x = if self.up {
            let weight = self.weight.transpose(0, 1);
            let y = Convolution::transposed(2, 0).apply(&x, &weight, None); // [N, ·, 2H+1, 2W+1]
            resample::blur(&y, &self.filter, 4.0, 1) // [N, ·, 2H, 2W]
        } else {
            Convolution::plain(1, 1).apply(&x, &self.weight, None)
        };
        // LeakyReLU's gain √2 is folded into everything in front of it.
        let scale = like(&(demodulation * SQRT_2), &x).reshape([n, -1, 1, 1]);
        let bias = like(&(&self.bias * SQRT_2), &x).reshape([1, -1, 1, 1]);
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
    /// From `channels[0]` hidden to `channels[1]` sample channels.
    pub fn new(params: &mut Params, name: &str, channels: [i64; 2], style: i64) -> Self {
        let [inputs, outputs] = channels;
        let zeros = Tensor::zeros([outputs], (Kind::Float, Device::Cpu));
        Self {
            affine: affine(params, name, [style, inputs]),
            weight: weight(params, name, [outputs, inputs, 1, 1]),
            bias: params.parameter(format!("{name}.bias"), &zeros),
        }
    }

    /// `x` `[N, inputs, H, W]`, `style` `[N, S]` → `[N, outputs, H, W]` in f32, whatever the kind of `x`: what it adds to
    /// is the sample. So few outputs that scaling the weights per sample is cheaper than scaling the activations: one
    /// batched matrix product over channels-last memory.
    pub fn forward(&self, x: &Tensor, style: &Tensor) -> Tensor {
        let (n, inputs, h, w) = x.size4().expect("a batch of activations");
        let gain = 1.0 / (inputs as f64).sqrt();
        let styles = self.affine.forward(style) * gain; // [N, inputs]
        let matrix = self.weight.reshape([1, -1, inputs]) * styles.reshape([n, 1, inputs]); // [N, outputs, inputs]
        let rows = like(&x.permute([0, 2, 3, 1]), &matrix).reshape([n, h * w, inputs]);
        let bias = self.bias.reshape([1, 1, -1]);
        let y = bias.baddbmm(&rows, &matrix.transpose(1, 2), 1.0, 1.0); // [N, HW, outputs]
        y.reshape([n, h, w, -1]).permute([0, 3, 1, 2])
    }
}
