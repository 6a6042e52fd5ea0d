//! Feature files: a matrix `[N, D]` that Vesalius or anybody else computed, as `.npy` or `.safetensors`.

use anyhow::{Context, Result, bail};
use std::path::Path;
use tch::{Kind, Tensor};

/// Whether a path names a feature file rather than a pack.
pub fn is_feature_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npy" || extension == "safetensors")
}

/// Reads `[N, D]`, f64. A safetensors file holds one matrix, or one named `features`.
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
    Ok(tensor.to_kind(Kind::Double))
}
