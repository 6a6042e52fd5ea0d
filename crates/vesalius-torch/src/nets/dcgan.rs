//! The DCGAN family: Radford, Metz, Chintala 2015, "Unsupervised Representation Learning with Deep Convolutional
//! Generative Adversarial Networks" (arXiv:1511.06434), with the choices of Table 1.
//!
//! Of volumes the same with a third axis, whose halvings [`Pyramid`] decides.
//!
//! Deviations: any H and W that can be halved to a base of 4 to 7 pixels (the base may be rectangular); at most 8
//! times the filters, so that 512x512 does not ask for 128 times (the paper's largest network has 8 times).

use crate::layers::activation::Activation;
use crate::layers::axes::Axes;
use crate::layers::conv::{Conv, ConvOptions, Geometry, Upsample, Weight};
use crate::layers::init::InitSpec;
use crate::layers::norm::{Norm, NormKind};
use crate::layers::params::Params;
use crate::layers::pulled_back::pulled_back;
use crate::nets::pyramid::{Level, Pyramid};
use crate::pairs::joint::Joint;
use crate::precision::Arithmetic;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Settings of the generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorSpec {
    /// Filters of the last hidden layer; each earlier one has twice as many, up to 8 times.
    pub filters: i64,
    /// Between layers.
    pub activation: Activation,
    /// Between layers.
    pub norm: NormKind,
    /// Whether weights are spectrally normalised.
    pub spectral_norm: bool,
    /// How resolution is doubled.
    pub upsample: Upsample,
}

/// Settings of the discriminator (critic).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorSpec {
    /// Filters of the first layer; each later one has twice as many, up to 8 times.
    pub filters: i64,
    /// Between layers.
    pub activation: Activation,
    /// Between layers, except after the first (as in DCGAN).
    pub norm: NormKind,
    /// Whether weights are spectrally normalised.
    pub spectral_norm: bool,
}

/// z → joint sample.
#[derive(Debug)]
pub struct Generator {
    latent: i64,
    activation: Activation,
    blocks: Vec<(Conv, Norm)>,
    last: Conv,
    joint: Joint,
    /// Of the activations.
    compute: Arithmetic,
    /// Sides of what a latent is seen as: 1 along each axis.
    seed: Axes,
}

impl Generator {
    /// Registers its parameters as `blocks.<i>.conv`, `blocks.<i>.norm`, `last`.
    pub fn new(
        params: &mut Params,
        spec: &GeneratorSpec,
        init: &InitSpec,
        latent: i64,
        joint: Joint,
        pyramid: Pyramid,
    ) -> Self {
        let options = ConvOptions {
            bias: spec.norm == NormKind::None,
            spectral_norm: spec.spectral_norm.into(),
        };
        // Up to the size of a level from the one below it.
        let up = |level: u32| {
            let Level { factor, kernel } = pyramid.level(level);
            match spec.upsample {
                Upsample::Transposed => Geometry::doubling(factor, kernel),
                Upsample::Resize => Geometry::Nearest { factor, kernel },
            }
        };
        let mut inputs = latent;
        let mut blocks = Vec::new();
        for (i, level) in (1..=pyramid.halvings()).rev().enumerate() {
            let outputs = spec.filters * multiple(level);
            let geometry = if i == 0 { Geometry::unfold(pyramid.base()) } else { up(level + 1) };
            let name = format!("blocks.{i}");
            blocks.push((
                Conv::new(
                    params,
                    &format!("{name}.conv"),
                    [inputs, outputs],
                    geometry,
                    init,
                    options,
                ),
                Norm::new(params, &format!("{name}.norm"), spec.norm, outputs),
            ));
            inputs = outputs;
        }
        let options = ConvOptions { bias: true, ..options };
        let last = Conv::new(params, "last", [inputs, joint.total()], up(1), init, options);
        let compute = params.arithmetic();
        let seed = pyramid.base().map(|_| 1);
        Self { latent, activation: spec.activation, blocks, last, joint, compute, seed }
    }

    /// Z.
    pub fn latent(&self) -> i64 {
        self.latent
    }

    /// `[N, Z]` → `[N, C+M, (D,) H, W]` in [-1, 1]; the last layer is f32.
    pub fn forward(&self, z: &Tensor, train: bool) -> Tensor {
        let mut x =
            self.compute.enter(&z.reshape([&[-1, self.latent], self.seed.as_slice()].concat()));
        for (conv, norm) in &self.blocks {
            x = self.activation.apply(&norm.forward(&conv.forward(&x, train), train)); // [N, ·, 2H, 2W]
        }
        self.joint.activate(&self.last.forward(&x.to_kind(z.kind()), train))
    }
}

