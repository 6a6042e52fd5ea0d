//! What a family's networks are made for.

use crate::layers::axes::Axes;
use crate::layers::params::Params;
use crate::nets::pyramid::{Descent, Pyramid};
use crate::pairs::joint::{Joint, MaskEncoding, Pictures};
use crate::precision::Arithmetic;
use anyhow::Result;
use tch::Device;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Manifest, SliceShape};

/// The pairs that networks make or see, and where they are computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Domain {
    /// Of a slice or volume: channels, size, type of its pixels.
    pub shape: SliceShape,
    /// Sides of a voxel, mm (planes, rows, columns): what is near along which axis. Of slices it means nothing.
    pub spacing_mm: [f64; 3],
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
        Self { sequences, ..Self::of_manifest(pack.manifest(), device, arithmetic) }
    }

    /// The pairs of a pack of which the manifest is known, for networks that make some.
    pub fn of_manifest(manifest: &Manifest, device: Device, arithmetic: Arithmetic) -> Self {
        let (shape, classes) = (manifest.slice_shape, manifest.classes.len());
        let spacing_mm = manifest.spacing_mm();
        Self { shape, spacing_mm, sequences: false, classes, device, arithmetic }
    }

    /// Pairs of a shape of which nothing else is known.
    pub fn of_shape(
        shape: SliceShape,
        classes: usize,
        device: Device,
        arithmetic: Arithmetic,
    ) -> Self {
        Self { shape, spacing_mm: [1.0; 3], sequences: false, classes, device, arithmetic }
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

    /// Sides of a slice or volume.
    pub fn size(self) -> Axes {
        let SliceShape { planes, height, width, .. } = self.shape;
        let [planes, height, width] = [planes, height, width].map(|side| side as i64);
        if self.shape.is_volume() {
            Axes::volume([planes, height, width])
        } else {
            Axes::picture([height, width])
        }
    }

    /// Halvings from that size on.
    pub fn descent(self) -> Descent {
        if self.shape.is_volume() {
            Descent::of_volumes(self.shape.planes as i64, self.spacing_mm)
        } else {
            Descent::PICTURES
        }
    }

    /// The resolutions from a base up to a slice's size.
    ///
    /// # Errors
    /// When no base leads to this size.
    pub fn pyramid(self) -> Result<Pyramid> {
        let size = self.size();
        if let [planes, height, width] = *size.as_slice() {
            return Pyramid::of_volume([planes, height, width], self.spacing_mm);
        }
        let [height, width] = size.in_plane();
        Pyramid::new(height, width)
    }
}
