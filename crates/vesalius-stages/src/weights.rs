//! Where weights lie that `vesalius weights` brought.

use anyhow::{Result, bail};
use std::path::PathBuf;
use vesalius_data::files::cache;

/// Where weights of this name lie once they are here.
///
/// # Errors
/// When there is no cache folder.
pub fn path_of(name: &str) -> Result<PathBuf> {
    Ok(cache::folder()?.join(format!("{name}.safetensors")))
}

/// Weights of this name in the cache.
///
/// # Errors
/// When they are not there; the line says how to get them.
pub fn in_cache(name: &str) -> Result<PathBuf> {
    let path = path_of(name)?;
    if !path.is_file() {
        bail!("{}: no such file; get it with `vesalius weights fetch {name}`", path.display());
    }
    Ok(path)
}
