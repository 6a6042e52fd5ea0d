//! Files and folders appear under their final name whole or not at all.

use anyhow::{Context, Result, bail};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Writes `bytes` beside `path`, flushes them to the disk, and renames them into place.
///
/// # Errors
/// When the folder cannot be written (read-only, full disk): the message names `path`, and an older file there stays.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with_mode(path, bytes, 0o644)
}

/// The same for what only its owner may read.
///
/// # Errors
/// As above.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with_mode(path, bytes, 0o600)
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let folder = parent(path);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{}: cannot create the folder", folder.display()))?;
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(&folder)
        .with_context(|| format!("{}: cannot write here", folder.display()))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .with_context(|| format!("{}: cannot be written", path.display()))?;
    set_shared_mode(file.path(), mode);
    file.persist(path)
        .with_context(|| format!("{}: cannot be renamed into place", path.display()))?;
    Ok(())
}

/// Writes `path` only if nothing is there yet; `false` when somebody else was first.
///
/// The content is complete before the name exists (a hard link of a finished temporary file), so that of two
/// copies of one job exactly one result is accepted and none is ever seen half-written.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_file_once(path: &Path, bytes: &[u8]) -> Result<bool> {
    let folder = parent(path);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{}: cannot create the folder", folder.display()))?;
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(&folder)
        .with_context(|| format!("{}: cannot write here", folder.display()))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .with_context(|| format!("{}: cannot be written", path.display()))?;
    set_shared_mode(file.path(), 0o644);
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            Err(error.error).with_context(|| format!("{}: cannot be published", path.display()))
        }
    }
}

/// A folder that is filled under a temporary name and gets its final name by [`StagedDir::publish`];
/// dropped before that, it is removed.
#[derive(Debug)]
pub struct StagedDir {
    staging: tempfile::TempDir,
    target: PathBuf,
}

impl StagedDir {
    /// Starts a folder that shall become `target`.
    ///
    /// # Errors
    /// When `target` exists already (nothing is ever overwritten) or its parent cannot be written.
    pub fn create(target: &Path) -> Result<Self> {
        if target.exists() {
            bail!(
                "{}: already exists; expected a new path (remove it or choose another)",
                target.display()
            );
        }
        let folder = parent(target);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{}: cannot create the folder", folder.display()))?;
        let staging = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempdir_in(&folder)
            .with_context(|| format!("{}: cannot write here", folder.display()))?;
        Ok(Self { staging, target: target.to_owned() })
    }

    /// Where to write until it is published.
    pub fn path(&self) -> &Path {
        self.staging.path()
    }

    /// The name it shall get.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Renames the folder to its final name.
    ///
    /// # Errors
    /// When the name was taken meanwhile.
    pub fn publish(self) -> Result<()> {
        set_shared_mode(self.staging.path(), 0o755);
        std::fs::rename(self.staging.path(), &self.target)
            .with_context(|| format!("{}: cannot be renamed into place", self.target.display()))?;
        // The temporary name is gone: there is nothing left to remove.
        let _ = self.staging.keep();
        Ok(())
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Temporary files are private by default; results are for the whole group to read.
#[cfg(unix)]
fn set_shared_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn set_shared_mode(_path: &Path, _mode: u32) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_two_results_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        assert!(write_file_once(&path, b"first").unwrap());
        assert!(!write_file_once(&path, b"second").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_dropped_folder_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let staged = StagedDir::create(&folder.path().join("pack")).unwrap();
        std::fs::write(staged.path().join("half"), b"half").unwrap();
        drop(staged);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_published_folder_is_whole_and_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("pack");
        let staged = StagedDir::create(&target).unwrap();
        std::fs::write(staged.path().join("a"), b"1").unwrap();
        staged.publish().unwrap();
        assert_eq!(std::fs::read(target.join("a")).unwrap(), b"1");
        assert!(StagedDir::create(&target).is_err());
    }
}
