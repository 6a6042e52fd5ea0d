//! A U-Net's weights as a file.

use super::{Given, SegmentSpec, Segmenter};
use anyhow::{Context as _, Result};
use std::path::Path;
use tch::{Device, Tensor};
use vesalius_data::files::publish::write_with;

/// Writes the weights as safetensors.
///
/// # Errors
/// When the file cannot be written; nothing is left then.
pub fn save(segmenter: &Segmenter, path: &Path) -> Result<()> {
    write_with(path, |temporary| write(segmenter, temporary))
}

/// The same without the promise that the file appears whole: for whoever gives that.
///
/// # Errors
/// When the file cannot be written.
pub fn write(segmenter: &Segmenter, path: &Path) -> Result<()> {
    let dense: Vec<(String, Tensor)> = segmenter
        .params
        .all()
        .into_iter()
        .map(|(name, tensor)| (name, tensor.detach().to_device(Device::Cpu).contiguous()))
        .collect();
    Ok(Tensor::write_safetensors(&dense, path)?)
}

/// Reads weights that [`save`] wrote.
///
/// # Errors
/// When the file is missing, damaged or of another network.
pub fn load(
    spec: &SegmentSpec,
    given: impl Into<Given>,
    classes: usize,
    path: &Path,
    device: Device,
) -> Result<Segmenter> {
    let segmenter = Segmenter::new(spec, given, classes, device)?;
    vesalius_data::files::read::check(path)
        .with_context(|| format!("{}: cannot be read", path.display()))?;
    let tensors = Tensor::read_safetensors(path)
        .with_context(|| format!("{}: not a safetensors file", path.display()))?;
    segmenter
        .params
        .load(&tensors.into_iter().collect())
        .with_context(|| format!("{}", path.display()))?;
    segmenter.params.set_trainable(false);
    Ok(segmenter)
}
