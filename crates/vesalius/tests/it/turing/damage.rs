//! A test's files: for its owner alone, and damage in them is told instead of scored.

use super::{SERVE, answer_all};
use crate::Bench;
use crate::site::{Client, Server, create, packs};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Two readings, both submitted, and the server gone: everything is in the one file.
fn read(bench: &Bench) {
    packs(bench);
    let tokens = create(bench, &["--per-reader", "12", "--readers", "2", "--common", "8"]);
    let mut server = Server::start(bench, &SERVE);
    let readers: Vec<Client> = tokens.iter().map(|token| server.reader(token)).collect();
    answer_all(&readers[0], "synthetic");
    answer_all(&readers[1], "real");
    for reader in &readers {
        assert_eq!(reader.post("/read/submit", &serde_json::Value::Null).status, 200);
    }
    server.end();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn zeroed_sectors_change_no_score_and_are_told_in_one_line() {
    let bench = Bench::new();
    read(&bench);
    let path = bench.path("turing/turing.sqlite");
    assert!(!bench.path("turing/turing.sqlite-wal").exists());
    let whole = std::fs::read(&path).unwrap();
    let expected = bench.ok(&["turing", "score", "turing", "--json"]);
    let used: Vec<usize> = (0..whole.len())
        .step_by(512)
        .filter(|&at| whole[at..at + 512].iter().any(|&byte| byte != 0))
        .collect();
    let (mut same, mut refused) = (0, 0);
    // The first pages hold the tables' definitions and small tables; pictures are the rest.
    let some = used.iter().enumerate().filter(|(i, _)| *i < 8 || i % (used.len() / 24) == 0);
    for (_, &at) in some {
        let mut bytes = whole.clone();
        bytes[at..at + 512].fill(0);
        std::fs::write(&path, bytes).unwrap();
        let output = bench.run(&["turing", "score", "turing", "--json"]);
        let text = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "zeros at {at}");
            same += 1;
        } else {
            assert_eq!(output.status.code(), Some(2), "zeros at {at}: {text}");
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines.len() == 1 && lines[0].contains("turing.sqlite"), "{at}: {text}");
            if refused % 8 == 0 {
                let serve = ["serve", "--turing", "turing", "--listen", "127.0.0.1:0"];
                bench.refused(&serve, &["turing.sqlite"]);
            }
            refused += 1;
        }
    }
    eprintln!(
        "512 zeros at {} places: {same} times the same scores, {refused} times refused",
        same + refused
    );
    assert!(refused > 20, "{refused}");
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(bench.ok(&["turing", "score", "turing", "--json"]), expected);
}

#[test]
fn a_tests_files_are_its_owners_alone() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "4", "--readers", "1"]);
    let file = |name: &str| bench.path("turing").join(name);
    assert_eq!(mode(&bench.path("turing")), 0o755);
    assert_eq!([mode(&file("turing.sqlite")), mode(&file("links.txt"))], [0o600; 2]);
    // What an older version made, or a copy.
    for name in ["turing.sqlite", "links.txt"] {
        std::fs::set_permissions(file(name), std::fs::Permissions::from_mode(0o664)).unwrap();
    }
    let output = bench.run(&["turing", "score", "turing", "--json"]);
    let text = String::from_utf8_lossy(&output.stderr);
    for name in ["turing.sqlite", "links.txt"] {
        assert!(text.contains(&format!("{name}: others had rights to it (664)")), "{text}");
    }
    let server = Server::start(&bench, &SERVE);
    answer_all(&server.reader(&tokens[0]), "real");
    let names = ["turing.sqlite", "turing.sqlite-wal", "turing.sqlite-shm", "links.txt"];
    assert_eq!(names.map(|name| mode(&file(name))), [0o600; 4]);
}

/// A test that somebody else made may say anything of itself: it can keep no digests, as those of older versions.
#[test]
fn texts_that_are_not_seen_are_refused_with_the_column_that_holds_them() {
    let bench = Bench::new();
    packs(&bench);
    create(&bench, &["--per-reader", "4", "--readers", "1"]);
    let path = bench.path("turing/turing.sqlite");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("DROP TABLE seal; PRAGMA user_version = 1").unwrap();
    db.close().unwrap();
    Server::start(&bench, &SERVE).end();
    let whole = std::fs::read(&path).unwrap();
    let about = |field: &str, value: &str| {
        format!("UPDATE about SET json = json_set(json, '$.{field}', {value})")
    };
    for (statement, column, more) in [
        (
            "UPDATE reader SET name = 'x' || char(27) || '[2J'".to_owned(),
            "name of table reader",
            "",
        ),
        (
            "UPDATE reader SET name = printf('%.2000c', 'x')".to_owned(),
            "name of table reader",
            "2000",
        ),
        ("UPDATE reader SET name = x'ff'".to_owned(), "name of table reader", ""),
        ("UPDATE item SET name = char(8238) || name".to_owned(), "name of table item", ""),
        (about("title", "'one' || char(10) || 'two'"), "json of table about", "title"),
        (about("title", "printf('%.2000c', 'x')"), "json of table about", "title"),
        (about("dataset", "'acdc' || char(7)"), "json of table about", "dataset"),
        (about("gan", "'a' || char(8203) || 'b'"), "json of table about", "gan"),
        (about("classes[0]", "char(9)"), "json of table about", "classes"),
        (about("inputs[0].role", "char(155)"), "json of table about", "role"),
        (
            about("remark", "'; ' || char(10) || char(92) || 'input'"),
            "json of table about",
            "remark",
        ),
        (about("overlap", "json_array('a' || char(13))"), "json of table about", "overlap"),
        (about("title", "7"), "json of table about", "string"),
    ] {
        let db = rusqlite::Connection::open(&path).unwrap();
        assert!(db.execute(&statement, []).unwrap() > 0, "{statement}");
        db.close().unwrap();
        let parts = ["turing.sqlite", column, more];
        bench.refused(&["turing", "score", "turing", "--json"], &parts);
        bench.refused(&["serve", "--turing", "turing", "--listen", "127.0.0.1:0"], &parts);
        std::fs::write(&path, &whole).unwrap();
    }
    let mut made = vec!["turing", "create", "--real", "real", "--synthetic", "synthetic"];
    made.extend(["--readers", "1", "--out", "other", "--title", "a\u{1b}b"]);
    bench.refused(&made, &["--title"]);
}
