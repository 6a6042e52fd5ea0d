//! AlexNet's or VGG16's convolutions, as LPIPS uses them, as an extractor: mean activation of the last of the five
//! layers that LPIPS compares.

use super::Extractor;
use crate::nets::frozen::lpips::{Backbone, Lpips};
use anyhow::Result;
use std::path::Path;
use tch::{Device, Tensor};
use vesalius_data::files::digest;

/// The extractor.
#[derive(Debug)]
pub struct LpipsExtractor {
    network: Lpips,
    device: Device,
    name: String,
}

impl LpipsExtractor {
    /// Loads LPIPS weights (strictly, see [`Lpips::load`]).
    ///
    /// # Errors
    /// When the file is missing or not exactly that network's.
    pub fn load(backbone: Backbone, weights: &Path, device: Device) -> Result<Self> {
        let network = Lpips::load(backbone, weights, device)?;
        let digest = digest::of_file(weights)?;
        Ok(Self { network, device, name: format!("{}@{}", backbone.name(), &digest[..12]) })
    }
}

impl Extractor for LpipsExtractor {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn device(&self) -> Device {
        self.device
    }

    fn features(&self, image: &Tensor) -> Result<Tensor> {
        tch::no_grad(|| self.network.features(image))
    }
}
