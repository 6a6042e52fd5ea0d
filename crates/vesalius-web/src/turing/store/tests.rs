//! Damage to a test's files, byte by byte: the same numbers as before, or a refusal, or a word.

use super::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use vesalius_data::say;

const READERS: usize = 3;
const IMAGES: usize = 8;

/// A small test in `folder`; two readers have answered everything, one of them has submitted, the third has begun.
fn test(folder: &Path) -> Turing {
    let about = About {
        title: "Real or synthetic?".into(),
        dataset: "acdc".into(),
        gan: Some("WGAN-GP".into()),
        overlay: true,
        classes: vec!["background".into()],
        planes: 1,
        pause_every: 25,
        seed: 1,
        common: 4,
        inputs: vec![],
        command: "vesalius turing create".into(),
        remark: String::new(),
        overlap: vec![],
        address: None,
    };
    let readers: Vec<(String, TokenDigest)> = (0..READERS)
        .map(|i| (format!("reader {}", i + 1), TokenDigest::of(&i.to_string())))
        .collect();
    let pictures: Vec<Picture> = (0..IMAGES as u8 * 2)
        .map(|i| Picture {
            kind: if i % 2 == 0 { Kind::Real } else { Kind::Synthetic },
            slice: 100 + usize::from(i),
            png: (0..700_u32).map(|at| (at as u8).wrapping_mul(37) ^ i).collect(),
            mask: vec![i; 600],
        })
        .collect();
    let sessions: Vec<Vec<usize>> =
        (0..READERS).map(|reader| (0..IMAGES).map(|i| (i + reader * 3) % 16).collect()).collect();
    Turing::create(folder, &about, &readers, &pictures, &sessions).unwrap();
    let turing = Turing::open(folder).unwrap();
    assert!(turing.notes().is_empty(), "{:?}", turing.notes());
    for (reader, count) in [(1, IMAGES), (2, IMAGES), (3, 3)] {
        for i in 0..count {
            give(&turing, reader, i, 0);
        }
    }
    assert_eq!(turing.submit(1).unwrap(), Submitted::Yes);
    turing
}

fn give(turing: &Turing, reader: i64, i: usize, revision: u32) {
    let verdict =
        if (i + revision as usize).is_multiple_of(3) { Kind::Real } else { Kind::Synthetic };
    let (items, _) = turing.session(reader).unwrap();
    let given = Given {
        image: items[i].name.clone(),
        revision,
        verdict,
        confidence: 1 + (i % 5) as u8,
        viewed_ms: 1000 + i as u32,
    };
    assert!(matches!(turing.answer(reader, &given).unwrap(), Saved::Yes(_)));
}

/// Everything that scores and pages are made of.
fn all(turing: &Turing) -> Result<String> {
    let mut text = format!("{:?}", turing.about());
    for reader in turing.readers()? {
        let judged = turing.judged(reader.id)?;
        write!(text, "{reader:?} {:?} {judged:?}", turing.session(reader.id)?)?;
        for judged in judged {
            write!(text, "{:?}", turing.by_row(judged.picture)?)?;
        }
    }
    Ok(text)
}

/// What opening a damaged test and reading all of it gives: the same as before, another thing, or an error; and
/// remarks.
fn opened(folder: &Path) -> (Result<String>, Vec<String>) {
    match Turing::open(folder) {
        Ok(turing) => (all(&turing), turing.notes().to_vec()),
        Err(error) => (Err(error), vec![]),
    }
}

/// Changes a file again and again, and looks what the test says then. Gives how often it was the same, refused,
/// remarked on.
fn damaged(
    name: &str,
    files: &BTreeMap<&str, Vec<u8>>,
    expected: &str,
    changes: impl Iterator<Item = (usize, Vec<u8>)>,
) -> [usize; 3] {
    let folder = tempfile::tempdir().unwrap();
    let mut counts = [0; 3];
    for (at, bytes) in changes {
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (file, whole) in files {
            let mut whole = whole.clone();
            if *file == name {
                whole[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            fs::write(folder.path().join(file), whole).unwrap();
            private::tighten(&folder.path().join(file));
        }
        let (found, notes) = opened(folder.path());
        match found {
            Ok(text) if text == expected => counts[0] += 1,
            Ok(_) => {
                assert!(!notes.is_empty(), "{name}: bytes at {at} changed a score without a word");
                counts[2] += 1;
            }
            Err(error) => {
                let line = format!("{error:#}");
                assert!(line.contains("turing.sqlite") && !line.contains('\n'), "{at}: {line}");
                counts[1] += 1;
            }
        }
    }
    counts
}

/// Pieces of a disk's sector, but for those that are nothing but zeros.
fn zeroed(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let pieces = bytes.chunks(512).enumerate();
    pieces.filter(|(_, p)| p.iter().any(|&b| b != 0)).map(|(i, p)| (i * 512, vec![0; p.len()]))
}

fn flipped(bytes: &[u8], step: usize) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let changed = |at: usize| vec![bytes[at] ^ (1 << (at / 7 % 8))];
    (0..bytes.len()).step_by(step).map(move |at| (at, changed(at)))
}

#[test]
fn damage_to_the_file_changes_no_score() {
    let folder = tempfile::tempdir().unwrap();
    let turing = test(folder.path());
    let expected = all(&turing).unwrap();
    drop(turing);
    let bytes = fs::read(folder.path().join(FILE)).unwrap();
    assert!(!wal::beside(&folder.path().join(FILE)).exists(), "the file is all there is");
    let files = BTreeMap::from([(FILE, bytes.clone())]);
    let pieces = damaged(FILE, &files, &expected, zeroed(&bytes));
    let flips = damaged(FILE, &files, &expected, flipped(&bytes, 61));
    say!("{} bytes: zeroed pieces {pieces:?}, flipped bits {flips:?}", bytes.len());
    assert!(pieces[1] > 60 && flips[1] > 400, "most of the file is in use");
    assert_eq!((pieces[2], flips[2]), (0, 0));
}

#[test]
fn damage_to_the_log_of_a_killed_server_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let turing = test(folder.path());
    let expected = all(&turing).unwrap();
    // Copied while it is open, as a kill leaves it.
    let path = folder.path().join(FILE);
    let (database, log) = (fs::read(&path).unwrap(), fs::read(wal::beside(&path)).unwrap());
    let name = format!("{FILE}-wal");
    let files = BTreeMap::from([(FILE, database), (name.as_str(), log.clone())]);
    // Something else than the whole file, to be quick: each look takes a quarter of a second.
    let pieces = damaged(&name, &files, &expected, zeroed(&log).step_by(3));
    let end = log.len() - 5000;
    let last = zeroed(&log).filter(|(at, _)| *at > end);
    let tail = damaged(&name, &files, &expected, last);
    let flips = damaged(&name, &files, &expected, flipped(&log, 4999));
    say!("{} bytes of log: {pieces:?}, {tail:?}, {flips:?}", log.len());
    assert_eq!(pieces[0] + flips[0], 0, "every byte of a log counts");
    assert!(tail[2] > 0, "the last transaction");
}

