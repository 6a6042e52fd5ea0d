//! Extractors from outside: a TorchScript module, named by its digest.

use super::Extractor;
use super::inception::Dialect;
use anyhow::{Context, Result, bail};
use std::path::Path;
use tch::{CModule, Device, Tensor};
use vesalius_study::digest;

/// A TorchScript module that maps `[N, 3, 299, 299]`, treated as the dialect says, to `[N, D]`.
#[derive(Debug)]
pub struct ScriptExtractor {
    module: CModule,
    dialect: Dialect,
    device: Device,
    name: String,
}

impl ScriptExtractor {
    /// Loads a module.
    ///
    /// # Errors
    /// When the file is missing or not TorchScript.
    pub fn load(path: &Path, dialect: Dialect, device: Device) -> Result<Self> {
        let digest =
            digest::of_file(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let mut module = CModule::load_on_device(path, device)
            .with_context(|| format!("{}: not a TorchScript module", path.display()))?;
        module.set_eval();
        Ok(Self { module, dialect, device, name: format!("torchscript@{}", &digest[..12]) })
    }
}

impl Extractor for ScriptExtractor {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn device(&self) -> Device {
        self.device
    }

    fn features(&self, image: &Tensor) -> Result<Tensor> {
        let features = tch::no_grad(|| {
            self.module
                .forward_ts(&[self.dialect.input(image)?])
                .context("the TorchScript module failed")
        })?;
        if features.dim() != 2 || features.size()[0] != image.size()[0] {
            bail!("{}: output of shape {:?}, expected [N, D]", self.name, features.size());
        }
        Ok(features)
    }
}
