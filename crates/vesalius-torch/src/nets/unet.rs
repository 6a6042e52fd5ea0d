//! U-Net (Ronneberger, Fischer, Brox 2015, arXiv:1505.04597).
//!
//! Deviations: convolutions are padded, so that the output has the input's size; normalisation between convolution
//! and ReLU is a setting (batch by default); the upsampling is nearest-neighbour followed by a 3x3 convolution.

use crate::layers::activation::Activation;
use crate::layers::conv::{Conv, ConvOptions, Geometry, NEAREST_CONV3};
use crate::layers::init::{InitKind, InitSpec};
use crate::layers::norm::{Norm, NormKind};
use crate::layers::params::Params;
use crate::precision::Arithmetic;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Settings of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnetSpec {
    /// Filters at full resolution; doubled at each level down.
    pub filters: i64,
    /// Number of halvings.
    pub depth: u32,
    /// Between convolution and activation.
    pub norm: NormKind,
}

impl Default for UnetSpec {
    fn default() -> Self {
        Self { filters: 16, depth: 4, norm: NormKind::Batch }
    }
}

#[derive(Debug)]
struct Block {
    convs: [(Conv, Norm); 2],
}

const INIT: InitSpec = InitSpec { kind: InitKind::Kaiming, gain: 1.0 };
const CONV3: Geometry = Geometry::square(3, 1, 1);

fn conv(
    params: &mut Params,
    name: &str,
    channels: [i64; 2],
    geometry: Geometry,
    norm: NormKind,
) -> (Conv, Norm) {
    let options = ConvOptions { bias: norm == NormKind::None, spectral_norm: false.into() };
    let conv = Conv::new(params, &format!("{name}.conv"), channels, geometry, &INIT, options);
    (conv, Norm::new(params, &format!("{name}.norm"), norm, channels[1]))
}

fn apply((conv, norm): &(Conv, Norm), x: &Tensor, train: bool) -> Tensor {
    Activation::Relu.apply(&norm.forward(&conv.forward(x, train), train))
}

impl Block {
    fn new(params: &mut Params, name: &str, channels: [i64; 2], norm: NormKind) -> Self {
        let first = conv(params, &format!("{name}.0"), channels, CONV3, norm);
        let second = conv(params, &format!("{name}.1"), [channels[1]; 2], CONV3, norm);
        Self { convs: [first, second] }
    }

    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        self.convs.iter().fold(x.shallow_clone(), |x, conv| apply(conv, &x, train))
    }
}

/// Image → class scores.
#[derive(Debug)]
pub struct Unet {
    down: Vec<Block>,
    bottleneck: Block,
    up: Vec<((Conv, Norm), Block)>,
    last: Conv,
    /// Of the activations.
    compute: Arithmetic,
}

impl Unet {
    /// Registers its parameters as `down.<i>`, `bottleneck`, `up.<i>`, `last`.
    ///
    /// # Errors
    /// When a side cannot be halved `depth` times.
    pub fn new(
        params: &mut Params,
        spec: &UnetSpec,
        channels: i64,
        classes: i64,
        size: [i64; 2],
    ) -> Result<Self> {
        let step = 1_i64 << spec.depth;
        if size.iter().any(|side| side % step != 0) {
            bail!(
                "U-Net of depth {} on {}x{} pixels: expected both sides divisible by {step}",
                spec.depth,
                size[0],
                size[1]
            );
        }
        let mut down = Vec::new();
        let mut inputs = channels;
        for level in 0..spec.depth {
            let outputs = spec.filters << level;
            down.push(Block::new(params, &format!("down.{level}"), [inputs, outputs], spec.norm));
            inputs = outputs;
        }
        let widest = spec.filters << spec.depth;
        let bottleneck = Block::new(params, "bottleneck", [inputs, widest], spec.norm);
        let mut up = Vec::new();
        for level in (0..spec.depth).rev() {
            let outputs = spec.filters << level;
            let name = format!("up.{level}");
            let channels = [2 * outputs, outputs];
            let upsample = conv(params, &name, channels, NEAREST_CONV3, spec.norm);
            up.push((upsample, Block::new(params, &format!("{name}.block"), channels, spec.norm)));
        }
        let head = Geometry::square(1, 1, 0);
        let options = ConvOptions { bias: true, spectral_norm: false.into() };
        let last = Conv::new(params, "last", [spec.filters, classes], head, &INIT, options);
        Ok(Self { down, bottleneck, up, last, compute: params.arithmetic() })
    }

    /// `[N, C, H, W]` in [-1, 1] → logits `[N, K, H, W]`; the last layer is f32.
    pub fn forward(&self, image: &Tensor, train: bool) -> Tensor {
        let (skips, mut x) = self.encode(image, train);
        for ((upsample, block), skip) in self.up.iter().zip(skips.iter().rev()) {
            x = Tensor::cat(&[&apply(upsample, &x, train), skip], 1);
            x = block.forward(&x, train);
        }
        self.last.forward(&x.to_kind(image.kind()), train)
    }

    /// `[N, C, H, W]` in [-1, 1] → mean over space of the bottleneck's activations `[N, D]`, D = filters · 2^depth.
    pub fn features(&self, image: &Tensor) -> Tensor {
        self.encode(image, false).1.mean_dim(&[2_i64, 3][..], false, Kind::Float)
    }

    fn encode(&self, image: &Tensor, train: bool) -> (Vec<Tensor>, Tensor) {
        let mut x = self.compute.enter(image);
        let mut skips = Vec::with_capacity(self.down.len());
        for block in &self.down {
            let skip = block.forward(&x, train);
            x = skip.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false); // [N, ·, H/2, W/2]
            skips.push(skip);
        }
        (skips, self.bottleneck.forward(&x, train))
    }
}
