//! nnU-Net's plain convolutional U-Net (Isensee et al. 2021, arXiv:1904.08128), as nnU-Net v2 plans it for 2-D slices:
//! `dynamic_network_architectures`, `PlainConvUNet`, whose names of parameters these are.
//!
//! Two convolutions a stage, each followed by instance normalisation and LeakyReLU; strides on the way down, transposed
//! convolutions on the way up; scores at every resolution but the lowest, for deep supervision.

use crate::layers::compute::Convolution;
use crate::layers::conv::{channels_last, with_bias};
use crate::layers::init::{InitKind, InitSpec};
use crate::layers::norm::{Norm, NormKind};
use crate::layers::params::Params;
use crate::precision::Arithmetic;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Slope of LeakyReLU, here and in the initial weights.
const SLOPE: f64 = 0.01;
/// Sides are halved while both halves have so many pixels (`UNet_featuremap_min_edge_length`).
const LEAST_SIDE: i64 = 4;
/// Filters at full resolution (`UNet_base_num_features`), doubling up to the most (`UNet_max_features_2d`).
pub const FILTERS: i64 = 32;
const MOST_FILTERS: i64 = 512;
/// Of a stage, on both ways.
const CONVOLUTIONS: usize = 2;

/// What nnU-Net plans from the size of the slices alone, whose pixels are as wide as high.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Of each stage, from full resolution down.
    pub filters: Vec<i64>,
    /// Of each stage's first convolution, along height and width.
    pub strides: Vec<[i64; 2]>,
}

impl Plan {
    /// For slices of height and width (`get_pool_and_conv_props`, with equal spacings), with so many filters at full
    /// resolution: [`FILTERS`] in nnU-Net.
    pub fn of([height, width]: [i64; 2], filters: i64) -> Self {
        let mut size = [height, width];
        let mut spacing = [1_i64; 2];
        let mut strides = vec![[1, 1]];
        loop {
            let mut axes: Vec<usize> = (0..2).filter(|&i| size[i] >= 2 * LEAST_SIDE).collect();
            let finest = axes.iter().map(|&i| spacing[i]).min().unwrap_or(1);
            axes.retain(|&i| spacing[i] < 2 * finest);
            match axes[..] {
                [] => break,
                [only] if size[only] < 3 * LEAST_SIDE => break,
                _ => {}
            }
            let mut stride = [1; 2];
            for i in axes {
                stride[i] = 2;
                spacing[i] *= 2;
                size[i] = (size[i] + 1) / 2;
            }
            strides.push(stride);
        }
        let filters =
            (0..strides.len()).map(|stage| (filters << stage.min(32)).min(MOST_FILTERS)).collect();
        Self { filters, strides }
    }

    /// What both sides have to be divisible by.
    pub fn divisor(&self) -> [i64; 2] {
        [0, 1].map(|axis| self.strides.iter().map(|stride| stride[axis]).product())
    }
}

/// A convolution with its weight and bias.
#[derive(Debug)]
struct Filter {
    convolution: Convolution,
    weight: Tensor,
    bias: Tensor,
}

impl Filter {
    /// A weight of `shape`, for `outputs` channels. `InitWeights_He(1e-2)`: σ = √(2 / (1 + slope²) / fan in).
    fn new(
        params: &mut Params,
        name: &str,
        convolution: Convolution,
        shape: [i64; 4],
        outputs: i64,
    ) -> Self {
        let gain = (1.0 + SLOPE * SLOPE).sqrt().recip();
        let value = InitSpec { kind: InitKind::Kaiming, gain }.weight(&shape);
        let value = channels_last(&value, params.device());
        let zeros = Tensor::zeros([outputs], (Kind::Float, Device::Cpu));
        Self {
            convolution,
            weight: params.parameter(format!("{name}.weight"), &value),
            bias: params.parameter(format!("{name}.bias"), &zeros),
        }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        if !self.convolution.is_transposed() {
            return self.convolution.apply(x, &self.weight, Some(&self.bias));
        }
        // oneDNN has no fast way back to the bias of a transposed convolution.
        with_bias(&self.convolution.apply(x, &self.weight, None), Some(&self.bias))
    }
}

