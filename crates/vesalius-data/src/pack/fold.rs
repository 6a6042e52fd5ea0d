//! Folds of a pack by name: `PACK/fold-N` is the pack with those who test in fold N on the test side.

use std::path::{Path, PathBuf};

const PREFIX: &str = "fold-";

/// The pack and the number, where a path names a fold.
pub fn of(path: &Path) -> Option<(&Path, usize)> {
    let number = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    let canonical = !number.is_empty()
        && number.bytes().all(|digit| digit.is_ascii_digit())
        && (number == "0" || !number.starts_with('0'));
    let pack = path.parent().filter(|_| canonical && !path.exists())?;
    Some((pack, number.parse().ok()?)).filter(|_| pack.join("manifest.json").exists())
}

/// The name of a fold.
pub fn name(pack: &Path, fold: usize) -> PathBuf {
    pack.join(format!("{PREFIX}{fold}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_is_a_name_below_a_pack_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let pack = folder.path().join("pack");
        std::fs::create_dir(&pack).unwrap();
        assert_eq!(of(&name(&pack, 2)), None, "no pack");
        std::fs::write(pack.join("manifest.json"), "{}").unwrap();
        assert_eq!(of(&name(&pack, 2)), Some((pack.as_path(), 2)));
        for wrong in ["fold-", "fold-02", "fold-+2", "fold-2x", "folds-2"] {
            assert_eq!(of(&pack.join(wrong)), None, "{wrong}");
        }
        std::fs::create_dir(name(&pack, 2)).unwrap();
        assert_eq!(of(&name(&pack, 2)), None, "a folder of that name is that folder");
    }
}
