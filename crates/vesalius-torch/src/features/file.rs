//! Feature files: a matrix `[N, D]` that Vesalius or anybody else computed, as `.npy` or `.safetensors`.

use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::path::Path;
use tch::Tensor;

/// Whether a path names a feature file rather than a pack.
pub fn is_feature_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npy" || extension == "safetensors")
}

/// Reads `[N, D]` in the file's own precision. A safetensors file holds one matrix, or one named `features`.
///
/// # Errors
/// When the file is missing, damaged, or holds anything but one matrix of floats.
pub fn read(path: &Path) -> Result<Tensor> {
    if !path.is_file() {
        bail!("{}: no such file; expected a pack, .npy or .safetensors", path.display());
    }
    let tensor = if path.extension().is_some_and(|extension| extension == "npy") {
        Tensor::read_npy(path).with_context(|| format!("{}: not a NumPy array", path.display()))?
    } else {
        let mut tensors = Tensor::read_safetensors(path)
            .with_context(|| format!("{}: not a safetensors file", path.display()))?;
        let at = match tensors.len() {
            1 => 0,
            count => {
                tensors.iter().position(|(name, _)| name == "features").with_context(|| {
                    format!("{}: {count} tensors, expected one named `features`", path.display())
                })?
            }
        };
        tensors.swap_remove(at).1
    };
    if tensor.dim() != 2 || !tensor.is_floating_point() {
        bail!(
            "{}: {:?} of shape {:?}, expected a matrix of floats [samples, dimensions]",
            path.display(),
            tensor.kind(),
            tensor.size()
        );
    }
    Ok(tensor)
}

#[derive(serde::Deserialize)]
struct Header {
    #[serde(default, rename = "__metadata__")]
    metadata: HashMap<String, String>,
}

/// The words that the writer of a safetensors file left in it: where weights came from.
///
/// # Errors
/// When the file cannot be read or is not a safetensors file.
pub fn metadata(path: &Path) -> Result<HashMap<String, String>> {
    use std::io::Read as _;
    const LONGEST: u64 = 100 << 20;
    let refuse = || format!("{}: not a safetensors file", path.display());
    let mut file =
        std::fs::File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).with_context(refuse)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        bail!("{}: a header of {length} bytes, expected a safetensors file", path.display());
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    let header: Header = serde_json::from_slice(&header).with_context(refuse)?;
    Ok(header.metadata)
}

/// Features `[N, D]` as the bytes of a safetensors file.
///
/// # Errors
/// When LibTorch's file cannot be written to the temporary folder.
pub fn to_bytes(features: &Tensor) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let path = folder.path().join("features.safetensors");
    Tensor::write_safetensors(&[("features", features)], &path)?;
    Ok(std::fs::read(&path)?)
}

/// The tensor `logits` `[N, K]` of a safetensors file, where there is one beside `features`.
///
/// # Errors
/// When the file cannot be read.
pub fn logits(path: &Path) -> Result<Option<Tensor>> {
    if path.extension().is_some_and(|extension| extension == "npy") {
        return Ok(None);
    }
    let tensors = Tensor::read_safetensors(path)
        .with_context(|| format!("{}: not a safetensors file", path.display()))?;
    Ok(tensors.into_iter().find(|(name, _)| name == "logits").map(|(_, tensor)| tensor))
}
