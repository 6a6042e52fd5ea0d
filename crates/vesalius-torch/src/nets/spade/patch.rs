//! SPADE's discriminator: NVlabs/SPADE, `models/networks/discriminator.py`.

use super::{INIT, SLOPE, spectral};
use crate::layers::activation::leaky_relu;
use crate::layers::axes::Axes;
use crate::layers::conv::{Conv, ConvOptions, Geometry, Weight};
use crate::layers::norm::{NormKind, instance_norm};
use crate::layers::params::Params;
use crate::layers::soundness::{LayerKind, checked};
use crate::nets::pyramid::{Descent, Level};
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
pub(super) fn normal(x: &Tensor) -> Tensor {
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
    /// `descent`: from the size that it sees.
    fn new(
        params: &mut Params,
        name: &str,
        spec: &DiscriminatorSpec,
        channels: i64,
        mut descent: Descent,
    ) -> Self {
        let mut conv =
            |name: String, channels: [i64; 2], (level, stride): (Level, i64), normed: bool| {
                let geometry = judging(level, stride);
                let options = ConvOptions { bias: !normed, spectral_norm: spectral(normed) };
                Conv::new(params, &name, channels, geometry, &INIT, options)
            };
        let mut width = spec.filters;
        let mut last = descent.halve();
        let name_0 = format!("{name}.model0.0");
        let mut layers = vec![(conv(name_0, [channels, width], (last, 2), false), false)];
        for i in 1..spec.layers {
            let wider = (width * 2).min(512);
            let name = format!("{name}.model{i}.0.0");
            // The last one and the head see the same resolution.
            let stride = if i == spec.layers - 1 { 1 } else { 2 };
            last = descent.halve();
            layers.push((conv(name, [width, wider], (last, stride), true), true));
            width = wider;
        }
        let name = format!("{name}.model{}.0", spec.layers);
        let head = conv(name, [width, 1], (last, 1), false);
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
    /// Between each scale and the next.
    halvings: Vec<Level>,
}

/// What it says: for each scale the activations of every layer, logits `[N, 1, (d,) h, w]` last.
pub type Outputs = Vec<Vec<Tensor>>;

impl MultiscaleDiscriminator {
    /// Registered as `discriminator_<i>.model<j>…`. `channels`: of mask and image together; `descent`: from full size.
    pub fn new(
        params: &mut Params,
        spec: &DiscriminatorSpec,
        channels: i64,
        mut descent: Descent,
    ) -> Self {
        let (mut scales, mut halvings) = (vec![], vec![]);
        for i in 0..spec.scales {
            let name = format!("discriminator_{i}");
            scales.push(Patch::new(params, &name, spec, channels, descent));
            halvings.push(descent.halve());
        }
        Self { scales, halvings }
    }

    /// Spectrally normalised weights of one step, for [`MultiscaleDiscriminator::forward`].
    pub fn weights(&self) -> Vec<Vec<Weight>> {
        self.scales.iter().map(Patch::weights).collect()
    }

    /// Mask and image `[N, K+C, (D,) H, W]` → outputs of every scale.
    pub fn forward(&self, sample: &Tensor, weights: &[Vec<Weight>]) -> Outputs {
        let mut x = sample.shallow_clone();
        let mut all = Vec::with_capacity(self.scales.len());
        for (i, (scale, weights)) in self.scales.iter().zip(weights).enumerate() {
            if i > 0 {
                x = halved(&x, self.halvings[i - 1].factor);
            }
            all.push(scale.forward(&x, weights));
        }
        all
    }
}

/// The reference's 4x4 kernel with padding 2, of which a halving is one with stride 2. Along planes likewise where they are
/// halved; else 3 that keep their number, or 1 where they lie far apart.
fn judging(level: Level, stride: i64) -> Geometry {
    let halves = |factor: i64| factor == 2;
    let kernel = level.factor.zip(level.kernel, |f, kernel| if halves(f) { 4 } else { kernel });
    Geometry::Conv {
        kernel,
        stride: level.factor.map(|factor| if halves(factor) { stride } else { 1 }),
        padding: kernel.map(|kernel| kernel / 2),
    }
}

/// The mean of 3 neighbours at every second place, along each axis that `factor` halves; zeros outside are not counted.
fn halved(x: &Tensor, factor: Axes) -> Tensor {
    let kernel = factor.map(|factor| if factor == 2 { 3 } else { 1 });
    let padding = kernel.map(|kernel| kernel / 2);
    let [kernel, stride, padding] = [&kernel, &factor, &padding].map(Axes::as_slice);
    if factor.is_volume() {
        x.avg_pool3d(kernel, stride, padding, false, false, None)
    } else {
        x.avg_pool2d(kernel, stride, padding, false, false, None)
    }
}
