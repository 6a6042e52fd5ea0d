//! Whole or not at all, and what was left is cleared.

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn only_the_first_of_two_results_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.json");
    assert!(write_file_once(&path, b"first").unwrap());
    assert!(!write_file_once(&path, b"second").unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"first");
    assert_eq!(names(folder.path()), ["result.json"]);
}

#[test]
fn a_dropped_folder_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let staged = StagedDir::create(&folder.path().join("pack")).unwrap();
    staged.write("half/of", b"half").unwrap();
    drop(staged);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_published_folder_is_whole_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new/pack");
    let staged = StagedDir::create(&target).unwrap();
    staged.write("a", b"1").unwrap();
    staged.publish().unwrap();
    assert_eq!(std::fs::read(target.join("a")).unwrap(), b"1");
    assert!(StagedDir::create(&target).is_err());
    // Taken meanwhile, even by an empty folder, which a plain rename would replace.
    let other = folder.path().join("other");
    let staged = StagedDir::create(&other).unwrap();
    std::fs::create_dir(&other).unwrap();
    let error = format!("{:#}", staged.publish().unwrap_err());
    assert!(error.contains("other"), "{error}");
    assert_eq!(names(folder.path()), ["new", "other"]);
    // A link that leads nowhere is something, too.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
        assert!(StagedDir::create(&folder.path().join("link")).is_err());
    }
}

#[test]
fn what_a_writer_writes_under_a_temporary_name_gets_the_final_one_or_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    write_with(&path, |temporary| Ok(std::fs::write(temporary, b"w")?)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"w");
    let error = write_with(&path, |temporary| {
        std::fs::write(temporary, b"half")?;
        anyhow::bail!("the disk is full")
    });
    assert!(format!("{:#}", error.unwrap_err()).contains("weights: cannot be written"));
    assert_eq!(std::fs::read(&path).unwrap(), b"w");
    assert_eq!(names(folder.path()), ["weights"]);
}

#[test]
fn leftovers_of_the_dead_are_removed_when_the_same_is_written_again_and_those_of_the_living_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (pack, file) = (folder.path().join("pack"), folder.path().join("result.json"));
    // No process has this number: it is above the greatest that Linux gives.
    let dead = |path: &Path| {
        leftovers::prefix(path).replace(&format!("-{}-", std::process::id()), "-4194305-x")
    };
    std::fs::create_dir(folder.path().join(dead(&pack))).unwrap();
    std::fs::write(folder.path().join(dead(&pack)).join("slices.bin"), b"half").unwrap();
    std::fs::write(folder.path().join(dead(&file)), b"half").unwrap();
    let alive = StagedDir::create(&pack).unwrap();
    assert_eq!(names(folder.path()).len(), 2, "of another name: stays");
    write_file(&file, b"{}").unwrap();
    assert_eq!(names(folder.path()).len(), 2, "{:?}", names(folder.path()));
    let another = StagedDir::create(&pack).unwrap();
    assert!(alive.path().is_dir() && another.path().is_dir());
    // Of another machine, held by somebody, or by nobody known.
    let far = dead(&file).replace('@', "@far.");
    let held = folder.path().join(dead(&file));
    std::fs::write(&held, b"held").unwrap();
    let lock = std::fs::File::open(&held).unwrap();
    lock.lock().unwrap();
    for name in [&far, ".tmp-abc"] {
        std::fs::write(folder.path().join(name), b"").unwrap();
    }
    sweep(folder.path());
    assert!(
        held.exists()
            && folder.path().join(far).exists()
            && folder.path().join(".tmp-abc").exists()
    );
    drop(lock);
    sweep(folder.path());
    assert!(!held.exists());
}
