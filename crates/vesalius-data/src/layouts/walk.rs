//! The files of a dataset's folder.

use crate::checks::findings::Finding;
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walked {
    /// Files, sorted by path.
    pub files: Vec<PathBuf>,
    /// Folders that were not entered, with the reason.
    pub findings: Vec<Finding>,
}

/// All files up to `depth` folders below `root`, sorted by path; hidden ones are left out, and each folder is read
/// once,
/// however many links lead to it.
///
/// # Errors
/// When a folder cannot be listed.
pub fn walk(root: &Path, depth: usize) -> Result<Walked> {
    let mut walked = Walked::default();
    // The folders themselves before links to them: which of both is read must not depend on names.
    let mut seen = BTreeSet::from([real(root)]);
    let mut later = Vec::new();
    descend(root, root, depth, &mut seen, &mut walked, &mut later)?;
    while let Some((link, depth)) = later.pop() {
        if seen.insert(real(&link)) {
            descend(root, &link, depth, &mut seen, &mut walked, &mut later)?;
        } else {
            let text = "a link to a folder that is read already";
            walked.findings.push(Finding::set_aside(below(root, &link), text));
        }
    }
    walked.files.sort();
    Ok(walked)
}

fn descend(
    root: &Path,
    folder: &Path,
    depth: usize,
    seen: &mut BTreeSet<PathBuf>,
    walked: &mut Walked,
    later: &mut Vec<(PathBuf, usize)>,
) -> Result<()> {
    for path in entries(folder)? {
        if !path.is_dir() {
            walked.files.push(path);
        } else if depth == 0 {
            let text = "a folder deeper than is searched";
            walked.findings.push(Finding::set_aside(below(root, &path), text));
        } else if path.is_symlink() {
            later.push((path, depth - 1));
        } else {
            seen.insert(real(&path));
            descend(root, &path, depth - 1, seen, walked, later)?;
        }
    }
    Ok(())
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A path relative to the dataset's folder, for people.
pub fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// Findings of files that no case uses, each with why, in the files' order.
pub fn unused<'a>(
    root: &Path,
    files: impl IntoIterator<Item = &'a PathBuf>,
    why: &str,
) -> Vec<Finding> {
    files.into_iter().map(|path| Finding::set_aside(below(root, path), why)).collect()
}

/// Entries of a folder, sorted by name; hidden ones are left out.
///
/// # Errors
/// When it cannot be listed.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let list = std::fs::read_dir(folder)
        .with_context(|| format!("{}: cannot be listed", folder.display()))?;
    for entry in list {
        let path = entry.with_context(|| format!("{}: cannot be listed", folder.display()))?.path();
        if !name(&path).starts_with('.') {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The last component of a path as text.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
