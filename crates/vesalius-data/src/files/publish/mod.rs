//! What is promised is on the disk before it has its final name: files and folders appear whole or not at all, and a
//! power
//! cut takes nothing back that was published.
//!
//! The order is always the same: write under a temporary name beside the final one, flush the content ([`disk`]),
//! rename,
//! flush the folder that holds the name. Temporary names tell whose they are ([`leftovers`]): what a process left that
//! was
//! killed is removed when the same thing is written again.

mod disk;
mod leftovers;
mod place;
mod staged;

pub use disk::{create_folder, create_folders, remove_folder, rename};
pub use leftovers::sweep;
pub use staged::StagedDir;

use anyhow::{Context, Result};
use place::{parent, set_mode};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Writes `bytes` beside `path`, flushes them to the disk, and renames them into place.
///
/// # Errors
/// When the folder cannot be written (read-only, full disk): the message names `path`, and an older file there stays.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    put(path, 0o644, |file| file.write_all(bytes).map_err(Into::into))
        .and_then(|file| put_in_place(file, path))
}

/// The same for what only its owner may read.
///
/// # Errors
/// As above.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    put(path, 0o600, |file| file.write_all(bytes).map_err(Into::into))
        .and_then(|file| put_in_place(file, path))
}

/// The same for what `write` writes to the path that it is given: for libraries that take one.
///
/// # Errors
/// As above, and what `write` gives.
pub fn write_with(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    put(path, 0o644, |file| write(file.path())).and_then(|file| put_in_place(file, path))
}

/// The same under the name that the finished content asks for, or not at all where it asks for none; `near` tells the
/// folder,
/// and whose leftovers may go.
///
/// # Errors
/// As above, and what `name` gives.
pub fn write_then_name(
    near: &Path,
    write: impl FnOnce(&Path) -> Result<()>,
    name: impl FnOnce(&Path) -> Result<Option<PathBuf>>,
) -> Result<Option<PathBuf>> {
    let file = put(near, 0o644, |file| write(file.path()))?;
    let path = name(file.path())?;
    if let Some(path) = &path {
        put_in_place(file, path)?;
    }
    Ok(path)
}

/// Writes `path` only if nothing is there yet; `false` when somebody else was first.
///
/// The content is complete before the name exists (a hard link of a finished temporary file), so that of two
/// copies of one job exactly one result is accepted and none is ever seen half-written.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_file_once(path: &Path, bytes: &[u8]) -> Result<bool> {
    let file = put(path, 0o644, |file| file.write_all(bytes).map_err(Into::into))?;
    match file.persist_noclobber(path) {
        Ok(_) => disk::sync_folder(&parent(path)).map(|()| true),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            Err(error.error).with_context(|| format!("{}: cannot be published", path.display()))
        }
    }
}

/// A finished temporary file beside `path`, its content on the disk.
fn put(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut tempfile::NamedTempFile) -> Result<()>,
) -> Result<tempfile::NamedTempFile> {
    let folder = parent(path);
    create_folders(&folder)?;
    leftovers::sweep_of(path);
    let mut file = tempfile::Builder::new()
        .prefix(&leftovers::prefix(path))
        .tempfile_in(&folder)
        .with_context(|| format!("{}: cannot write here", folder.display()))?;
    leftovers::hold(file.as_file());
    write(&mut file).with_context(|| format!("{}: cannot be written", path.display()))?;
    set_mode(file.path(), mode);
    // By its name: `write` may have replaced the file.
    disk::sync_file(file.path())
        .with_context(|| format!("{}: cannot be written", path.display()))?;
    Ok(file)
}

fn put_in_place(file: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    file.persist(path)
        .with_context(|| format!("{}: cannot be renamed into place", path.display()))?;
    disk::sync_folder(&parent(path))
}

#[cfg(test)]
mod tests;
