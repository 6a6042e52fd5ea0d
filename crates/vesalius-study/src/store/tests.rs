use super::*;
use crate::task::Task;
use serde_json::json;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Outcome, RESULT_FORMAT, RunResult, Subject};

/// A study's folder with 40 finished tasks and their index.
fn studied() -> (tempfile::TempDir, Progress) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    for i in 0..40 {
        let task = Task::new(Stage::Train, vec![], vec![], json!({ "seed": i }));
        let dir = TaskDir::of(folder.path(), Stage::Train, &task.key());
        dir.create(&task).unwrap();
        let subject = Subject { dataset: "acdc".into(), gan: None, trained_on: None };
        let of = Some("best_during_training".into());
        let distance =
            Score { of, ..Score::new("frechet_distance", f64::from(i), "made up".into()) };
        let result = RunResult {
            format: RESULT_FORMAT,
            stage: "train".into(),
            subject,
            outcome: Outcome::Finished,
            scores: vec![distance],
            inputs: vec![],
            wall_secs: 1.0,
            cost: vesalius_data::run::Cost::default(),
            command: "vesalius train".into(),
            vesalius: "0.1.0".into(),
            machine: "a machine".into(),
            settings: serde_json::Value::Null,
            overlap: Some(vec![]),
            training: None,
            files: std::collections::BTreeMap::new(),
        };
        result.publish(dir.path()).unwrap();
        assert!(store.take_up(Stage::Train, &task.key()).unwrap().is_none());
    }
    let known = store.progress().unwrap();
    assert_eq!(known.finished.len(), 40);
    (folder, known)
}

/// What can become of a file.
type Damage = fn(&mut Vec<u8>);

