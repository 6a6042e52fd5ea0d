//! What both networks are made of: convolutions that change resolution, and the generator's layer with its style.

use crate::layers::activation::leaky_relu;
use crate::layers::axes::Axes;
use crate::layers::compute::{Convolution, like};
use crate::layers::conv::{channels_last, nearest_kernel};
use crate::layers::equalised::{After, Dense, DenseOptions, SLOPE};
use crate::layers::modulated::Noise;
use crate::layers::norm::{NormKind, instance_norm};
use crate::layers::params::Params;
use crate::layers::resample;
use crate::layers::soundness::{LayerKind, checked};
use crate::nets::style::stylegan2::WidthSpec;
use tch::{Device, Kind, Tensor};

/// 3x3 binomial low-pass filter.
pub(super) fn blur(x: &Tensor) -> Tensor {
    let taps = Tensor::from_slice(&[0.25_f32, 0.5, 0.25]).to_device(x.device());
    resample::blur(x, &taps.outer(&taps), 1.0, 1)
}

/// Where a convolution changes resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Keep,
    /// Nearest ×2 in front.
    Up,
    /// Average ÷2 behind.
    Down,
}

/// A convolution with equalised learning rate whose bias comes later or never.
#[derive(Debug)]
pub(super) struct Conv {
    weight: Tensor,
    gain: f64,
    scale: Scale,
}

impl Conv {
    pub(super) fn new(
        params: &mut Params,
        name: &str,
        channels: [i64; 2],
        kernel: i64,
        after: After,
        scale: Scale,
    ) -> Self {
        let shape = [channels[1], channels[0], kernel, kernel];
        let value = Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let value = channels_last(&value, params.device());
        let weight = params.parameter(format!("{name}.weight"), &value);
        let gain = after.weight_gain() / ((channels[0] * kernel * kernel) as f64).sqrt();
        Self { weight, gain, scale }
    }

    /// Both changes of resolution are one strided convolution with the summed 4x4 kernel.
    pub(super) fn forward(&self, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let weight = &self.weight * self.gain;
        match self.scale {
            Scale::Keep => Convolution::plain(1, weight.size()[2] / 2).apply(x, &weight, bias),
            Scale::Up => {
                let kernel = channels_last(&nearest_kernel(&weight), weight.device());
                Convolution::transposed(2, 1).apply(x, &kernel, bias)
            }
            Scale::Down => {
                // The average over 2x2 is a quarter of doubling's adjoint.
                let kernel = nearest_kernel(&weight).transpose(0, 1).flip([2, 3]);
                let kernel = channels_last(&(kernel * 0.25), weight.device());
                Convolution::plain(2, 1).apply(x, &kernel, bias)
            }
        }
    }
}

pub(super) fn bias(params: &mut Params, name: &str, count: i64) -> Tensor {
    params.parameter(format!("{name}.bias"), &Tensor::zeros([count], (Kind::Float, Device::Cpu)))
}

/// What ends every layer of the generator: noise, bias, LeakyReLU, AdaIN.
#[derive(Debug)]
pub(super) struct Layer {
    /// Absent for the first layer, which has the constant.
    conv: Option<Conv>,
    noise_strength: Tensor,
    noise_const: Tensor,
    bias: Tensor,
    style: Dense,
    size: [i64; 2],
}

impl Layer {
    pub(super) fn new(
        params: &mut Params,
        name: &str,
        conv: Option<Conv>,
        outputs: i64,
        size: [i64; 2],
        style: i64,
    ) -> Self {
        let cpu = (Kind::Float, Device::Cpu);
        let strength = Tensor::zeros([outputs], cpu);
        let options = DenseOptions { after: After::Linear, lr_multiplier: 1.0, bias: 0.0 };
        Self {
            conv,
            noise_strength: params.parameter(format!("{name}.noise_strength"), &strength),
            noise_const: params.buffer(format!("{name}.noise_const"), &Tensor::randn(size, cpu)),
            bias: bias(params, name, outputs),
            style: Dense::new(params, &format!("{name}.style"), [style, 2 * outputs], options),
            size,
        }
    }

    pub(super) fn noise_pixels(&self) -> i64 {
        self.size[0] * self.size[1]
    }

    pub(super) fn forward(&self, x: &Tensor, style: &Tensor, noise: Noise, cursor: i64) -> Tensor {
        let n = x.size()[0];
        let x = match &self.conv {
            None => x + like(&self.bias, x).reshape([1, -1, 1, 1]),
            Some(conv) if conv.scale == Scale::Keep => conv.forward(x, Some(&self.bias)),
            Some(conv) => blur(&conv.forward(x, None)) + like(&self.bias, x).reshape([1, -1, 1, 1]),
        };
        let map = noise.map(n, Axes::picture(self.size), cursor, &self.noise_const);
        let strength = like(&self.noise_strength, &x).reshape([1, -1, 1, 1]);
        let x = x.addcmul(&like(&map, &x), &strength);
        adain(&leaky_relu(&x, SLOPE), &self.style.forward(style))
    }
}

/// Adaptive instance normalisation (equation 1): each channel of each sample to mean 0 and variance 1, then scaled and
/// shifted by `style` `[N, 2·channels]`: scale − 1 first, then shift.
pub fn adain(x: &Tensor, style: &Tensor) -> Tensor {
    const EPS: f64 = 1e-8;
    let normal = checked(LayerKind::Norm(NormKind::Instance), x, &[], |x, _| {
        instance_norm(x, None, None, EPS)
    });
    let style = like(style, x).reshape([style.size()[0], 2, -1, 1, 1]);
    style.select(1, 1).addcmul(&normal, &(style.select(1, 0) + 1.0))
}

/// Channels of the layers of `resolution`; the reference counts one doubling ahead of StyleGAN2.
pub(super) fn channels(width: &WidthSpec, resolution: i64) -> i64 {
    (2 * width.channel_base / resolution).clamp(1, width.channel_max)
}
