//! StyleGAN: Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks"
//! (arXiv:1812.04948); NVlabs/stylegan, `training/networks_stylegan.py`: constant input, AdaIN, noise at every layer,
//! progressive growing with fade-in.
//!
//! How far a network has grown is its level of detail (`lod` there): 0 at full size, 1 at half, 1.25 a quarter faded
//! out. It is a buffer of both networks and saved with them.
//!
//! Deviations: any number of sample channels, any size that halves to a base of 4 to 7 pixels; the generator draws only
//! the resolutions that its level of detail shows (as the reference's `recursive` structure does).

use super::pyramid::Pyramid;
use super::stylegan2::{WidthSpec, minibatch_deviation};
use crate::layers::activation::leaky_relu;
use crate::layers::conv::{channels_last, nearest_kernel};
use crate::layers::equalised::{After, Dense, DenseOptions, SLOPE};
use crate::layers::modulated::Noise;
use crate::layers::params::Params;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// When resolution doubles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrowthSpec {
    /// First resolution, counted as in a square network of base 4: 8 starts with one doubling done.
    pub start: i64,
    /// Thousands of images at each resolution …
    pub training_kimg: f64,
    /// … and while the next one fades in.
    pub transition_kimg: f64,
}

impl GrowthSpec {
    /// Level of detail after `images` images, of a network with `halvings` doublings
    /// (`training_loop.py`, `training_schedule`).
    pub fn lod(&self, images: u64, halvings: u32) -> f64 {
        let most = f64::from(halvings) - f64::from((self.start / 4).max(1).ilog2());
        let kimg = images as f64 / 1000.0;
        let phase = self.training_kimg + self.transition_kimg;
        let done = if phase > 0.0 { (kimg / phase).floor() } else { 0.0 };
        let mut lod = most - done;
        if self.transition_kimg > 0.0 {
            let faded = (kimg - done * phase - self.training_kimg).max(0.0);
            lod -= faded / self.transition_kimg;
        }
        lod.max(0.0)
    }
}

/// Channels of the layers of `resolution`; the reference counts one doubling ahead of StyleGAN2.
fn channels(width: &WidthSpec, resolution: i64) -> i64 {
    (2 * width.channel_base / resolution).clamp(1, width.channel_max)
}

/// 3x3 binomial low-pass filter.
fn blur(x: &Tensor) -> Tensor {
    let taps = Tensor::from_slice(&[0.25_f32, 0.5, 0.25]).to_device(x.device());
    let count = x.size()[1];
    let kernel = taps.outer(&taps).reshape([1, 1, 3, 3]).expand([count, 1, 3, 3], false);
    x.conv2d(&kernel.contiguous(), None::<&Tensor>, [1, 1], [1, 1], [1, 1], count)
}

/// Doubled by nearest neighbour, `times` times.
fn enlarge(x: &Tensor, times: u32) -> Tensor {
    let (_, _, h, w) = x.size4().expect("a batch");
    if times == 0 {
        return x.shallow_clone();
    }
    x.upsample_nearest2d([h << times, w << times], None, None)
}

/// Halved by averaging, `times` times.
pub fn shrink(x: &Tensor, times: u32) -> Tensor {
    if times == 0 {
        return x.shallow_clone();
    }
    let side = 1_i64 << times;
    x.avg_pool2d([side; 2], [side; 2], [0; 2], false, true, None)
}

/// Where a convolution changes resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Keep,
    /// Nearest ×2 in front.
    Up,
    /// Average ÷2 behind.
    Down,
}

/// A convolution with equalised learning rate whose bias comes later or never.
#[derive(Debug)]
struct Conv {
    weight: Tensor,
    gain: f64,
    scale: Scale,
}

