//! What a family's networks are made for.

use crate::layers::params::Params;
use crate::nets::pyramid::Pyramid;
use crate::pairs::joint::{Joint, MaskEncoding, Pictures};
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
    /// Whether the channels of a slice are sequences, each with a name.
    pub sequences: bool,
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
        let sequences = !pack.manifest().sequences.is_empty();
        let (shape, classes) = (pack.slice_shape(), pack.classes());
        Self { shape, sequences, classes, device, arithmetic }
    }

    /// No parameters yet, of networks for these pairs.
    pub fn params(self) -> Params {
        Params::new(self.device).computing(self.arithmetic)
    }

    /// Image and mask as one sample.
    pub fn joint(self, encoding: MaskEncoding) -> Joint {
        Joint::new(self.pictures(), self.classes, encoding)
    }

    /// What the channels of a slice are.
    pub fn pictures(self) -> Pictures {
        Pictures::new(self.shape.channels, self.sequences)
    }

    /// The resolutions from a base up to a slice's size.
    ///
    /// # Errors
    /// When no base leads to this size.
    pub fn pyramid(self) -> Result<Pyramid> {
        Pyramid::new(self.shape.height as i64, self.shape.width as i64)
    }
}
