//! Everything a resumed training needs, in one folder that appears whole or not at all.
//!
//! ```text
//! RUN/checkpoints/kimg_000010.240/
//!     generator.safetensors discriminator.safetensors averaged.safetensors   weights and buffers
//!     generator_optimiser.safetensors discriminator_optimiser.safetensors    moments
//!     controls.safetensors   controllers and running means, for families that have some
//!     task.toml      the settings it was trained with, to say what changed since; older checkpoints have none
//!     state.json     counters, SHA-256 of every other file, and of itself
//! ```
//!
//! It is on the disk before it has its name; what cannot be trusted any more is [`Damaged`], and a training goes on from
//! the one before.

mod folder;
mod state;

pub use folder::{Found, generators, list, name, newest_whole, prune, set_aside, to_sample};
pub use state::{CHECKPOINT_FORMAT, State, read_state};

use crate::families::Training;
use crate::layers::params::load_strictly;
use crate::optim::Optimiser;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::Path;
use tch::Tensor;
use vesalius_data::files::digest;
use vesalius_data::files::publish::{StagedDir, remove_folder};
use vesalius_data::files::seal;

/// Why a checkpoint cannot be trusted: a file is missing, cut short or not what was written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(String);

impl Damaged {
    /// Whether an error says that a checkpoint is damaged, rather than that it is another one than expected.
    pub fn is(error: &anyhow::Error) -> bool {
        error.downcast_ref::<Self>().is_some()
    }
}

/// `damaged!("{}: …", path)`: an error that [`Damaged::is`].
macro_rules! damaged {
    ($($text:tt)*) => { anyhow::Error::new($crate::checkpoint::Damaged(format!($($text)*))) };
}
use damaged;

type Named = Vec<(String, Tensor)>;

fn parts(training: &dyn Training) -> Vec<(&'static str, Named)> {
    let [generator, discriminator, averaged] = training.parts().networks();
    let moments = training.parts().optimisers().map(|optimiser| {
        optimiser.state().into_iter().filter(|(name, _)| name != "steps").collect()
    });
    let [generator_moments, discriminator_moments] = moments;
    let mut parts = vec![
        ("generator.safetensors", generator.all()),
        ("discriminator.safetensors", discriminator.all()),
        (SAMPLED, averaged.all()),
        ("generator_optimiser.safetensors", generator_moments),
        ("discriminator_optimiser.safetensors", discriminator_moments),
    ];
    let controls = training.controls();
    if !controls.is_empty() {
        parts.push(("controls.safetensors", controls));
    }
    parts
}

/// The averaged generator: the weights that are sampled.
pub const SAMPLED: &str = "averaged.safetensors";
/// The settings of a training as they were when it was saved.
const SETTINGS: &str = "task.toml";
/// Counters and digests.
const STATE: &str = "state.json";

/// Writes a checkpoint of a training with these `settings` (its `task.toml`) as `target`. A whole one of that name (same
/// number of images, hence same content) stays, a damaged one is replaced.
///
/// # Errors
/// When the disk is full or not writable; nothing is left then.
pub fn save(target: &Path, training: &dyn Training, state: &State, settings: &str) -> Result<()> {
    if target.exists() {
        if verify(target).is_ok() {
            return Ok(());
        }
        remove_folder(target)?;
    }
    let staged = StagedDir::create(target)?;
    let mut state = state.clone();
    state.format = CHECKPOINT_FORMAT;
    state.files.clear();
    state.updates = training.parts().optimisers().map(Optimiser::steps);
    for (file, tensors) in parts(training) {
        let path = staged.path().join(file);
        let dense: Vec<(String, Tensor)> =
            tensors.into_iter().map(|(name, t)| (name, t.detach().contiguous())).collect();
        Tensor::write_safetensors(&dense, &path)
            .with_context(|| format!("{}: cannot be written", target.join(file).display()))?;
        state.files.insert(file.to_owned(), digest::of_file(&path)?);
    }
    staged.write(SETTINGS, settings.as_bytes())?;
    state.files.insert(SETTINGS.to_owned(), digest::of_bytes(settings.as_bytes()));
    staged.write(STATE, &seal::sealed(&state)?)?;
    staged.publish()
}

/// The settings a checkpoint was trained with; `None` where it does not hold them.
pub fn read_settings(folder: &Path) -> Option<String> {
    vesalius_data::files::read::text(&folder.join(SETTINGS)).ok()
}

/// Reads the counters and compares every file with its digest.
///
/// # Errors
/// [`Damaged`] where one differs; otherwise when a file cannot be read.
pub fn verify(folder: &Path) -> Result<State> {
    let state = read_state(folder)?;
    for file in state.files.keys() {
        check_file(folder, &state, file)?;
    }
    Ok(state)
}

fn check_file(folder: &Path, state: &State, file: &str) -> Result<()> {
    let path = folder.join(file);
    let found = match digest::of_file(&path) {
        Err(error) => return Err(state::unreadable(&path, error)),
        Ok(found) => found,
    };
    match state.files.get(file) {
        Some(expected) if *expected == found => Ok(()),
        Some(expected) => Err(damaged!(
            "{}: SHA-256 {found:.12}, expected {expected:.12} as in {STATE}: the file was damaged",
            path.display()
        )),
        None => Err(damaged!("{}: not in {STATE}, expected its SHA-256 there", path.display())),
    }
}

/// Named tensors of one file of a checkpoint, its digest verified.
///
/// # Errors
/// When the file is missing or was damaged.
pub fn read_part(folder: &Path, state: &State, file: &str) -> Result<BTreeMap<String, Tensor>> {
    check_file(folder, state, file)?;
    let path = folder.join(file);
    let tensors = Tensor::read_safetensors(&path)
        .with_context(|| format!("{}: not a safetensors file", path.display()))?;
    Ok(tensors.into_iter().collect())
}

/// Loads a whole checkpoint into networks and optimisers.
///
/// # Errors
/// When a file is missing or damaged, or a tensor is missing, extra or wrongly shaped (another family or spec).
pub fn load(folder: &Path, training: &mut dyn Training) -> Result<State> {
    let state = read_state(folder)?;
    for (file, targets) in parts(training) {
        load_strictly(&targets, &read_part(folder, &state, file)?)
            .with_context(|| format!("{}", folder.join(file).display()))?;
    }
    for (optimiser, updates) in training.parts_mut().optimisers_mut().into_iter().zip(state.updates)
    {
        optimiser.set_steps(updates);
    }
    Ok(state)
}
