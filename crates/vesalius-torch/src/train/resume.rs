//! Going on from a checkpoint: whether a training may, and loading it.

use crate::checkpoint::{self, State};
use crate::families::trainer::Trainer;
use crate::spec::TrainSpec;
use crate::spec::changes::{LENGTH, changes};
use anyhow::{Result, anyhow, bail};
use std::path::Path;
use vesalius_data::pack::Pack;

/// Loads a checkpoint into a trainer, if it is one of these settings and this pack.
///
/// # Errors
/// When it is of another spec or pack, or damaged.
pub(super) fn restore(
    folder: &Path,
    trainer: &mut dyn Trainer,
    spec: &TrainSpec,
    pack: &Pack,
) -> Result<State> {
    let state = of_this_pack(folder, pack)?;
    let loaded = checkpoint::load(folder, trainer);
    if state.spec_sha256 == spec.digest()? {
        return loaded;
    }
    let refusal = format!(
        "{}: a checkpoint of other settings than task.toml ({}); expected those it was trained with, of which only \
         {LENGTH} may change: put them back, or start a new run",
        folder.display(),
        changes(&spec.to_toml()?, settings_of(folder).as_deref())
    );
    // Tensors that do not fit are named as well.
    Err(match loaded {
        Ok(_) => anyhow!(refusal),
        Err(error) => error.context(refusal),
    })
}

/// A checkpoint's settings as this version writes them.
fn settings_of(folder: &Path) -> Option<String> {
    let text = checkpoint::read_settings(folder)?;
    let spec = TrainSpec::from_toml(&text).and_then(|spec| spec.to_toml());
    Some(spec.unwrap_or(text))
}

/// A checkpoint's counters.
///
/// # Errors
/// When it is of another pack: networks of that one's size may not even exist.
pub(super) fn of_this_pack(folder: &Path, pack: &Pack) -> Result<State> {
    let state = checkpoint::read_state(folder)?;
    if state.pack_digest != pack.digest() {
        bail!("{}: trained on another pack than {}", folder.display(), pack.path().display());
    }
    Ok(state)
}
