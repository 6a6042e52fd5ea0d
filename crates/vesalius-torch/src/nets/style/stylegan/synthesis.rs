//! The generator behind its mapping.

use super::growth::enlarge;
use super::layer::{Conv, Layer, Scale, bias, channels};
use crate::layers::conv::channels_last;
use crate::layers::equalised::After;
use crate::layers::modulated::Noise;
use crate::layers::params::Params;
use crate::nets::pyramid::Pyramid;
use crate::nets::style::stylegan2::WidthSpec;
use crate::precision::Arithmetic;
use tch::{Device, Kind, Tensor};

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
        let [h, w] = pyramid.base().in_plane();
        let lod = params.host_buffer("synthesis.lod".to_owned(), &Tensor::zeros([0; 0], cpu));
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

    /// Styles `[N, L, S]` → sample `[N, C+M, H, W]` at full size, unbounded; `arithmetic`: of its activations.
    pub fn forward(&self, styles: &Tensor, noise: Noise, arithmetic: Arithmetic) -> Tensor {
        let n = styles.size()[0];
        let lod = self.lod.double_value(&[]);
        let top = self.blocks.len() as u32 - 1;
        let constant = self.constant.unsqueeze(0).expand([n, -1, -1, -1], false);
        let mut x = arithmetic.enter(&channels_last(&constant, constant.device()));
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
            // What shows is f32.
            let shown = |x: &Tensor| x.to_kind(styles.kind());
            let sample = conv.forward(&shown(&x), Some(bias));
            let faded = (lod - here).clamp(0.0, 1.0);
            let sample = if faded > 0.0 && level > 0 {
                let (conv, bias) = &self.blocks[level as usize - 1].to_sample;
                let before = enlarge(&conv.forward(&shown(&below), Some(bias)), 1);
                sample.lerp(&before, faded)
            } else {
                sample
            };
            return enlarge(&sample, top - level);
        }
        unreachable!("the last block always shows")
    }
}