impl Conv {
    fn new(
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
    fn forward(&self, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let weight = &self.weight * self.gain;
        match self.scale {
            Scale::Keep => {
                let padding = weight.size()[2] / 2;
                x.conv2d(&weight, bias, [1, 1], [padding; 2], [1, 1], 1)
            }
            Scale::Up => {
                let kernel = channels_last(&nearest_kernel(&weight), weight.device());
                x.conv_transpose2d(&kernel, bias, [2, 2], [1, 1], [0, 0], 1, [1, 1])
            }
            Scale::Down => {
                // The average over 2x2 is a quarter of doubling's adjoint.
                let kernel = nearest_kernel(&weight).transpose(0, 1).flip([2, 3]);
                let kernel = channels_last(&(kernel * 0.25), weight.device());
                x.conv2d(&kernel, bias, [2, 2], [1, 1], [1, 1], 1)
            }
        }
    }
}

fn bias(params: &mut Params, name: &str, count: i64) -> Tensor {
    params.parameter(format!("{name}.bias"), &Tensor::zeros([count], (Kind::Float, Device::Cpu)))
}

/// What ends every layer of the generator: noise, bias, LeakyReLU, AdaIN.
#[derive(Debug)]
struct Layer {
    /// Absent for the first layer, which has the constant.
    conv: Option<Conv>,
    noise_strength: Tensor,
    noise_const: Tensor,
    bias: Tensor,
    style: Dense,
    size: [i64; 2],
}

impl Layer {
    fn new(
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

    fn noise_pixels(&self) -> i64 {
        self.size[0] * self.size[1]
    }

    fn forward(&self, x: &Tensor, style: &Tensor, noise: Noise, cursor: i64) -> Tensor {
        let n = x.size()[0];
        let x = match &self.conv {
            None => x + self.bias.reshape([1, -1, 1, 1]),
            Some(conv) if conv.scale == Scale::Keep => conv.forward(x, Some(&self.bias)),
            Some(conv) => blur(&conv.forward(x, None)) + self.bias.reshape([1, -1, 1, 1]),
        };
        let map = noise.map(n, self.size, cursor, &self.noise_const);
        let x = x.addcmul(&map, &self.noise_strength.reshape([1, -1, 1, 1]));
        adain(&leaky_relu(&x, SLOPE), &self.style.forward(style))
    }
}

/// Adaptive instance normalisation (equation 1): each channel of each sample to mean 0 and variance 1, then scaled and
/// shifted by `style` `[N, 2·channels]`: scale − 1 first, then shift.
pub fn adain(x: &Tensor, style: &Tensor) -> Tensor {
    const EPS: f64 = 1e-8;
    let none = None::<&Tensor>;
    let normal = x.instance_norm(none, none, none, none, true, 0.0, EPS, false);
    let style = style.reshape([style.size()[0], 2, -1, 1, 1]);
    style.select(1, 1).addcmul(&normal, &(style.select(1, 0) + 1.0))
}

/// Style → sample.
#[derive(Debug)]
pub struct Synthesis {
    constant: Tensor,
    blocks: Vec<Block>,
    lod: Tensor,
}

#[derive(Debug)]
struct Block {
    layers: [Layer; 2],
    to_sample: (Conv, Tensor),
}

impl Synthesis {
    /// Registered as `synthesis.lod`, `synthesis.b<resolution>.{const,conv0,conv1,torgb}`.
    pub fn new(
        params: &mut Params,
        width: &WidthSpec,
        style: i64,
        sample_channels: i64,
        pyramid: Pyramid,
    ) -> Self {
        let cpu = (Kind::Float, Device::Cpu);
        let [h, w] = pyramid.base();
        let lod = params.buffer("synthesis.lod".to_owned(), &Tensor::zeros([0; 0], cpu));
        let ones = Tensor::ones([channels(width, 4), h, w], cpu);
        let constant = params.parameter("synthesis.b4.const".to_owned(), &ones);
        let mut inputs = channels(width, 4);
        let mut blocks = Vec::new();
        for level in 0..=pyramid.halvings() {
            let resolution = 4 << level;
            let outputs = channels(width, resolution);
            let name = format!("synthesis.b{resolution}");
            let size = [h << level, w << level];
            let after = After::HeLeakyRelu;
            let mut layer = |part: &str, inputs: i64, scale: Option<Scale>| {
                let name = format!("{name}.{part}");
                let conv =
                    scale.map(|scale| Conv::new(params, &name, [inputs, outputs], 3, after, scale));
                Layer::new(params, &name, conv, outputs, size, style)
            };
            let first = layer("conv0", inputs, (level > 0).then_some(Scale::Up));
            let layers = [first, layer("conv1", outputs, Some(Scale::Keep))];
            let name = format!("{name}.torgb");
            let shape = [outputs, sample_channels];
            let conv = Conv::new(params, &name, shape, 1, After::Linear, Scale::Keep);
            blocks.push(Block { layers, to_sample: (conv, bias(params, &name, sample_channels)) });
            inputs = outputs;
        }
        Self { constant, blocks, lod }
    }

    /// L: styles of one sample.
    pub fn style_layers(&self) -> i64 {
        2 * self.blocks.len() as i64
    }

    /// P: noise pixels of one sample, all layers.
    pub fn noise_pixels(&self) -> i64 {
        self.blocks.iter().flat_map(|block| &block.layers).map(Layer::noise_pixels).sum()
    }

    /// The level of detail it is at; shares memory.
    pub fn lod(&self) -> Tensor {
        self.lod.shallow_clone()
    }

