//! The input treatments of FID's packages: what an image goes through on its way into the network.

use anyhow::{Result, bail};
use tch::{Kind, Tensor};

/// Whose resizing and scaling an image gets on its way into the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// clean-fid (Parmar et al. 2021, arXiv:2104.11222): PIL's antialiased bicubic per channel on floats, clipped to
    /// 0…255, then (x − 128) / 128.
    CleanFid,
    /// pytorch-fid: bilinear without antialiasing on x / 255, then 2x − 1.
    PytorchFid,
    /// torch-fidelity: TensorFlow 1's bilinear (no half-pixel shift), then (x − 128) / 128.
    TorchFidelity,
}

/// Side of the network's input, pixels.
const SIDE: i64 = 299;

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CleanFid, Self::PytorchFid, Self::TorchFidelity];

    /// The package.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CleanFid => "clean-fid",
            Self::PytorchFid => "pytorch-fid",
            Self::TorchFidelity => "torch-fidelity",
        }
    }

    /// In words, for protocols.
    pub fn describe(self) -> String {
        format!("{} input treatment", self.name())
    }

    /// `[N, C, H, W]` in [-1, 1], C 1 or 3 → `[N, 3, 299, 299]` as the network wants it.
    ///
    /// # Errors
    /// When C is neither 1 nor 3.
    pub fn input(self, image: &Tensor) -> Result<Tensor> {
        let channels = image.size()[1];
        if ![1, 3].contains(&channels) {
            bail!("images of {channels} channels, expected 1 or 3");
        }
        // As 0…255, the form all three packages start from.
        let bytes = ((image + 1.0) * 127.5).round().clamp(0.0, 255.0);
        let treated = match self {
            Self::CleanFid => {
                let resized = bytes.internal_upsample_bicubic2d_aa([SIDE, SIDE], false, None, None);
                (resized.clamp(0.0, 255.0) - 128.0) / 128.0
            }
            Self::PytorchFid => {
                let resized = (bytes / 255.0).upsample_bilinear2d([SIDE, SIDE], false, None, None);
                resized * 2.0 - 1.0
            }
            Self::TorchFidelity => (tensorflow1_bilinear(&bytes) - 128.0) / 128.0,
        };
        Ok(treated.expand([-1, 3, SIDE, SIDE], false))
    }
}

/// TensorFlow 1's `resize_bilinear(align_corners=False)`: output i samples input i · in / out, without the half-pixel
/// shift that everybody makes since.
fn tensorflow1_bilinear(x: &Tensor) -> Tensor {
    let along = |x: &Tensor, axis: i64| {
        let side = x.size()[axis as usize];
        let options = (Kind::Float, x.device());
        let at = Tensor::arange(SIDE, options) * (side as f64 / SIDE as f64);
        let low = at.floor();
        let mut shape = [1_i64; 4];
        shape[axis as usize] = SIDE;
        let weight = (&at - &low).reshape(shape);
        let low = low.to_kind(Kind::Int64);
        let high = (&low + 1).clamp_max(side - 1);
        let (a, b) = (x.index_select(axis, &low), x.index_select(axis, &high));
        &a + (&b - &a) * weight
    };
    along(&along(x, 2), 3)
}
