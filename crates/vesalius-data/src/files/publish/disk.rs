//! Flushing to the disk, and the steps between which nothing may be lost.

use anyhow::{Context as _, Result};
use std::fs::File;
use std::io;
use std::path::Path;

/// Above so many files a folder's file system is flushed as a whole: one wait instead of thousands.
const MANY: usize = 64;

/// Flushes a file's content.
pub fn sync_file(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Flushes the names in a folder.
pub fn sync_folder(path: &Path) -> Result<()> {
    match sync_file(path) {
        // Some network file systems flush no folders: their servers do.
        Err(error) if unsupported(&error) => Ok(()),
        other => {
            other.with_context(|| format!("{}: cannot be flushed to the disk", path.display()))
        }
    }
}

fn unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    // Windows opens no folders.
    matches!(error.kind(), InvalidInput | Unsupported) || cfg!(windows)
}

/// Creates a folder and those above it, each on the disk.
///
/// # Errors
/// When one cannot be created; the message names `path`.
pub fn create_folders(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = super::place::parent(path);
    if path.file_name().is_some() && above != path {
        create_folders(&above)?;
    }
    match std::fs::create_dir(path) {
        // Somebody else was first, or a link leads there.
        Err(_) if path.is_dir() => Ok(()),
        other => other
            .with_context(|| format!("{}: cannot create the folder", path.display()))
            .and_then(|()| sync_folder(&above)),
    }
}

/// Creates one folder, on the disk.
///
/// # Errors
/// When something of that name is there, or it cannot be created.
pub fn create_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir(path)?;
    match sync_file(&super::place::parent(path)) {
        Err(error) if !unsupported(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Renames within one file system and flushes both folders. Nothing is replaced where the file system can promise that.
///
/// # Errors
/// When it cannot be renamed, or `to` is there.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    rename_to_free(from, to)
        .with_context(|| format!("{}: cannot be renamed into place", to.display()))?;
    let (old, new) = (super::place::parent(from), super::place::parent(to));
    sync_folder(&new)?;
    if old == new { Ok(()) } else { sync_folder(&old) }
}

#[cfg(target_os = "linux")]
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => std::fs::rename(from, to),
        other => other.map_err(Into::into),
    }
}

#[cfg(not(target_os = "linux"))]
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Removes a folder that has a final name: it loses the name first, so that half of it is never found under it.
///
/// # Errors
/// When it cannot be renamed or removed.
pub fn remove_folder(path: &Path) -> Result<()> {
    let doomed = tempfile::Builder::new()
        .prefix(&super::leftovers::prefix(path))
        .tempdir_in(super::place::parent(path))
        .with_context(|| format!("{}: cannot be removed", path.display()))?;
    std::fs::rename(path, doomed.path().join("removed"))
        .and_then(|()| doomed.close())
        .with_context(|| format!("{}: cannot be removed", path.display()))
}

/// Flushes every file and folder below a folder, and itself.
pub fn sync_tree(folder: &Path) -> Result<()> {
    let mut files = vec![];
    let mut folders = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(folder) = folders.get(at).cloned() {
        at += 1;
        let failure = || format!("{}: cannot be listed", folder.display());
        for entry in std::fs::read_dir(&folder).with_context(failure)? {
            let entry = entry.with_context(failure)?;
            let kind = entry.file_type().with_context(failure)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    if files.len() > MANY && sync_file_system(folder) {
        return Ok(());
    }
    for file in &files {
        sync_file(file)
            .with_context(|| format!("{}: cannot be flushed to the disk", file.display()))?;
    }
    folders.iter().rev().try_for_each(|folder| sync_folder(folder))
}

/// Whether the whole file system was flushed.
#[cfg(target_os = "linux")]
fn sync_file_system(folder: &Path) -> bool {
    File::open(folder).is_ok_and(|folder| rustix::fs::syncfs(folder).is_ok())
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_folder: &Path) -> bool {
    false
}