    /// Styles `[N, L, S]` → sample `[N, C+M, H, W]` at full size, unbounded.
    pub fn forward(&self, styles: &Tensor, noise: Noise) -> Tensor {
        let n = styles.size()[0];
        let lod = self.lod.double_value(&[]);
        let top = self.blocks.len() as u32 - 1;
        let constant = self.constant.unsqueeze(0).expand([n, -1, -1, -1], false);
        let mut x = channels_last(&constant, constant.device());
        let (mut at, mut cursor) = (0, 0);
        for (level, block) in (0..).zip(&self.blocks) {
            let below = x.shallow_clone();
            for layer in &block.layers {
                x = layer.forward(&x, &styles.select(1, at), noise, cursor);
                at += 1;
                cursor += layer.noise_pixels();
            }
            // This block shows at lod `here`, and fades in from `here + 1` on.
            let here = f64::from(top - level);
            if lod <= here && level < top {
                continue;
            }
            let (conv, bias) = &block.to_sample;
            let sample = conv.forward(&x, Some(bias));
            let faded = (lod - here).clamp(0.0, 1.0);
            let sample = if faded > 0.0 && level > 0 {
                let (conv, bias) = &self.blocks[level as usize - 1].to_sample;
                let before = enlarge(&conv.forward(&below, Some(bias)), 1);
                sample.lerp(&before, faded)
            } else {
                sample
            };
            return enlarge(&sample, top - level);
        }
        unreachable!("the last block always shows")
    }
}

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
        let lod = params.buffer("lod".to_owned(), &Tensor::zeros([0; 0], cpu));
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
        let [h, w] = pyramid.base();
        let hidden = channels(width, 2);
        let mut dense = |name: &str, sizes: [i64; 2], after: After| {
            Dense::new(params, name, sizes, DenseOptions { after, lr_multiplier: 1.0, bias: 0.0 })
        };
        let dense = [
            dense("b4.dense0", [width_4 * h * w, hidden], After::HeLeakyRelu),
            dense("b4.dense1", [hidden, 1], After::Linear),
        ];
        Self { entries, blocks, last, dense, group, lod }
    }

    /// The level of detail it is at; shares memory.
    pub fn lod(&self) -> Tensor {
        self.lod.shallow_clone()
    }

    /// `[N, C+M, H, W]` at full size → logits `[N]`.
    pub fn forward(&self, sample: &Tensor) -> Tensor {
        let lod = self.lod.double_value(&[]);
        let first = (lod.floor() as usize).min(self.entries.len() - 1);
        let mut sample = shrink(sample, first as u32);
        let mut x = active(&self.entries[first], &channels_last(&sample, sample.device()));
        for (i, [conv0, conv1]) in self.blocks.iter().enumerate().skip(first) {
            x = active(conv1, &blur(&active(conv0, &x)));
            let faded = (lod - i as f64).clamp(0.0, 1.0);
            if faded > 0.0 {
                sample = shrink(&sample, 1);
                x = x.lerp(&active(&self.entries[i + 1], &sample), faded);
            }
        }
        let deviation = minibatch_deviation(&x, self.group);
        let x = active(&self.last, &Tensor::cat(&[x, deviation], 1));
        let flat = x.contiguous().flatten(1, -1);
        self.dense[1].forward(&self.dense[0].forward(&flat)).reshape([-1])
    }
}

/// Real samples as a network at `lod` shows them: averaged down to its resolution, fading like it, and enlarged again
/// (`training_loop.py`, `process_reals`).
pub fn fade(sample: &Tensor, lod: f64) -> Tensor {
    let whole = lod.floor() as u32;
    let small = shrink(sample, whole);
    let part = lod - lod.floor();
    let small = if part > 0.0 { small.lerp(&enlarge(&shrink(&small, 1), 1), part) } else { small };
    enlarge(&small, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_goes_through_training_and_transition_at_every_resolution() {
        let growth = GrowthSpec { start: 8, training_kimg: 6.0, transition_kimg: 4.0 };
        // 64 pixels: 4 doublings, of which one is done at the start.
        for (images, lod) in
            [(0, 3.0), (6_000, 3.0), (8_000, 2.5), (10_000, 2.0), (27_000, 0.75), (99_000, 0.0)]
        {
            assert!((growth.lod(images, 4) - lod).abs() < 1e-9, "{images}");
        }
        let at_once = GrowthSpec { start: 64, training_kimg: 0.0, transition_kimg: 0.0 };
        assert_eq!(at_once.lod(0, 4), 0.0);
    }

    #[test]
    fn a_network_that_is_still_small_ignores_detail() {
        let x = Tensor::arange(64, (Kind::Float, Device::Cpu)).reshape([1, 1, 8, 8]);
        assert_eq!(fade(&x, 0.0), x);
        let quarter = fade(&x, 2.0);
        assert_eq!(quarter.size(), x.size());
        assert_eq!(quarter.double_value(&[0, 0, 0, 0]), quarter.double_value(&[0, 0, 3, 3]));
    }

    #[test]
    fn a_real_sample_fades_towards_its_half_resolution() {
        let x = Tensor::arange(64, (Kind::Float, Device::Cpu)).reshape([1, 1, 8, 8]);
        let row = |lod: f64| -> Vec<f64> {
            Vec::try_from(fade(&x, lod).select(2, 0).reshape([-1]).to_kind(Kind::Double)).unwrap()
        };
        // The first 2x2 pixels are 0, 1, 8, 9 with mean 4.5, the next 6.5, …; their own 2x2 means are 13.5 and 17.5.
        assert_eq!(row(0.25), [1.125, 1.875, 3.125, 3.875, 5.125, 5.875, 7.125, 7.875]);
        assert_eq!(row(1.0), [4.5, 4.5, 6.5, 6.5, 8.5, 8.5, 10.5, 10.5]);
        assert_eq!(row(1.5), [9.0, 9.0, 10.0, 10.0, 13.0, 13.0, 14.0, 14.0]);
    }
}