/// A convolution with what follows it.
type Layer = (Filter, Norm);

fn apply(layers: &[Layer], x: &Tensor) -> Tensor {
    layers
        .iter()
        .fold(x.shallow_clone(), |x, (filter, norm)| norm.leaky(&filter.forward(&x), SLOPE))
}

fn stage(params: &mut Params, name: &str, channels: [i64; 2], stride: [i64; 2]) -> Vec<Layer> {
    let [mut inputs, outputs] = channels;
    (0..CONVOLUTIONS)
        .map(|i| {
            let convolution = Convolution::plain(1, 1);
            let convolution = if i == 0 { convolution.strided(stride) } else { convolution };
            let shape = [outputs, inputs, 3, 3];
            inputs = outputs;
            let name = format!("{name}.convs.{i}");
            (
                Filter::new(params, &format!("{name}.conv"), convolution, shape, outputs),
                Norm::plain(params, &format!("{name}.norm"), NormKind::Instance, outputs),
            )
        })
        .collect()
}

/// A stage on the way up.
#[derive(Debug)]
struct Up {
    widen: Filter,
    layers: Vec<Layer>,
    scores: Filter,
}

/// Image → class scores at several resolutions.
#[derive(Debug)]
pub struct NnUnet {
    down: Vec<Vec<Layer>>,
    /// From the lowest resolution up.
    up: Vec<Up>,
    /// Of the activations.
    compute: Arithmetic,
}

impl NnUnet {
    /// Registers its parameters under nnU-Net's names: `encoder.stages.<i>.0.convs.<j>.{conv,norm}`,
    /// `decoder.{transpconvs,stages,seg_layers}.<i>`.
    pub fn new(params: &mut Params, plan: &Plan, channels: i64, classes: i64) -> Self {
        let mut inputs = channels;
        let mut down = Vec::new();
        for (i, (&filters, &stride)) in plan.filters.iter().zip(&plan.strides).enumerate() {
            down.push(stage(params, &format!("encoder.stages.{i}.0"), [inputs, filters], stride));
            inputs = filters;
        }
        let mut up = Vec::new();
        for (i, level) in (1..plan.filters.len()).rev().enumerate() {
            let (below, here) = (plan.filters[level], plan.filters[level - 1]);
            let [down, right] = plan.strides[level];
            let wider = Convolution::transposed(1, 0).strided([down, right]);
            let shape = [below, here, down, right];
            up.push(Up {
                widen: Filter::new(params, &format!("decoder.transpconvs.{i}"), wider, shape, here),
                layers: stage(params, &format!("decoder.stages.{i}"), [2 * here, here], [1, 1]),
                scores: Filter::new(
                    params,
                    &format!("decoder.seg_layers.{i}"),
                    Convolution::plain(1, 0),
                    [classes, here, 1, 1],
                    classes,
                ),
            });
        }
        Self { down, up, compute: params.arithmetic() }
    }

    /// `[N, C, H, W]` → logits `[N, K, h, w]` of each resolution but the lowest, the highest first; the layers of scores
    /// are f32.
    pub fn forward(&self, image: &Tensor) -> Vec<Tensor> {
        let mut x = self.compute.enter(image);
        let mut skips = Vec::with_capacity(self.down.len());
        for layers in &self.down {
            x = apply(layers, &x);
            skips.push(x.shallow_clone());
        }
        skips.pop();
        let mut scores = Vec::with_capacity(self.up.len());
        for stage in &self.up {
            let skip = skips.pop().expect("a stage on the way down for each on the way up");
            x = apply(&stage.layers, &Tensor::cat(&[stage.widen.forward(&x), skip], 1));
            scores.push(stage.scores.forward(&x.to_kind(image.kind())));
        }
        scores.reverse();
        scores
    }
}
