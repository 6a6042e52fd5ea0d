//! `--fold`: which fold of a pack with folds a command works in.

use anyhow::Result;
use std::path::{Path, PathBuf};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Provenance;
use vesalius_data::pack::view::{self, View};

#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Fold {
    /// Fold of real packs that have folds (`prepare --folds`), from 0: who tests in it is seen by nothing that trains.
    #[arg(long, value_name = "K")]
    fold: Option<usize>,
}

impl Fold {
    /// What is opened for a path: the fold, where one was asked for and the path is a real pack (whether it has that fold
    /// is said where it is opened); synthetic packs, folders and files of features have none.
    ///
    /// # Errors
    /// A pack that cannot be read.
    pub fn of(self, path: &Path) -> Result<PathBuf> {
        let Some(number) = self.fold else { return Ok(path.to_owned()) };
        if let Some((above, view)) = view::of(path) {
            return Ok(view::name(&self.of(above)?, view));
        }
        if !path.join("manifest.json").exists() {
            return Ok(path.to_owned());
        }
        Ok(match Pack::open(path)?.manifest().provenance {
            Provenance::Synthetic { .. } => path.to_owned(),
            Provenance::Real { .. } => view::name(path, View::Fold(number)),
        })
    }
}
