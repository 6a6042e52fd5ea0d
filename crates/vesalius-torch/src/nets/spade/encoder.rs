//! SPADE's style encoder: NVlabs/SPADE, `models/networks/encoder.py`.
//!
//! Deviation: the reference's works from 256 pixels on only; below that ours resizes to 128 instead of 256 pixels, so that
//! its five halvings arrive at the 4x4 its last layers expect. Planes of a volume keep their number.

use super::patch::normal;
use super::{INIT, Linear, SLOPE, spectral};
use crate::layers::activation::leaky_relu;
use crate::layers::axes::Axes;
use crate::layers::conv::{Conv, ConvOptions, Geometry};
use crate::layers::params::Params;
use crate::nets::pyramid::{Descent, Level};
use crate::precision::Arithmetic;
use tch::Tensor;

/// Image → mean and log variance of its style.
#[derive(Debug)]
pub struct Encoder {
    layers: Vec<Conv>,
    mean: Linear,
    log_var: Linear,
    /// What it brings images to.
    size: Axes,
    /// Of the activations.
    compute: Arithmetic,
}

/// Side of the plane that the last convolution leaves.
const BASE: i64 = 4;

impl Encoder {
    /// Registered as `encoder.layer<i>.0`, `encoder.fc_mu`, `encoder.fc_var`, for images of `size`, from which `descent`
    /// goes.
    pub fn new(
        params: &mut Params,
        filters: i64,
        channels: i64,
        style: i64,
        size: Axes,
        descent: Descent,
    ) -> Self {
        let [h, w] = size.in_plane();
        let count = if h.min(w) >= 256 { 6 } else { 5 };
        let mut inputs = channels;
        let mut left = size;
        let layers = (1..=count)
            .zip(descent.halvings())
            .map(|(i, level)| {
                let outputs = filters * [1, 2, 4, 8, 8, 8][i - 1];
                let Level { factor, kernel } = level;
                left = left.zip(factor, |side, factor| (side + factor - 1) / factor);
                let padding = kernel.map(|kernel| kernel / 2);
                let geometry = Geometry::Conv { kernel, stride: factor, padding };
                let options = ConvOptions { bias: false, spectral_norm: spectral(true) };
                let name = format!("encoder.layer{i}.0");
                let conv = Conv::new(params, &name, [inputs, outputs], geometry, &INIT, options);
                inputs = outputs;
                conv
            })
            .collect();
        let side = BASE << count;
        let planes = if size.is_volume() { left.as_slice()[0] } else { 1 };
        let flat = inputs * BASE * BASE * planes;
        Self {
            layers,
            mean: Linear::new(params, "encoder.fc_mu", [flat, style]),
            log_var: Linear::new(params, "encoder.fc_var", [flat, style]),
            size: size.with_plane([side, side]),
            compute: params.arithmetic(),
        }
    }

    /// `[N, C, (D,) H, W]` → mean and log variance `[N, Z]`.
    pub fn forward(&self, image: &Tensor, train: bool) -> (Tensor, Tensor) {
        let size = self.size.as_slice();
        let mut x = if image.size()[2..] == *size {
            image.shallow_clone()
        } else if self.size.is_volume() {
            image.upsample_trilinear3d(size, false, None, None, None)
        } else {
            image.upsample_bilinear2d(size, false, None, None)
        };
        x = self.compute.enter(&x);
        for (i, conv) in self.layers.iter().enumerate() {
            if i > 0 {
                x = leaky_relu(&x, SLOPE);
            }
            x = normal(&conv.forward(&x, train)); // [N, ·, (D or D/2,) H/2, W/2]
        }
        let flat = leaky_relu(&x.to_kind(image.kind()), SLOPE).contiguous().flatten(1, -1);
        (self.mean.forward(&flat), self.log_var.forward(&flat))
    }
}
