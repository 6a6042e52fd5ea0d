//! Folders that appear whole.

use super::disk::create_folders;
use super::place::{parent, set_mode};
use super::{disk, leftovers};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A folder that is filled under a temporary name and gets its final name by [`StagedDir::publish`];
/// dropped before that, it is removed.
#[derive(Debug)]
pub struct StagedDir {
    staging: tempfile::TempDir,
    target: PathBuf,
    /// Holds the lock that tells others that this is being written.
    _held: Option<File>,
}

impl StagedDir {
    /// Starts a folder that shall become `target`. What a killed process left of the same folder is removed.
    ///
    /// # Errors
    /// When `target` exists already (nothing is ever overwritten) or its parent cannot be written.
    pub fn create(target: &Path) -> Result<Self> {
        if target.symlink_metadata().is_ok() {
            bail!(
                "{}: already exists; expected a new path (remove it or choose another)",
                target.display()
            );
        }
        let folder = parent(target);
        create_folders(&folder)?;
        leftovers::sweep_of(target);
        let staging = tempfile::Builder::new()
            .prefix(&leftovers::prefix(target))
            .tempdir_in(&folder)
            .with_context(|| format!("{}: cannot write here", folder.display()))?;
        let held = File::open(staging.path()).ok();
        held.iter().for_each(leftovers::hold);
        Ok(Self { staging, target: target.to_owned(), _held: held })
    }

    /// Where to write until it is published.
    pub fn path(&self) -> &Path {
        self.staging.path()
    }

    /// The name it shall get.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes a file into it; it is flushed with the others when the folder is published.
    ///
    /// # Errors
    /// When the disk is full: the message names the file under its final name.
    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let path = self.path().join(&name);
        let written = match path.parent() {
            Some(folder) => std::fs::create_dir_all(folder),
            None => Ok(()),
        };
        written.and_then(|()| std::fs::write(&path, bytes)).with_context(|| {
            format!("{}: cannot be written", self.target.join(name.as_ref()).display())
        })
    }

    /// Flushes everything in the folder to the disk and renames it to its final name.
    ///
    /// # Errors
    /// When the disk cannot take it, or the name was taken meanwhile.
    pub fn publish(self) -> Result<()> {
        set_mode(self.staging.path(), 0o755);
        disk::sync_tree(self.staging.path())
            .with_context(|| format!("{}: cannot be written", self.target.display()))?;
        disk::rename(self.staging.path(), &self.target)?;
        // The temporary name is gone: there is nothing left to remove.
        let _ = self.staging.keep();
        Ok(())
    }
}