const DAMAGES: [(&str, Damage); 13] = [
    ("no byte left", Vec::clear),
    ("one byte left", |bytes| bytes.truncate(1)),
    ("truncated in the header", |bytes| bytes.truncate(50)),
    ("truncated behind the header", |bytes| bytes.truncate(100)),
    ("truncated behind the first page", |bytes| bytes.truncate(4096)),
    ("truncated in the second page", |bytes| bytes.truncate(5000)),
    ("the last page lost", |bytes| bytes.truncate(bytes.len() - 4096)),
    ("a header of noise", |bytes| {
        let noise = (0..100_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        bytes.iter_mut().zip(noise).for_each(|(byte, noise)| *byte = noise);
    }),
    ("pages overwritten", |bytes| bytes[100..3100].fill(0xa5)),
    ("a page of zeros", |bytes| bytes[4096..8192].fill(0)),
    ("bytes of every page flipped", |bytes| {
        for at in (4096..bytes.len()).step_by(64) {
            bytes[at] ^= 0xff;
        }
    }),
    ("a text", |bytes| *bytes = b"not a database, as after a power cut".to_vec()),
    ("of a newer version", |bytes| bytes[63] = 3),
];

/// One line that names the file and what helps.
fn is_told(error: &anyhow::Error) {
    let error = format!("{error:#}");
    assert!(error.contains("store.sqlite") && error.contains("study reindex"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_damaged_index_is_named_and_made_again_whatever_its_damage() {
    for (what, damage) in DAMAGES {
        let (folder, known) = studied();
        let path = folder.path().join("store.sqlite");
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() > 3 * 4096, "several pages, so that each damage hits something");
        damage(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        is_told(&Store::open(folder.path()).map(|_| what).unwrap_err());
        is_told(&Store::open_to_read(folder.path()).map(|_| what).unwrap_err());
        assert!(std::fs::read(&path).unwrap() == bytes, "{what}: somebody wrote into it");

        let done = Store::reindex(folder.path()).unwrap();
        assert_eq!((done.found, done.strange.len()), (40, 0), "{what}");
        let (aside, _) = done.set_aside.unwrap();
        assert!(std::fs::read(&aside).unwrap() == bytes, "{what}: not what was set aside");
        let store = Store::open(folder.path()).unwrap();
        store.verify().unwrap();
        assert_eq!(store.progress().unwrap().finished, known.finished, "{what}");
    }
}

#[test]
fn a_folder_a_link_to_nothing_and_leftovers_are_no_obstacle() {
    let (folder, known) = studied();
    let path = folder.path().join("store.sqlite");
    let again = |set_aside: bool| {
        let done = Store::reindex(folder.path()).unwrap();
        assert_eq!((done.found, done.set_aside.is_some()), (40, set_aside));
        assert_eq!(
            Store::open(folder.path()).unwrap().progress().unwrap().finished,
            known.finished
        );
    };
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    is_told(&Store::open_to_read(folder.path()).unwrap_err());
    again(true);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    is_told(&Store::open(folder.path()).unwrap_err());
    again(true);
    // What an index that is gone, or was cut off, left beside it.
    for leftover in ["store.sqlite-wal", "store.sqlite-shm"] {
        std::fs::write(folder.path().join(leftover), vec![7; 40_000]).unwrap();
    }
    again(false);
    std::fs::remove_file(&path).unwrap();
    for leftover in ["store.sqlite-wal", "store.sqlite-shm"] {
        std::fs::write(folder.path().join(leftover), vec![7; 40_000]).unwrap();
    }
    again(false);
    std::fs::write(&path, "a text").unwrap();
    again(true);
}

#[test]
fn an_index_that_is_sound_is_written_again_in_its_place() {
    let (folder, known) = studied();
    let reader = Store::open_to_read(folder.path()).unwrap().unwrap();
    let gone = known.finished.keys().next().unwrap().clone();
    let dir = TaskDir::of(folder.path(), Stage::Train, &gone);
    std::fs::remove_dir_all(dir.path()).unwrap();
    let done = Store::reindex(folder.path()).unwrap();
    assert_eq!((done.found, done.set_aside), (39, None));
    assert_eq!(reader.progress().unwrap().finished.len(), 39, "who looks at it sees the new one");
    let files = std::fs::read_dir(folder.path()).unwrap().flatten();
    let names: Vec<String> = files.map(|f| f.file_name().to_string_lossy().into_owned()).collect();
    assert!(
        names.iter().all(|name| !name.contains("tmp") && !name.contains("damaged")),
        "{names:?}"
    );
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let db = Connection::open(folder.path().join("store.sqlite")).unwrap();
    db.pragma_update(None, "user_version", STORE_VERSION + 1).unwrap();
    drop(db);
    for error in
        [Store::open(folder.path()).unwrap_err(), Store::open_to_read(folder.path()).unwrap_err()]
    {
        let error = error.to_string();
        assert!(error.contains("version 3") && error.contains("newer"), "{error}");
    }
}

/// Tables of another program, or of a version that there never was.
#[test]
fn a_database_with_other_tables_is_no_store() {
    for (tables, version) in [
        ("CREATE TABLE notes (text TEXT)", 0),
        ("CREATE TABLE task (key TEXT, stage TEXT)", STORE_VERSION),
        ("CREATE TABLE task (key TEXT, stage TEXT)", 0),
    ] {
        let (folder, known) = studied();
        let path = folder.path().join("store.sqlite");
        std::fs::remove_file(&path).unwrap();
        let db = Connection::open(&path).unwrap();
        db.execute_batch(tables).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        drop(db);
        is_told(&Store::open(folder.path()).unwrap_err());
        assert!(Store::reindex(folder.path()).unwrap().set_aside.is_some());
        assert_eq!(
            Store::open(folder.path()).unwrap().progress().unwrap().finished,
            known.finished
        );
    }
}

/// Changes a value as damage would: behind SQLite's back, but for the structure of its file.
fn change(folder: &Path, statement: &str) {
    let db = Connection::open(folder.join("store.sqlite")).unwrap();
    assert_eq!(db.execute(statement, []).unwrap(), 1, "{statement}");
}

#[test]
fn a_changed_value_is_told_and_the_index_made_again() {
    for set in [
        "distance = 0.5",
        "distance = NULL",
        "diverged = 'at 1.0 kimg'",
        "images = 7",
        "wall_secs = 2.0",
        "stage = 'judge'",
        "state = 'cancelled'",
        "key = replace(key, substr(key, 1, 4), 'abcd')",
        "row_sha256 = NULL",
        "row_sha256 = x'00'",
    ] {
        let (folder, known) = studied();
        let one = "(SELECT max(key) FROM task)";
        change(folder.path(), &format!("UPDATE task SET {set} WHERE key = {one}"));
        is_told(&Store::open(folder.path()).map(|_| set).unwrap_err());
        is_told(&Store::open_to_read(folder.path()).map(|_| set).unwrap_err());
        assert_eq!(Store::reindex(folder.path()).unwrap().found, 40);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.progress().unwrap().finished, known.finished, "{set}");
    }
}

#[test]
fn an_index_without_digests_is_read_and_gets_them_when_it_is_written() {
    let (folder, known) = studied();
    let db = Connection::open(folder.path().join("store.sqlite")).unwrap();
    db.execute_batch("ALTER TABLE task DROP COLUMN row_sha256; PRAGMA user_version = 1").unwrap();
    drop(db);
    let read = Store::open_to_read(folder.path()).unwrap().unwrap();
    assert_eq!(read.progress().unwrap().finished, known.finished);
    assert!(!read.sealed);
    drop(read);
    drop(Store::open(folder.path()).unwrap());
    let read = Store::open_to_read(folder.path()).unwrap().unwrap();
    assert!(read.sealed);
    assert_eq!(read.progress().unwrap().finished, known.finished);
    // A version that its tables are not of.
    drop(read);
    let db = Connection::open(folder.path().join("store.sqlite")).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    drop(db);
    is_told(&Store::open(folder.path()).unwrap_err());
}
