//! nnU-Net's plain convolutional U-Net (Isensee et al. 2021, arXiv:1904.08128), as nnU-Net v2 plans it for slices and for
//! volumes: `dynamic_network_architectures`, `PlainConvUNet`, whose names of parameters these are.
//!
//! Two convolutions a stage, each followed by instance normalisation and LeakyReLU; strides on the way down, transposed
//! convolutions on the way up; scores at every resolution but the lowest, for deep supervision.

use crate::layers::axes::Axes;
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
/// Filters at full resolution (`UNet_base_num_features`), doubling up to the most (`UNet_max_features_2d`, `_3d`).
pub const FILTERS: i64 = 32;
const MOST_FILTERS: i64 = 512;
const MOST_FILTERS_OF_VOLUMES: i64 = 320;
/// Of a stage, on both ways.
const CONVOLUTIONS: usize = 2;

/// What nnU-Net plans from the size of slices, whose pixels are as wide as high, or from size and spacing of volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Of each stage, from full resolution down.
    pub filters: Vec<i64>,
    /// Of each stage's first convolution, along each axis.
    pub strides: Vec<Vec<i64>>,
    /// Of each stage's convolutions, along each axis; 3 everywhere where it is not said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<Vec<i64>>,
}

impl Plan {
    /// For slices of height and width (with equal spacings), with so many filters at full resolution: [`FILTERS`] in
    /// nnU-Net.
    pub fn of([height, width]: [i64; 2], filters: i64) -> Self {
        let planned = Self::planned(&[height, width], &[1.0; 2], filters, MOST_FILTERS);
        Self { kernels: vec![], ..planned }
    }

    /// For volumes `[D, H, W]` whose voxels have these sides in mm.
    pub fn of_volume(size: [i64; 3], spacing_mm: [f64; 3], filters: i64) -> Self {
        Self::planned(&size, &spacing_mm, filters, MOST_FILTERS_OF_VOLUMES)
    }

    /// `get_pool_and_conv_props`.
    fn planned(size: &[i64], spacing: &[f64], filters: i64, most_filters: i64) -> Self {
        let (mut size, mut spacing) = (size.to_vec(), spacing.to_vec());
        let mut kernel = vec![1; size.len()];
        let mut strides = vec![vec![1; size.len()]];
        let mut kernels = Vec::new();
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        loop {
            let all = 0..size.len();
            let mut axes: Vec<usize> = all.filter(|&i| size[i] >= 2 * LEAST_SIDE).collect();
            let finest = least(&mut axes.iter().map(|&i| spacing[i]));
            axes.retain(|&i| spacing[i] / finest < 2.0);
            match axes[..] {
                [] => break,
                [only] if size[only] < 3 * LEAST_SIDE => break,
                _ => {}
            }
            // Voxels far apart along an axis are no neighbours, until the others are as coarse.
            let finest = least(&mut spacing.iter().copied());
            for (kernel, spacing) in kernel.iter_mut().zip(&spacing) {
                if spacing / finest < 2.0 {
                    *kernel = 3;
                }
            }
            let mut stride = vec![1; size.len()];
            for i in axes {
                stride[i] = 2;
                spacing[i] *= 2.0;
                size[i] = (size[i] + 1) / 2;
            }
            strides.push(stride);
            kernels.push(kernel.clone());
        }
        kernels.push(vec![3; size.len()]);
        let filters =
            (0..strides.len()).map(|stage| (filters << stage.min(32)).min(most_filters)).collect();
        Self { filters, strides, kernels }
    }

    /// What each side has to be divisible by.
    pub fn divisor(&self) -> Vec<i64> {
        let along = |axis: usize| self.strides.iter().map(|stride| stride[axis]).product();
        (0..self.strides[0].len()).map(along).collect()
    }

    fn stride(&self, stage: usize) -> Axes {
        Axes::of(&self.strides[stage])
    }

    fn kernel(&self, stage: usize) -> Axes {
        self.kernels.get(stage).map_or_else(|| self.stride(stage).map(|_| 3), |k| Axes::of(k))
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
    /// A weight of channels (as it lies in memory) × kernel, for `outputs` channels. `InitWeights_He(1e-2)`:
    /// σ = √(2 / (1 + slope²) / fan in).
    fn new(
        params: &mut Params,
        name: &str,
        convolution: Convolution,
        (channels, kernel): ([i64; 2], Axes),
        outputs: i64,
    ) -> Self {
        let shape = [&channels[..], kernel.as_slice()].concat();
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

fn stage(
    params: &mut Params,
    name: &str,
    channels: [i64; 2],
    [stride, kernel]: [Axes; 2],
) -> Vec<Layer> {
    let [mut inputs, outputs] = channels;
    (0..CONVOLUTIONS)
        .map(|i| {
            let stride = if i == 0 { stride } else { stride.map(|_| 1) };
            let convolution = Convolution::along(stride, kernel.map(|kernel| kernel / 2));
            let weight = ([outputs, inputs], kernel);
            inputs = outputs;
            let name = format!("{name}.convs.{i}");
            (
                Filter::new(params, &format!("{name}.conv"), convolution, weight, outputs),
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
        for (i, &filters) in plan.filters.iter().enumerate() {
            let geometry = [plan.stride(i), plan.kernel(i)];
            down.push(stage(params, &format!("encoder.stages.{i}.0"), [inputs, filters], geometry));
            inputs = filters;
        }
        let mut up = Vec::new();
        for (i, level) in (1..plan.filters.len()).rev().enumerate() {
            let (below, here) = (plan.filters[level], plan.filters[level - 1]);
            let stride = plan.stride(level);
            let one = stride.map(|_| 1);
            let alone = Convolution::along(one, one.map(|_| 0));
            let wider = Convolution::along(stride, one.map(|_| 0)).turned();
            let geometry = [one, plan.kernel(level - 1)];
            up.push(Up {
                widen: Filter::new(
                    params,
                    &format!("decoder.transpconvs.{i}"),
                    wider,
                    ([below, here], stride),
                    here,
                ),
                layers: stage(params, &format!("decoder.stages.{i}"), [2 * here, here], geometry),
                scores: Filter::new(
                    params,
                    &format!("decoder.seg_layers.{i}"),
                    alone,
                    ([classes, here], one),
                    classes,
                ),
            });
        }
        Self { down, up, compute: params.arithmetic() }
    }

    /// `[N, C, (D,) H, W]` as it is trained on → mean over space of the bottleneck's activations `[N, D]`, D = filters of the
    /// lowest resolution.
    pub fn features(&self, image: &Tensor) -> Tensor {
        let x = self.down.iter().fold(self.compute.enter(image), |x, layers| apply(layers, &x));
        let space: Vec<i64> = (2..x.dim() as i64).collect();
        x.mean_dim(&space[..], false, Kind::Float)
    }

    /// `[N, C, (D,) H, W]` → logits `[N, K, (d,) h, w]` of each resolution but the lowest, the highest first; the layers of scores
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