#[test]
fn a_log_that_is_written_meanwhile_or_began_anew_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let turing = test(folder.path());
    let path = folder.path().join(FILE);
    for i in 0..4_u32 {
        assert_eq!(wal::check(&path).unwrap(), None);
        give(&turing, 2, i as usize, 1);
        locked(&turing.writer).query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
        assert_eq!(wal::check(&path).unwrap(), None);
        give(&turing, 2, i as usize, 2);
    }
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for revision in 3.. {
                if stop.load(std::sync::atomic::Ordering::SeqCst) {
                    break;
                }
                give(&turing, 2, 0, revision);
            }
        });
        for _ in 0..20 {
            let beside = Turing::open(folder.path()).unwrap();
            assert!(beside.notes().is_empty(), "{:?}", beside.notes());
            all(&beside).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn a_changed_value_is_noticed_where_it_is_read_and_never_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let turing = test(folder.path());
    let other = connect(&folder.path().join(FILE)).unwrap();
    let name = turing.session(2).unwrap().0[0].name.clone();
    turing.picture(2, &name, false).unwrap().unwrap();
    other.execute("UPDATE answer SET viewed_ms = 7 WHERE item = 9", []).unwrap();
    other.execute("UPDATE picture SET png = zeroblob(700)", []).unwrap();
    let told = |error: anyhow::Error, part: &str| {
        let line = format!("{error:#}");
        assert!(line.contains(part) && line.contains("damaged"), "{line}");
    };
    told(turing.session(2).unwrap_err(), "the answers of reader 2");
    told(turing.judged(2).unwrap_err(), "the answers of reader 2");
    told(turing.submit(2).unwrap_err(), "the answers of reader 2");
    told(turing.picture(2, &name, false).unwrap_err(), "picture 4");
    let given =
        Given { image: name, revision: 1, verdict: Kind::Real, confidence: 1, viewed_ms: 1 };
    told(turing.answer(2, &given).unwrap_err(), "the answers of reader 2");
    // Others go on.
    give(&turing, 3, 4, 0);
    turing.judged(3).unwrap();
    drop(turing);
    told(Turing::open(folder.path()).unwrap_err(), "picture 1 ");
}

#[test]
fn a_test_without_digests_opens_with_a_remark_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    drop(test(folder.path()));
    let db = connect(&folder.path().join(FILE)).unwrap();
    db.pragma_update(None, "user_version", UNSEALED_VERSION).unwrap();
    drop(db);
    let error = format!("{:#}", Turing::open(folder.path()).unwrap_err());
    assert!(error.contains("its version is not that of its tables"), "{error}");
    Connection::open(folder.path().join(FILE)).unwrap().execute("DROP TABLE seal", []).unwrap();
    let turing = Turing::open(folder.path()).unwrap();
    assert_eq!(turing.notes().len(), 1, "{:?}", turing.notes());
    assert!(turing.notes()[0].contains("before tests kept digests"), "{:?}", turing.notes());
    give(&turing, 3, 3, 0);
    assert_eq!(turing.submit(2).unwrap(), Submitted::Yes);
    all(&turing).unwrap();
    drop(turing);
    Connection::open(folder.path().join(FILE))
        .unwrap()
        .pragma_update(None, "user_version", 3)
        .unwrap();
    let error = format!("{:#}", Turing::open(folder.path()).unwrap_err());
    assert!(error.contains("version 3, expected 1 or 2"), "{error}");
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let turing = test(folder.path());
    let modes = || -> Vec<u32> {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries.map(|e| e.unwrap().metadata().unwrap().permissions().mode() & 0o777).collect()
    };
    assert_eq!(modes(), [0o600; 3], "the file, its log and its index");
    drop(turing);
    assert_eq!(modes(), [0o600]);
    let path = folder.path().join(FILE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let turing = Turing::open(folder.path()).unwrap();
    assert_eq!(turing.notes().len(), 1);
    assert!(turing.notes()[0].contains("turing.sqlite: others had rights to it (644)"));
    assert_eq!(modes(), [0o600; 3]);
}
