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
