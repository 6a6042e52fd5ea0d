//! SPADE's generator: from a style, or the mask shrunk to a few pixels, up to the image.

use super::{Depth, GeneratorSpec, Linear, SLOPE, SpadeBlock, conv};
use crate::layers::activation::leaky_relu;
use crate::layers::axes::Axes;
use crate::layers::conv::{Conv, channels_last};
use crate::layers::params::Params;
use crate::nets::pyramid::Pyramid;
use crate::precision::Arithmetic;
use tch::Tensor;

/// Mask (and style) → image.
#[derive(Debug)]
pub struct Generator {
    start: Start,
    blocks: Vec<(bool, SpadeBlock)>,
    last: Conv,
    pyramid: Pyramid,
    channels: i64,
    /// Of the activations.
    compute: Arithmetic,
}

/// What the first block gets.
#[derive(Debug)]
enum Start {
    /// The style, through a fully connected layer.
    Style(Linear),
    /// The mask, shrunk to the base.
    Mask(Conv),
}

impl Generator {
    /// Registers the reference's names. `pyramid`: from [`Depth::pyramid`].
    pub fn new(
        params: &mut Params,
        spec: &GeneratorSpec,
        classes: i64,
        image_channels: i64,
        pyramid: Pyramid,
    ) -> Self {
        let f = spec.filters;
        let mask = [classes, spec.hidden];
        let base = pyramid.base();
        let start = if spec.style > 0 {
            Start::Style(Linear::new(params, "fc", [spec.style, 16 * f * base.product()]))
        } else {
            Start::Mask(conv(params, "fc", [classes, 16 * f], base.map(|_| 3), false))
        };
        // Name, channels, and whether resolution is doubled in front of it.
        let more = spec.depth != Depth::Normal;
        let mut plan = vec![
            ("head_0", [16 * f, 16 * f], false),
            ("G_middle_0", [16 * f, 16 * f], true),
            ("G_middle_1", [16 * f, 16 * f], more),
            ("up_0", [16 * f, 8 * f], true),
            ("up_1", [8 * f, 4 * f], true),
            ("up_2", [4 * f, 2 * f], true),
            ("up_3", [2 * f, f], true),
        ];
        let mut last = f;
        if spec.depth == Depth::Most {
            last = (f / 2).max(1);
            plan.push(("up_4", [f, last], true));
        }
        let mut above = pyramid.halvings(); // halvings of the block's resolution
        let blocks = plan
            .into_iter()
            .map(|(name, channels, up)| {
                above -= u32::from(up);
                let kernel = kernel(&pyramid, above);
                (up, SpadeBlock::new(params, name, channels, mask, kernel))
            })
            .collect();
        let last = conv(params, "conv_img", [last, image_channels], kernel(&pyramid, 0), false);
        Self { start, blocks, last, pyramid, channels: 16 * f, compute: params.arithmetic() }
    }

    /// `mask` `[N, K, (D,) H, W]` of 0 and 1, `style` `[N, Z]` (unused without a VAE) → image `[N, C, (D,) H, W]` in
    /// [-1, 1].
    pub fn forward(&self, mask: &Tensor, style: &Tensor, train: bool) -> Tensor {
        let n = mask.size()[0];
        let mut size = self.pyramid.base();
        let shrink = |size: Axes| {
            let small = nearest(mask, size);
            self.compute.enter(&channels_last(&small, small.device()))
        };
        let mut small = shrink(size);
        let mut x = match &self.start {
            Start::Style(fc) => {
                let x = fc.forward(style).reshape([&[n, self.channels], size.as_slice()].concat());
                self.compute.enter(&channels_last(&x, x.device()))
            }
            Start::Mask(conv) => conv.forward(&small, train),
        };
        let mut level = self.pyramid.halvings();
        for (up, block) in &self.blocks {
            if *up {
                size = size.zip(self.pyramid.level(level).factor, |side, factor| side * factor);
                level -= 1;
                x = nearest(&x, size);
                small = shrink(size);
            }
            x = block.forward(&x, &small, train);
        }
        self.last.forward(&leaky_relu(&x, SLOPE).to_kind(mask.kind()), train).tanh()
    }
}

/// Of convolutions at a resolution that was halved `times` from full size; all axes are looked along at the base.
fn kernel(pyramid: &Pyramid, times: u32) -> Axes {
    if times == pyramid.halvings() {
        return pyramid.base().map(|_| 3);
    }
    pyramid.level(times + 1).kernel
}

/// The nearest value at each pixel of another size.
fn nearest(x: &Tensor, size: Axes) -> Tensor {
    if size.is_volume() {
        x.upsample_nearest3d(size.as_slice(), None, None, None)
    } else {
        x.upsample_nearest2d(size.as_slice(), None, None)
    }
}
