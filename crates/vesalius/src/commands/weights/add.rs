//! Import of weights that the user brought: recognised, converted, loaded once, then put into the cache.

use super::script;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs::Permissions;
use std::path::Path;
use vesalius_data::files::digest;
use vesalius_data::files::read;
use vesalius_data::say;
use vesalius_data::weights::{KNOWN, Known};
use vesalius_stages::weights::path_of;
use vesalius_torch::Device;
use vesalius_torch::nets::frozen::inception::FidInception;
use vesalius_torch::nets::frozen::lpips::{Backbone, Lpips};
use vesalius_torch::nets::frozen::vgg::{Network, Vgg};

/// The converter, which runs on the user's own Python: nothing is ever unpickled in this program.
const CONVERTER: &str = include_str!("../../../../../scripts/weights_to_safetensors.py");

/// Imports `source` under `named`, or under every name that it is recognised as.
///
/// # Errors
/// When nothing, or the wrong thing, is recognised.
pub fn import(source: &Path, named: Option<&'static Known>) -> Result<()> {
    if !source.exists() {
        bail!("{}: no such file", source.display());
    }
    read::check(source).with_context(|| format!("{}: cannot be read", source.display()))?;
    let recognised = match named {
        Some(known) => vec![known],
        None => recognise(source)?,
    };
    recognised.into_iter().try_for_each(|known| add(known, source))
}

/// The published file by its digest (one archive may hold the weights of two names), a .safetensors file by the network
/// whose tensors it holds.
fn recognise(source: &Path) -> Result<Vec<&'static Known>> {
    let names = || KNOWN.map(|known| known.name).join(", ");
    if is_safetensors(source) {
        let found: Vec<_> =
            KNOWN.iter().filter(|known| check(known.name, source).is_ok()).collect();
        if found.is_empty() {
            bail!(
                "{}: its tensors are those of none of {}; with `--name` the first difference is told",
                source.display(),
                names()
            );
        }
        return Ok(found);
    }
    let sha256 = digest::of_file(source)?;
    let found: Vec<_> = KNOWN.iter().filter(|known| known.sha256 == sha256).collect();
    if found.is_empty() {
        bail!(
            "{}: SHA-256 {sha256} is not that of a published file; expected `--name` with one of {}, or a .safetensors file \
             that scripts/weights_to_safetensors.py wrote",
            source.display(),
            names()
        );
    }
    Ok(found)
}

fn is_safetensors(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "safetensors")
}

/// Imports `source` as these weights.
///
/// # Errors
/// When it cannot be converted or is not this network's.
pub fn add(weights: &Known, source: &Path) -> Result<()> {
    let target = path_of(weights.name)?;
    let folder = target.parent().context("the cache has no folder")?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;
    let staged = tempfile::Builder::new()
        .suffix(".safetensors")
        .permissions(readable())
        .tempfile_in(folder)?;
    if is_safetensors(source) {
        std::fs::copy(source, staged.path())
            .with_context(|| format!("{}: cannot be copied", source.display()))?;
    } else {
        convert(weights.name, source, staged.path())?;
    }
    check(weights.name, staged.path())
        .with_context(|| format!("{}: not the weights of {}", source.display(), weights.name))?;
    staged.persist(&target).with_context(|| format!("{}: cannot be written", target.display()))?;
    say!("{}: ready", target.display());
    Ok(())
}

/// Of a file that others may read (a group's cache), as far as the umask says; temporary files are private otherwise.
fn readable() -> Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    Permissions::from_mode(0o666)
}

/// Runs the converter.
fn convert(name: &str, source: &Path, target: &Path) -> Result<()> {
    script::run(CONVERTER, [OsStr::new(name), source.as_os_str()], target, |_| ())
        .with_context(|| format!("{}: cannot be converted", source.display()))
}

/// Loads the file as the network that it is for, strictly.
fn check(name: &str, path: &Path) -> Result<()> {
    match name {
        "inception" => FidInception::load(path, Device::Cpu).map(drop),
        "vgg19" => Vgg::load(Network::Vgg19, path, Device::Cpu).map(drop),
        "lpips-alexnet" => Lpips::load(Backbone::Alexnet, path, Device::Cpu).map(drop),
        "lpips-vgg16" => Lpips::load(Backbone::Vgg16, path, Device::Cpu).map(drop),
        other => bail!("{other}: no network of this name"),
    }
}
