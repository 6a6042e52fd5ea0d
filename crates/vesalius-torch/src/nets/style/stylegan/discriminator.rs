//! The discriminator, which grows as the generator does.

use super::growth::shrink;
use super::layer::{Conv, Scale, bias, blur, channels};
use crate::layers::activation::leaky_relu;
use crate::layers::conv::channels_last;
use crate::layers::equalised::{After, Dense, DenseOptions, SLOPE};
use crate::layers::params::Params;
use crate::nets::pyramid::Pyramid;
use crate::nets::style::stylegan2::{WidthSpec, minibatch_deviation};
use crate::precision::Arithmetic;
use tch::{Device, Kind, Tensor};

/// Sample → logit.
#[derive(Debug)]
pub struct Discriminator {
    /// From full size down to the base: `from_sample` of every resolution.
    entries: Vec<(Conv, Tensor)>,
    blocks: Vec<[(Conv, Tensor); 2]>,
    last: (Conv, Tensor),
    dense: [Dense; 2],
    group: i64,
    lod: Tensor,
    /// Of the activations in front of the base.
    compute: Arithmetic,
}

fn biased(
    params: &mut Params,
    name: &str,
    shape: [i64; 2],
    kernel: i64,
    scale: Scale,
) -> (Conv, Tensor) {
    let conv = Conv::new(params, name, shape, kernel, After::HeLeakyRelu, scale);
    (conv, bias(params, name, shape[1]))
}

fn active((conv, bias): &(Conv, Tensor), x: &Tensor) -> Tensor {
    leaky_relu(&conv.forward(x, Some(bias)), SLOPE)
}

impl Discriminator {
    /// Registered as `lod`, `b<resolution>.{fromrgb,conv0,conv1}`, `b4.{conv,dense0,dense1}`.
    pub fn new(
        params: &mut Params,
        width: &WidthSpec,
        sample_channels: i64,
        pyramid: Pyramid,
        group: i64,
    ) -> Self {
        let cpu = (Kind::Float, Device::Cpu);
        let lod = params.host_buffer("lod".to_owned(), &Tensor::zeros([0; 0], cpu));
        let mut entries = Vec::new();
        let mut blocks = Vec::new();
        for level in (0..=pyramid.halvings()).rev() {
            let resolution = 4 << level;
            let name = format!("b{resolution}");
            let inputs = channels(width, resolution);
            let shape = [sample_channels, inputs];
            entries.push(biased(params, &format!("{name}.fromrgb"), shape, 1, Scale::Keep));
            if level > 0 {
                let outputs = channels(width, resolution / 2);
                let mut conv = |part: &str, outputs: i64, scale: Scale| {
                    biased(params, &format!("{name}.{part}"), [inputs, outputs], 3, scale)
                };
                blocks.push([
                    conv("conv0", inputs, Scale::Keep),
                    conv("conv1", outputs, Scale::Down),
                ]);
            }
        }
        let width_4 = channels(width, 4);
        let last = biased(params, "b4.conv", [width_4 + 1, width_4], 3, Scale::Keep);
        let [h, w] = pyramid.base().in_plane();
        let hidden = channels(width, 2);
        let mut dense = |name: &str, sizes: [i64; 2], after: After| {
            Dense::new(params, name, sizes, DenseOptions { after, lr_multiplier: 1.0, bias: 0.0 })
        };
        let dense = [
            dense("b4.dense0", [width_4 * h * w, hidden], After::HeLeakyRelu),
            dense("b4.dense1", [hidden, 1], After::Linear),
        ];
        Self { entries, blocks, last, dense, group, lod, compute: params.arithmetic() }
    }

    /// The level of detail it is at; shares memory.
    pub fn lod(&self) -> Tensor {
        self.lod.shallow_clone()
    }

    /// `[N, C+M, H, W]` at full size → logits `[N]`.
    pub fn forward(&self, sample: &Tensor) -> Tensor {
        let lod = self.lod.double_value(&[]);
        let first = (lod.floor() as usize).min(self.entries.len() - 1);
        let kind = sample.kind();
        let sample = shrink(sample, first as u32);
        let mut sample = self.compute.enter(&channels_last(&sample, sample.device()));
        let mut x = active(&self.entries[first], &sample);
        for (i, [conv0, conv1]) in self.blocks.iter().enumerate().skip(first) {
            x = active(conv1, &blur(&active(conv0, &x)));
            let faded = (lod - i as f64).clamp(0.0, 1.0);
            if faded > 0.0 {
                sample = shrink(&sample, 1);
                x = x.lerp(&active(&self.entries[i + 1], &sample), faded);
            }
        }
        let x = x.to_kind(kind);
        let deviation = minibatch_deviation(&x, self.group);
        let x = active(&self.last, &Tensor::cat(&[x, deviation], 1));
        let flat = x.contiguous().flatten(1, -1);
        self.dense[1].forward(&self.dense[0].forward(&flat)).reshape([-1])
    }
}
