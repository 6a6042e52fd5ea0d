//! SPADE's discriminator and style encoder: NVlabs/SPADE, `models/networks/{discriminator,encoder}.py`.
//!
//! Deviation: the reference's encoder works from 256 pixels on only; below that ours resizes to 128 instead of 256
//! pixels, so that its five halvings arrive at the 4x4 its last layers expect.

use super::{INIT, Linear, SLOPE, spectral};
use crate::layers::activation::leaky_relu;
use crate::layers::conv::{Conv, ConvOptions, Geometry, Weight};
use crate::layers::norm::{NormKind, instance_norm};
use crate::layers::params::Params;
use crate::layers::soundness::{LayerKind, checked};
use crate::precision::Arithmetic;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Settings of the discriminator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorSpec {
    /// Filters of the first layer; each later one has twice as many, up to 512.
    pub filters: i64,
    /// Scales: each sees half of the resolution of the one before.
    pub scales: i64,
    /// Layers of one discriminator, its head not counted.
    pub layers: i64,
}

const EPS: f64 = 1e-5;

/// Instance normalisation without parameters: `torch.nn.InstanceNorm2d`.
fn normal(x: &Tensor) -> Tensor {
    checked(LayerKind::Norm(NormKind::Instance), x, &[], |x, _| instance_norm(x, None, None, EPS))
}

/// Convolutions that judge patches: one discriminator.
#[derive(Debug)]
struct Patch {
    /// Convolution, and whether instance normalisation follows.
    layers: Vec<(Conv, bool)>,
    head: Conv,
    /// Of the activations.
    compute: Arithmetic,
}

impl Patch {
    fn new(params: &mut Params, name: &str, spec: &DiscriminatorSpec, channels: i64) -> Self {
        let mut conv = |name: String, channels: [i64; 2], stride: i64, normed: bool| {
            let geometry = Geometry::square(4, stride, 2);
            let options = ConvOptions { bias: !normed, spectral_norm: spectral(normed) };
            Conv::new(params, &name, channels, geometry, &INIT, options)
        };
        let mut width = spec.filters;
        let mut layers =
            vec![(conv(format!("{name}.model0.0"), [channels, width], 2, false), false)];
        for i in 1..spec.layers {
            let wider = (width * 2).min(512);
            let stride = if i == spec.layers - 1 { 1 } else { 2 };
            let name = format!("{name}.model{i}.0.0");
            layers.push((conv(name, [width, wider], stride, true), true));
            width = wider;
        }
        let head = conv(format!("{name}.model{}.0", spec.layers), [width, 1], 1, false);
        Self { layers, head, compute: params.arithmetic() }
    }

    /// One weight per layer and the head's: spectral normalisation runs once for all batches of a step.
    fn weights(&self) -> Vec<Weight> {
        self.layers
            .iter()
            .map(|(conv, _)| conv)
            .chain([&self.head])
            .map(|c| c.weight(true))
            .collect()
    }

    /// Activations of every layer, the logits last, which are f32.
    fn forward(&self, x: &Tensor, weights: &[Weight]) -> Vec<Tensor> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(weights.len());
        let sample = self.compute.enter(x);
        for ((conv, normed), weight) in self.layers.iter().zip(weights) {
            let y = conv.apply(outputs.last().unwrap_or(&sample), weight);
            let y = if *normed { normal(&y) } else { y };
            outputs.push(leaky_relu(&y, SLOPE));
        }
        let last = outputs.last().expect("at least one layer");
        let logits = self.head.apply(&last.to_kind(x.kind()), &weights[weights.len() - 1]);
        outputs.push(logits);
        outputs
    }
}

/// Several discriminators on a pyramid of resolutions.
#[derive(Debug)]
pub struct MultiscaleDiscriminator {
    scales: Vec<Patch>,
}

/// What it says: for each scale the activations of every layer, logits `[N, 1, h, w]` last.
pub type Outputs = Vec<Vec<Tensor>>;

impl MultiscaleDiscriminator {
    /// Registered as `discriminator_<i>.model<j>…`. `channels`: of mask and image together.
    pub fn new(params: &mut Params, spec: &DiscriminatorSpec, channels: i64) -> Self {
        let scale = |i| Patch::new(params, &format!("discriminator_{i}"), spec, channels);
        Self { scales: (0..spec.scales).map(scale).collect() }
    }

    /// Spectrally normalised weights of one step, for [`MultiscaleDiscriminator::forward`].
    pub fn weights(&self) -> Vec<Vec<Weight>> {
        self.scales.iter().map(Patch::weights).collect()
    }

    /// Mask and image `[N, K+C, H, W]` → outputs of every scale.
    pub fn forward(&self, sample: &Tensor, weights: &[Vec<Weight>]) -> Outputs {
        let mut x = sample.shallow_clone();
        let mut all = Vec::with_capacity(self.scales.len());
        for (i, (scale, weights)) in self.scales.iter().zip(weights).enumerate() {
            if i > 0 {
                x = x.avg_pool2d([3, 3], [2, 2], [1, 1], false, false, None);
            }
            all.push(scale.forward(&x, weights));
        }
        all
    }
}

/// Image → mean and log variance of its style.
#[derive(Debug)]
pub struct Encoder {
    layers: Vec<Conv>,
    mean: Linear,
    log_var: Linear,
    side: i64,
    /// Of the activations.
    compute: Arithmetic,
}

/// Side of what the encoder's last convolution leaves.
const ENCODER_BASE: i64 = 4;

impl Encoder {
    /// Registered as `encoder.layer<i>.0`, `encoder.fc_mu`, `encoder.fc_var`, for images of `size` (smaller side).
    pub fn new(params: &mut Params, filters: i64, channels: i64, style: i64, size: i64) -> Self {
        let count = if size >= 256 { 6 } else { 5 };
        let mut inputs = channels;
        let layers = (1..=count)
            .map(|i| {
                let outputs = filters * [1, 2, 4, 8, 8, 8][i - 1];
                let geometry = Geometry::square(3, 2, 1);
                let options = ConvOptions { bias: false, spectral_norm: spectral(true) };
                let name = format!("encoder.layer{i}.0");
                let conv = Conv::new(params, &name, [inputs, outputs], geometry, &INIT, options);
                inputs = outputs;
                conv
            })
            .collect();
        let flat = inputs * ENCODER_BASE * ENCODER_BASE;
        Self {
            layers,
            mean: Linear::new(params, "encoder.fc_mu", [flat, style]),
            log_var: Linear::new(params, "encoder.fc_var", [flat, style]),
            side: ENCODER_BASE << count,
            compute: params.arithmetic(),
        }
    }

    /// `[N, C, H, W]` → mean and log variance `[N, Z]`.
    pub fn forward(&self, image: &Tensor, train: bool) -> (Tensor, Tensor) {
        let size = [self.side; 2];
        let mut x = if image.size()[2..] == size {
            image.shallow_clone()
        } else {
            image.upsample_bilinear2d(size, false, None, None)
        };
        x = self.compute.enter(&x);
        for (i, conv) in self.layers.iter().enumerate() {
            if i > 0 {
                x = leaky_relu(&x, SLOPE);
            }
            x = normal(&conv.forward(&x, train)); // [N, ·, H/2, W/2]
        }
        let flat = leaky_relu(&x.to_kind(image.kind()), SLOPE).contiguous().flatten(1, -1);
        (self.mean.forward(&flat), self.log_var.forward(&flat))
    }
}
