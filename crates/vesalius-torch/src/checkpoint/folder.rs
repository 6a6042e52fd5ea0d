//! `RUN/checkpoints/`: which there are, which can be trusted, which are kept.

use super::damaged::{Damaged, damaged};
use super::parts::{AVERAGED, verify};
use super::state::{State, read_state};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::{remove_folder, rename};

/// Name of the checkpoint after `images` images; sorts by age.
pub fn name(images: u64) -> String {
    format!("kimg_{:06}.{:03}", images / 1000, images % 1000)
}

/// What a damaged checkpoint is called once it is set aside: no checkpoint any more, and kept for whoever wants to
/// look.
fn damaged_name(checkpoint: &Path) -> PathBuf {
    let name = checkpoint.file_name().unwrap_or_default().to_string_lossy();
    checkpoint.with_file_name(format!("damaged-{name}"))
}

/// The run's checkpoints, oldest first; none where the run has no folder of them yet.
///
/// # Errors
/// When the folder is there and cannot be listed: a training would start anew beside what it has.
pub fn list(run: &Path) -> Result<Vec<PathBuf>> {
    let folder = run.join("checkpoints");
    let failure = || format!("{}: cannot be listed", folder.display());
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(failure)?,
    };
    let mut found: Vec<PathBuf> = entries
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(failure)?
        .into_iter()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("kimg_"))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

/// SHA-256 of the averaged generator in each checkpoint of a run, oldest first; those whose counters are damaged are
/// left
/// out, as nobody can sample them.
///
/// # Errors
/// When the folder of checkpoints cannot be listed.
pub fn generators(run: &Path) -> Result<Vec<String>> {
    let digest = |folder: &PathBuf| read_state(folder).ok()?.files.get(AVERAGED).cloned();
    Ok(list(run)?.iter().filter_map(digest).collect())
}

/// What a training can go on from.
#[derive(Debug)]
pub struct Found {
    /// The newest checkpoint that is whole, with its counters; none where the run has none at all.
    pub whole: Option<(PathBuf, State)>,
    /// Newer ones that are damaged, newest first, each with why.
    pub damaged: Vec<(PathBuf, anyhow::Error)>,
}

impl Found {
    /// A line for each damaged one, with what is done instead.
    pub fn warnings(&self) -> Vec<String> {
        let Some((whole, _)) = &self.whole else { return vec![] };
        let line = |(_, why): &(PathBuf, anyhow::Error)| {
            format!("warning: {why:#}; going on from {}", whole.display())
        };
        self.damaged.iter().map(line).collect()
    }
}

/// The newest checkpoint of a run all of whose files are what was written.
///
/// # Errors
/// [`Damaged`] when there are checkpoints and none is whole, all named; otherwise when one cannot be read.
pub fn newest_whole(run: &Path) -> Result<Found> {
    let mut found = Found { whole: None, damaged: vec![] };
    for folder in list(run)?.into_iter().rev() {
        match verify(&folder) {
            Ok(state) => {
                found.whole = Some((folder, state));
                break;
            }
            Err(error) if Damaged::is(&error) => found.damaged.push((folder, error)),
            Err(error) => return Err(error),
        }
    }
    if found.whole.is_none() && !found.damaged.is_empty() {
        let all: Vec<String> = found.damaged.iter().map(|(_, why)| format!("{why:#}")).collect();
        return Err(damaged!(
            "{}: no checkpoint is whole ({}); expected one to go on from (without {0}/checkpoints the run starts anew)",
            run.display(),
            all.join("; ")
        ));
    }
    Ok(found)
}

/// Takes the names of damaged checkpoints away, so that the training can write those again.
///
/// # Errors
/// When one cannot be renamed.
pub fn set_aside(found: &Found) -> Result<()> {
    for (folder, _) in &found.damaged {
        let aside = damaged_name(folder);
        if aside.exists() {
            remove_folder(&aside)?;
        }
        rename(folder, &aside)?;
    }
    Ok(())
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
            remove_folder(folder)?;
        }
    }
    Ok(())
}

/// The checkpoint to sample from: the best by Fréchet distance where one was measured, else the newest.
///
/// # Errors
/// When the run has none, or the newest one's counters are damaged: which is the best cannot be told then.
pub fn to_sample(run: &Path) -> Result<PathBuf> {
    let all = list(run)?;
    let Some(newest) = all.last() else {
        bail!("{}: no checkpoint; expected a run written by `vesalius train`", run.display());
    };
    let Some((_, images)) = read_state(newest)?.best else { return Ok(newest.clone()) };
    let best = run.join("checkpoints").join(name(images));
    if !best.exists() {
        bail!("{}: not there; expected the best checkpoint of the run", best.display());
    }
    Ok(best)
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

    #[test]
    fn a_folder_that_cannot_be_listed_is_not_an_empty_one() {
        let run = tempfile::tempdir().unwrap();
        std::fs::write(run.path().join("checkpoints"), "a file").unwrap();
        let error = format!("{:#}", list(run.path()).unwrap_err());
        assert!(error.contains("checkpoints: cannot be listed"), "{error}");
    }
}
