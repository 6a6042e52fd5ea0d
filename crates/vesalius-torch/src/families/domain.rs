//! What a family's networks are made for.

use crate::layers::params::Params;
use crate::nets::pyramid::Pyramid;
use crate::pairs::joint::{Joint, MaskEncoding};
use crate::precision::Arithmetic;
use anyhow::Result;
use tch::Device;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::SliceShape;

/// The pairs that networks make or see, and where they are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    /// Of a slice: channels, size, type of its pixels.
    pub shape: SliceShape,
    /// K, the background among them.
    pub classes: usize,
    /// Where the networks live.
    pub device: Device,
    /// In what they compute.
    pub arithmetic: Arithmetic,
}

impl Domain {
    /// The pairs of a pack.
    pub fn of(pack: &Pack, device: Device, arithmetic: Arithmetic) -> Self {
        Self { shape: pack.slice_shape(), classes: pack.classes(), device, arithmetic }
    }

    /// No parameters yet, of networks for these pairs.
    pub fn params(self) -> Params {
        Params::new(self.device).computing(self.arithmetic)
    }

    /// Image and mask as one sample.
    pub fn joint(self, encoding: MaskEncoding) -> Joint {
        Joint::new(self.shape, self.classes, encoding)
    }

    /// The resolutions from a base up to a slice's size.
    ///
    /// # Errors
    /// When no base leads to this size.
    pub fn pyramid(self) -> Result<Pyramid> {
        Pyramid::new(self.shape.height as i64, self.shape.width as i64)
    }
}
