//! FID's extractor, with the input treatment of the package whose numbers shall be matched.

pub use super::dialect::Dialect;

use super::extractor::Extractor;
use crate::nets::frozen::inception::FidInception;
use anyhow::Result;
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Tensor};
use vesalius_data::files::digest;

/// The extractor.
#[derive(Debug, Clone)]
pub struct InceptionExtractor {
    /// Shared by the dialects.
    network: Rc<FidInception>,
    dialect: Dialect,
    device: Device,
    name: String,
    original: bool,
}

/// First digits of the SHA-256 of `pt_inception-2015-12-05-6726825d.pth`, FID's weights as pytorch-fid publishes them.
const FIDS_WEIGHTS: &str = "6726825d";

impl InceptionExtractor {
    /// Loads FID's weights (strictly, see [`FidInception::load`]).
    ///
    /// # Errors
    /// When the file is missing or not exactly that network's.
    pub fn load(weights: &Path, dialect: Dialect, device: Device) -> Result<Self> {
        let network = Rc::new(FidInception::load(weights, device)?);
        let digest = digest::of_file(weights)?;
        let original = super::file::metadata(weights)?
            .get("source_sha256")
            .is_some_and(|source| source.starts_with(FIDS_WEIGHTS));
        let name = format!("inception@{}", &digest[..12]);
        Ok(Self { network, dialect, device, name, original })
    }
}

impl Extractor for InceptionExtractor {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn device(&self) -> Device {
        self.device
    }

    fn features(&self, image: &Tensor) -> Result<Tensor> {
        tch::no_grad(|| Ok(self.network.forward(&self.dialect.input(image)?)))
    }

    fn logits(&self, features: &Tensor) -> Option<Tensor> {
        Some(tch::no_grad(|| self.network.logits(features)))
    }

    fn is_fids(&self) -> bool {
        self.original
    }

    fn in_dialect(&self, dialect: Dialect) -> Option<Box<dyn Extractor>> {
        Some(Box::new(Self { dialect, ..self.clone() }))
    }
}