/// Joint sample → logit.
#[derive(Debug)]
pub struct Discriminator {
    activation: Activation,
    blocks: Vec<(Conv, Norm)>,
    head: Conv,
    /// Of the activations.
    compute: Arithmetic,
}

/// What a discriminator says.
#[derive(Debug)]
pub struct Judgement {
    /// `[N]`, before any sigmoid.
    pub logits: Tensor,
    /// Activations after each block, `[N, ·, H, W]`, for feature matching.
    pub activations: Vec<Tensor>,
}

impl Discriminator {
    /// Registers its parameters as `blocks.<i>.conv`, `blocks.<i>.norm`, `head`.
    pub fn new(
        params: &mut Params,
        spec: &DiscriminatorSpec,
        init: &InitSpec,
        joint: Joint,
        pyramid: Pyramid,
    ) -> Self {
        let mut inputs = joint.total();
        let mut blocks = Vec::new();
        let halving = |level: u32| {
            let Level { factor, kernel } = pyramid.level(level);
            Geometry::halving(factor, kernel)
        };
        for level in 1..=pyramid.halvings() {
            let outputs = spec.filters * multiple(level);
            let norm = if level == 1 { NormKind::None } else { spec.norm };
            let options = ConvOptions {
                bias: norm == NormKind::None,
                spectral_norm: spec.spectral_norm.into(),
            };
            let name = format!("blocks.{}", level - 1);
            blocks.push((
                Conv::new(
                    params,
                    &format!("{name}.conv"),
                    [inputs, outputs],
                    halving(level),
                    init,
                    options,
                ),
                Norm::new(params, &format!("{name}.norm"), norm, outputs),
            ));
            inputs = outputs;
        }
        let whole = Geometry::whole(pyramid.base());
        let options = ConvOptions { bias: true, spectral_norm: spec.spectral_norm.into() };
        let head = Conv::new(params, "head", [inputs, 1], whole, init, options);
        Self { activation: spec.activation, blocks, head, compute: params.arithmetic() }
    }

    /// `[N, C+M, (D,) H, W]` → a logit each; the head is f32.
    pub fn forward(&self, sample: &Tensor) -> Judgement {
        let mut x = self.compute.enter(sample);
        let mut activations = Vec::with_capacity(self.blocks.len());
        for (conv, norm) in &self.blocks {
            x = self.activation.apply(&norm.forward(&conv.forward(&x, true), true)); // [N, ·, H/2, W/2]
            activations.push(x.shallow_clone());
        }
        let logits = self.head.forward(&x.to_kind(sample.kind()), true).reshape([-1]);
        Judgement { logits, activations }
    }
}

/// Values of one pass through a block that the way back needs: the convolution's input shape, weight and output.
type Passed = (Vec<i64>, Weight, Tensor);

impl Discriminator {
    /// ∇D: the gradient of each logit with respect to its own sample, `[N, C+M, H, W]`, differentiable in the weights;
    /// of samples
    /// that are constants.
    ///
    /// The same as LibTorch's gradient of a gradient, in less time: its second derivative of a convolution with respect
    /// to the
    /// weights is a dilated convolution with kernels as large as the picture. Here the way back through a convolution
    /// is an
    /// operation of its own, with the derivatives of a transposed convolution (`bench/README.md`).
    pub fn input_gradient(&self, sample: &Tensor) -> Tensor {
        let mut x = self.compute.enter(sample);
        let mut passed: Vec<Passed> = Vec::with_capacity(self.blocks.len());
        for (conv, norm) in &self.blocks {
            let weight = conv.weight(true);
            let y = conv.apply(&x, &weight);
            passed.push((x.size(), weight, y.shallow_clone()));
            x = self.activation.apply(&norm.forward(&y, true));
        }
        let mut one_each = vec![1; sample.dim()];
        one_each[0] = sample.size()[0];
        let ones = Tensor::ones(one_each, (sample.kind(), sample.device()));
        let mut gradient = self.head.pull_back(&ones, &self.head.weight(true), &x.size());
        gradient = self.compute.enter(&gradient);
        for ((conv, norm), (shape, weight, y)) in self.blocks.iter().zip(passed).rev() {
            gradient = pulled_back(&y, &gradient, |y| self.activation.apply(&norm.again(y)));
            gradient = conv.pull_back(&gradient, &weight, &shape); // [N, ·, 2H, 2W]
        }
        gradient.to_kind(sample.kind())
    }
}

/// Multiple of the filters at `level` halvings below full size (1, 2, …).
fn multiple(level: u32) -> i64 {
    1 << (level - 1).min(3)
}

#[cfg(test)]
mod tests;
