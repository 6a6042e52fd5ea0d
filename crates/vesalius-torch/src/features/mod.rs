//! Features: what a network sees in an image, the currency of every fidelity metric.

pub mod file;
pub mod inception;
pub mod script;
pub mod unet;

use crate::batch;
use anyhow::Result;
use tch::{Device, Kind, Tensor};
use vesalius_study::data::pack::Pack;

/// A network that turns images into vectors.
pub trait Extractor {
    /// Name with the weights' digest: `unet@1a2b3c4d5e6f`. Scores carry it.
    fn name(&self) -> String;

    /// Device of the weights.
    fn device(&self) -> Device;

    /// `[N, C, H, W]` in [-1, 1] → `[N, D]`.
    ///
    /// # Errors
    /// When the images do not fit the network.
    fn features(&self, image: &Tensor) -> Result<Tensor>;
}

/// Features of slices of a pack: `[indices, D]`, f32 on the CPU. `progress` hears how many are done.
///
/// # Errors
/// When a slice is damaged or does not fit the extractor.
pub fn of_slices(
    extractor: &dyn Extractor,
    pack: &Pack,
    indices: &[usize],
    progress: &mut dyn FnMut(usize),
) -> Result<Tensor> {
    const BATCH: usize = 64;
    let mut parts = Vec::new();
    let mut done = 0;
    for chunk in indices.chunks(BATCH) {
        let image = batch::load(pack, chunk, extractor.device())?.image;
        let features = extractor.features(&image)?;
        parts.push(features.to_device(Device::Cpu).to_kind(Kind::Float));
        done += chunk.len();
        progress(done);
    }
    Ok(Tensor::cat(&parts, 0))
}
