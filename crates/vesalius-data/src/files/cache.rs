//! What is computed once and kept: files whose names hold the beginning of their digest, so that a damaged one is never
//! taken for what it was.

use crate::files::digest;
use crate::files::publish::write_then_name;
use crate::say;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// Characters of a digest in a name.
const SHOWN: usize = 16;

/// `$VESALIUS_CACHE`, else `$XDG_CACHE_HOME/vesalius`, else `~/.cache/vesalius`.
///
/// # Errors
/// When none of the variables is set.
pub fn folder() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("VESALIUS_CACHE") {
        return Ok(path.into());
    }
    if let Some(path) = variable("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(path).join("vesalius"));
    }
    let home = variable("HOME").context("HOME is not set; expected it, or VESALIUS_CACHE")?;
    Ok(PathBuf::from(home).join(".cache/vesalius"))
}

/// The file `STEM-DIGEST.EXTENSION` of a folder; none where it was never kept, or was damaged: that is said, and it is
/// removed, to be computed anew.
///
/// # Errors
/// When the folder cannot be listed, or the file not be read.
pub fn find(folder: &Path, stem: &str, extension: &str) -> Result<Option<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.with_context(|| format!("{}: cannot be listed", folder.display()))?,
    };
    let mut found: Vec<(PathBuf, String)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let digest = name
                .strip_prefix(stem)?
                .strip_prefix('-')?
                .strip_suffix(extension)?
                .strip_suffix('.')?;
            (digest.len() == SHOWN).then(|| (entry.path(), digest.to_owned()))
        })
        .collect();
    found.sort();
    for (path, expected) in found {
        let digest = digest::of_file(&path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        if digest.starts_with(&expected) {
            return Ok(Some(path));
        }
        say!(
            "warning: {}: damaged (SHA-256 {:.16}, expected {expected}); removed, and computed anew",
            path.display(),
            digest
        );
        std::fs::remove_file(&path)
            .with_context(|| format!("{}: cannot be removed", path.display()))?;
    }
    Ok(None)
}

/// Keeps what `write` writes. Where somebody else was faster, theirs stays, so that all use the same.
///
/// # Errors
/// When the folder cannot be written, and what `write` gives.
pub fn keep(
    folder: &Path,
    stem: &str,
    extension: &str,
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let mut theirs = None;
    let kept = write_then_name(&folder.join(format!("{stem}.{extension}")), write, |content| {
        theirs = find(folder, stem, extension)?;
        if theirs.is_some() {
            return Ok(None);
        }
        let digest = digest::of_file(content)
            .with_context(|| format!("{}: cannot be read", content.display()))?;
        Ok(Some(folder.join(format!("{stem}-{}.{extension}", &digest[..SHOWN]))))
    })?;
    kept.or(theirs).context("one of the two has a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_and_what_was_damaged_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let write = |bytes: &'static [u8]| move |path: &Path| Ok(std::fs::write(path, bytes)?);
        assert_eq!(find(&cache, "unet-1", "bin").unwrap(), None);
        let first = keep(&cache, "unet-1", "bin", write(b"weights")).unwrap();
        assert_eq!(find(&cache, "unet-1", "bin").unwrap().as_ref(), Some(&first));
        assert_eq!(find(&cache, "unet", "bin").unwrap(), None, "of another stem");
        // The second of two that trained at once takes the first one's.
        assert_eq!(keep(&cache, "unet-1", "bin", write(b"others")).unwrap(), first);
        std::fs::write(&first, b"weighs!").unwrap();
        assert_eq!(find(&cache, "unet-1", "bin").unwrap(), None);
        assert!(!first.exists());
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);
    }

    #[test]
    fn many_who_keep_the_same_at_once_are_not_in_each_other_s_way() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        keep(folder.path(), "f", "bin", |path| Ok(std::fs::write(path, b"same")?))
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
