//! `--fold`: which fold of a pack with folds a command works in.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use vesalius_data::pack::manifest::Provenance;
use vesalius_data::pack::{Pack, fold};

#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Fold {
    /// Fold of real packs that have folds (`prepare --folds`), from 0: who tests in it is seen by nothing that trains.
    #[arg(long, value_name = "K")]
    fold: Option<usize>,
}

impl Fold {
    /// What is opened for a path: the fold, where one was asked for and the path is a real pack; synthetic packs, folders
    /// and files of features have none.
    ///
    /// # Errors
    /// A real pack that lacks the fold, or any; a pack that cannot be read.
    pub fn of(self, path: &Path) -> Result<PathBuf> {
        let Some(number) = self.fold.filter(|_| path.join("manifest.json").exists()) else {
            return Ok(path.to_owned());
        };
        let pack = Pack::open(path)?;
        if matches!(pack.manifest().provenance, Provenance::Synthetic { .. }) {
            return Ok(path.to_owned());
        }
        match pack.manifest().folds() {
            0 => bail!(
                "{}: no folds, but --fold {number}; expected a pack of `prepare --folds`",
                path.display()
            ),
            folds if number >= folds => {
                bail!("{}: --fold {number}, expected 0 to {}", path.display(), folds - 1)
            }
            _ => Ok(fold::name(path, number)),
        }
    }
}
