//! Layers with equalised learning rate (Karras et al. 2018, arXiv:1710.10196, section 4.1): weights are drawn from
//! N(0, 1) and scaled at run time by 1/√(fan in). As NVlabs/stylegan2-ada-pytorch, `training/networks.py`.
//!
//! LeakyReLU is positively homogeneous, so the gain √2 behind it is folded into weight and bias in front of it:
//! one pass over the activations less.

use super::activation::leaky_relu;
use super::axes::Axes;
use super::compute::{Convolution, like};
use super::params::Params;
use super::resample;
use std::f64::consts::SQRT_2;
use tch::{Device, Kind, Tensor};

/// Slope of every LeakyReLU in StyleGAN and StyleGAN2.
pub const SLOPE: f64 = 0.2;

/// What follows a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Linear,
    /// √2 · LeakyReLU: StyleGAN2's.
    LeakyRelu,
    /// LeakyReLU, with He's √2 in the weight: StyleGAN's.
    HeLeakyRelu,
}

impl After {
    /// What a weight in front is multiplied with, beside 1/√(fan in).
    pub fn weight_gain(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::LeakyRelu | Self::HeLeakyRelu => SQRT_2,
        }
    }

    /// What a bias in front is multiplied with.
    fn bias_gain(self) -> f64 {
        match self {
            Self::Linear | Self::HeLeakyRelu => 1.0,
            Self::LeakyRelu => SQRT_2,
        }
    }

    fn apply(self, x: Tensor) -> Tensor {
        match self {
            Self::Linear => x,
            Self::LeakyRelu | Self::HeLeakyRelu => leaky_relu(&x, SLOPE),
        }
    }
}

/// A fully connected layer.
#[derive(Debug)]
pub struct Dense {
    weight: Tensor,
    bias: Tensor,
    weight_gain: f64,
    bias_gain: f64,
    after: After,
}

/// Options of [`Dense::new`].
#[derive(Debug, Clone, Copy)]
pub struct DenseOptions {
    /// What follows.
    pub after: After,
    /// Factor on the learning rate of this layer.
    pub lr_multiplier: f64,
    /// Initial bias.
    pub bias: f64,
}

impl Dense {
    /// From `sizes[0]` to `sizes[1]` features, registered as `<name>.weight`, `<name>.bias`.
    pub fn new(params: &mut Params, name: &str, sizes: [i64; 2], options: DenseOptions) -> Self {
        let [inputs, outputs] = sizes;
        let cpu = (Kind::Float, Device::Cpu);
        let weight = Tensor::randn([outputs, inputs], cpu) / options.lr_multiplier;
        let weight = params.parameter(format!("{name}.weight"), &weight);
        let bias = Tensor::full([outputs], options.bias, cpu);
        let bias = params.parameter(format!("{name}.bias"), &bias);
        let after = options.after;
        Self {
            weight,
            bias,
            weight_gain: options.lr_multiplier / (inputs as f64).sqrt() * after.weight_gain(),
            bias_gain: options.lr_multiplier * after.bias_gain(),
            after,
        }
    }

    /// `[N, inputs]` → `[N, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let bias = &self.bias * self.bias_gain;
        let weight = &self.weight * self.weight_gain;
        self.after.apply(x.linear(&like(&weight, x), Some(&like(&bias, x))))
    }
}

/// A convolution, with downsampling as an option.
#[derive(Debug)]
pub struct EqualConv {
    weight: Tensor,
    bias: Option<Tensor>,
    filter: Tensor,
    kernel: Axes,
    down: Option<Axes>,
    after: After,
    gain: f64,
}

/// Options of [`EqualConv::new`].
#[derive(Debug, Clone, Copy)]
pub struct EqualConvOptions {
    /// Sides of the kernel: 1 or 3 along each axis.
    pub kernel: Axes,
    /// Whether there is a bias.
    pub bias: bool,
    /// By what resolution is divided along each axis, low-pass filtered, if it is: 1 or 2.
    pub down: Option<Axes>,
    /// What follows.
    pub after: After,
    /// Factor on the output (a residual block's √½).
    pub gain: f64,
}

impl EqualConv {
    /// From `channels[0]` to `channels[1]`, registered as `<name>.weight`, `<name>.bias`, `<name>.resample_filter`.
    pub fn new(
        params: &mut Params,
        name: &str,
        channels: [i64; 2],
        options: EqualConvOptions,
    ) -> Self {
        let EqualConvOptions { kernel, bias, down, after, gain } = options;
        let cpu = (Kind::Float, Device::Cpu);
        let shape = [&[channels[1], channels[0]], kernel.as_slice()].concat();
        let weight = Tensor::randn(shape, cpu);
        let weight = super::conv::channels_last(&weight, params.device());
        let weight = params.parameter(format!("{name}.weight"), &weight);
        let bias = bias
            .then(|| params.parameter(format!("{name}.bias"), &Tensor::zeros([channels[1]], cpu)));
        let filter = params.buffer(format!("{name}.resample_filter"), &resample::filter());
        Self { weight, bias, filter, kernel, down, after, gain }
    }

    /// `[N, inputs, (D,) H, W]` → `[N, outputs, (D,) H, W]`, or half of them.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let gain = self.gain * self.after.weight_gain();
        let fan_in: i64 = self.weight.size()[1..].iter().product();
        let weight = &self.weight * (gain / (fan_in as f64).sqrt());
        let bias = self.bias.as_ref().map(|bias| bias * (self.gain * self.after.bias_gain()));
        let conv = |x: &Tensor, stride: Axes, padding: Axes| {
            Convolution::along(stride, padding).apply(x, &weight, bias.as_ref())
        };
        let one = self.kernel.map(|_| 1);
        let y = match self.down {
            None => conv(x, one, self.kernel.map(|side| side / 2)),
            // One pixel needs no neighbours: halve first, a quarter of the work remains.
            Some(factor) if self.kernel == one => {
                conv(&resample::downsample_along(x, &self.filter, factor), one, one.map(|_| 0))
            }
            Some(factor) => {
                // What is blurred has its border already.
                let padding =
                    self.kernel.zip(factor, |side, by| if by == 1 { side / 2 } else { 0 });
                conv(&resample::blur_along(x, &self.filter, 1.0, 2, factor), factor, padding)
            }
        };
        self.after.apply(y)
    }
}
