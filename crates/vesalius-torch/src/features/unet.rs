//! The default extractor, which needs no download: the bottleneck of a U-Net trained on the real training set.
//!
//! Its weights are a function of (pack, settings) and are kept in the user's cache under a key of both, so that every
//! run on a pack judges with the same network.

use super::Extractor;
use crate::segment::{self, Report, SegmentSpec, Segmenter};
use anyhow::{Context, Result};
use std::path::PathBuf;
use tch::{Device, Tensor};
use vesalius_data::files::cache;
use vesalius_data::files::digest;
use vesalius_data::files::publish::create_folders;
use vesalius_data::pack::Pack;

/// The extractor.
#[derive(Debug)]
pub struct UnetExtractor {
    segmenter: Segmenter,
    device: Device,
    name: String,
}

/// How the extractor is trained: as the real baseline, for a shorter time.
pub fn default_spec() -> SegmentSpec {
    SegmentSpec { steps: 1000, ..SegmentSpec::default() }
}

/// `$VESALIUS_CACHE`, else `$XDG_CACHE_HOME/vesalius`, else `~/.cache/vesalius`.
///
/// # Errors
/// When none of the variables is set.
pub fn cache_dir() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("VESALIUS_CACHE") {
        return Ok(path.into());
    }
    if let Some(path) = variable("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(path).join("vesalius"));
    }
    let home = variable("HOME").context("HOME is not set; expected it, or VESALIUS_CACHE")?;
    Ok(PathBuf::from(home).join(".cache/vesalius"))
}

impl UnetExtractor {
    /// Takes the network of this pack from the cache, or trains it on the pack's training slices and puts it there.
    ///
    /// # Errors
    /// When training fails, or the cache cannot be written.
    pub fn of_pack(
        pack: &Pack,
        spec: &SegmentSpec,
        device: Device,
        stop: &dyn Fn() -> bool,
        report: Report,
    ) -> Result<Self> {
        let key = digest::of_bytes(
            format!("unet/1/{}/{}", pack.digest(), serde_json::to_string(spec)?).as_bytes(),
        );
        let folder = cache_dir()?;
        let stem = format!("unet-{}", &key[..16]);
        let path = if let Some(path) = cache::find(&folder, &stem, "safetensors")? {
            path
        } else {
            // Before minutes of training, not after.
            create_folders(&folder).context("the cache")?;
            let trained = segment::train(spec, &[pack], device, stop, report)?;
            cache::keep(&folder, &stem, "safetensors", |path| segment::write(&trained, path))?
        };
        let segmenter = segment::load(spec, pack.slice_shape(), pack.classes(), &path, device)?;
        let weights = digest::of_file(&path)?;
        Ok(Self { segmenter, device, name: format!("unet@{}", &weights[..12]) })
    }

    /// The whole network, which outlines what the real training set outlines.
    pub fn segmenter(&self) -> &Segmenter {
        &self.segmenter
    }
}

impl Extractor for UnetExtractor {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn device(&self) -> Device {
        self.device
    }

    fn features(&self, image: &Tensor) -> Result<Tensor> {
        Ok(self.segmenter.features(image))
    }
}
