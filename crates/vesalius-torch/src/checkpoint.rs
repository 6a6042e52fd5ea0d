//! Everything a resumed training needs, in one folder that appears whole or not at all.
//!
//! ```text
//! RUN/checkpoints/kimg_000010.240/
//!     generator.safetensors discriminator.safetensors averaged.safetensors   weights and buffers
//!     generator_optimiser.safetensors discriminator_optimiser.safetensors    moments
//!     controls.safetensors   controllers and running means, for families that have some
//!     task.toml      the settings it was trained with, to say what changed since; older checkpoints have none
//!     state.json     counters, SHA-256 of the weights, moments and controls, and of task.toml
//! ```

use crate::families::Training;
use crate::layers::params::load_strictly;
use crate::optim::Optimiser;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::Tensor;
use vesalius_study::digest;
use vesalius_study::publish::{StagedDir, write_file};

/// Version of the folder's layout.
pub const CHECKPOINT_FORMAT: u32 = 1;

/// Counters of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// [`CHECKPOINT_FORMAT`].
    pub format: u32,
    /// Generator steps done.
    pub step: u64,
    /// Real images shown to the discriminator.
    pub images: u64,
    /// Seconds of training, earlier attempts included.
    pub wall_secs: f64,
    /// SHA-256 of the resolved spec, but for its length: a training may be continued for longer.
    pub spec_sha256: String,
    /// Digest of the pack.
    pub pack_digest: String,
    /// Optimiser updates of generator and discriminator.
    pub updates: [i64; 2],
    /// Best Fréchet distance so far, and at how many images.
    pub best: Option<(f64, u64)>,
    /// SHA-256 of each file.
    pub files: BTreeMap<String, String>,
}

impl State {
    /// Before the first step.
    pub fn new(spec_sha256: String, pack_digest: String) -> Self {
        Self {
            format: CHECKPOINT_FORMAT,
            step: 0,
            images: 0,
            wall_secs: 0.0,
            spec_sha256,
            pack_digest,
            updates: [0; 2],
            best: None,
            files: BTreeMap::new(),
        }
    }
}

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
        ("averaged.safetensors", averaged.all()),
        ("generator_optimiser.safetensors", generator_moments),
        ("discriminator_optimiser.safetensors", discriminator_moments),
    ];
    let controls = training.controls();
    if !controls.is_empty() {
        parts.push(("controls.safetensors", controls));
    }
    parts
}

/// Name of the checkpoint after `images` images; sorts by age.
pub fn name(images: u64) -> String {
    format!("kimg_{:06}.{:03}", images / 1000, images % 1000)
}

/// The settings of a training as they were when it was saved.
const SETTINGS: &str = "task.toml";

/// Writes a checkpoint of a training with these `settings` (its `task.toml`) as `target`. An existing one of that name
/// (same number of images, hence same content) stays.
///
/// # Errors
/// When the disk is full or not writable; nothing is left then.
pub fn save(target: &Path, training: &dyn Training, state: &State, settings: &str) -> Result<()> {
    if target.exists() {
        return Ok(());
    }
    let staged = StagedDir::create(target)?;
    let mut state = state.clone();
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
    write_file(&staged.path().join(SETTINGS), settings.as_bytes())?;
    write_file(&staged.path().join("state.json"), &serde_json::to_vec_pretty(&state)?)?;
    staged.publish()
}

/// Reads a checkpoint's counters.
///
/// # Errors
/// When it is missing or of another version.
pub fn read_state(folder: &Path) -> Result<State> {
    let path = folder.join("state.json");
    let text = std::fs::read(&path)
        .with_context(|| format!("{}: cannot be read; expected a checkpoint", path.display()))?;
    let state: State = serde_json::from_slice(&text)
        .with_context(|| format!("{}: not a checkpoint of this version", path.display()))?;
    if state.format != CHECKPOINT_FORMAT {
        bail!("{}: format {}, expected {CHECKPOINT_FORMAT}", path.display(), state.format);
    }
    Ok(state)
}

/// The settings a checkpoint was trained with; `None` where it does not hold them.
pub fn read_settings(folder: &Path) -> Option<String> {
    std::fs::read_to_string(folder.join(SETTINGS)).ok()
}

/// Named tensors of one file of a checkpoint, its digest verified.
///
/// # Errors
/// When the file is missing or was damaged.
pub fn read_part(folder: &Path, state: &State, file: &str) -> Result<BTreeMap<String, Tensor>> {
    let path = folder.join(file);
    let found = digest::of_file(&path)
        .with_context(|| format!("{}: cannot be read; expected a checkpoint", path.display()))?;
    if state.files.get(file) != Some(&found) {
        bail!("{}: SHA-256 is not the one in state.json: the file was damaged", path.display());
    }
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

/// The run's checkpoints, oldest first.
///
/// # Errors
/// When the folder cannot be listed.
pub fn list(run: &Path) -> Result<Vec<PathBuf>> {
    let folder = run.join("checkpoints");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut found: Vec<PathBuf> = entries
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(|| format!("{}: cannot be listed", folder.display()))?
        .into_iter()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("kimg_"))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

/// Removes all but the newest two checkpoints and the best one.
///
/// # Errors
/// When a folder cannot be removed.
pub fn prune(run: &Path, best: Option<u64>) -> Result<()> {
    let all = list(run)?;
    let best = best.map(name);
    for folder in all.iter().rev().skip(2) {
        let is_best =
            folder.file_name().is_some_and(|n| Some(n.to_string_lossy().into_owned()) == best);
        if !is_best {
            std::fs::remove_dir_all(folder)
                .with_context(|| format!("{}: cannot be removed", folder.display()))?;
        }
    }
    Ok(())
}

/// The checkpoint to sample from: the best by Fréchet distance where one was measured, else the newest.
///
/// # Errors
/// When the run has none.
pub fn to_sample(run: &Path) -> Result<PathBuf> {
    let all = list(run)?;
    let Some(newest) = all.last() else {
        bail!("{}: no checkpoint; expected a run written by `vesalius train`", run.display());
    };
    let best =
        read_state(newest)?.best.map(|(_, images)| run.join("checkpoints").join(name(images)));
    Ok(best.filter(|folder| folder.exists()).unwrap_or_else(|| newest.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(run: &Path) -> Vec<String> {
        let name = |folder: PathBuf| folder.file_name().unwrap().to_string_lossy().into_owned();
        list(run).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn the_newest_two_and_the_best_are_kept() {
        let run = tempfile::tempdir().unwrap();
        let folder = |images| run.path().join("checkpoints").join(name(images));
        for images in [500, 1000, 20_000, 9_999, 300_000] {
            std::fs::create_dir_all(folder(images)).unwrap();
            std::fs::write(folder(images).join("state.json"), "{}").unwrap();
        }
        // What an attempt that was killed was writing is no checkpoint, and not ours to remove.
        let staged = run.path().join("checkpoints/.tmp-1");
        std::fs::create_dir(&staged).unwrap();
        prune(run.path(), Some(1000)).unwrap();
        assert_eq!(kept(run.path()), [1000, 20_000, 300_000].map(name));
        prune(run.path(), Some(300_000)).unwrap();
        assert_eq!(kept(run.path()), [20_000, 300_000].map(name));
        std::fs::create_dir(folder(400_000)).unwrap();
        prune(run.path(), None).unwrap();
        assert_eq!(kept(run.path()), [300_000, 400_000].map(name));
        assert!(staged.exists());
        let never_saved = tempfile::tempdir().unwrap();
        prune(never_saved.path(), None).unwrap();
        assert!(kept(never_saved.path()).is_empty());
    }
}
