//! Digests of what a run left.

use crate::files::digest;
use crate::files::publish::create_folders;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// The file that holds a result.
pub const RESULT: &str = "result.json";
/// Folders that are not part of what a run says: checkpoints hold their own digests, attempts their own results.
const APART: [&str; 2] = ["checkpoints", "attempts"];

/// SHA-256 of every file of a run but its result, by path from the run's folder with `/` between.
///
/// # Errors
/// When a file cannot be read.
pub fn of_run(run: &Path) -> Result<BTreeMap<String, String>> {
    create_folders(run)?;
    let mut found = BTreeMap::new();
    gather(run, "", &mut found)?;
    Ok(found)
}

fn gather(folder: &Path, above: &str, found: &mut BTreeMap<String, String>) -> Result<()> {
    let failure = || format!("{}: cannot be listed", folder.display());
    for entry in std::fs::read_dir(folder).with_context(failure)? {
        let entry = entry.with_context(failure)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().with_context(failure)?;
        let inner = format!("{above}{name}");
        if name.starts_with('.') || inner == RESULT || APART.contains(&inner.as_str()) {
            continue;
        }
        if kind.is_dir() {
            gather(&entry.path(), &format!("{inner}/"), found)?;
        } else if kind.is_file() {
            let digest = digest::of_file(&entry.path())
                .with_context(|| format!("{}: cannot be read", entry.path().display()))?;
            found.insert(inner, digest);
        }
    }
    Ok(())
}
