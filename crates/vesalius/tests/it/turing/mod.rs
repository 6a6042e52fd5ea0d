//! The visual Turing test over HTTP: a reading and its scores, and what cannot be drawn.

mod damage;
mod durable;
mod host;
mod leak;
mod refused;
mod slow;

use super::Bench;
use super::site::{Client, Server, create, given, images, packs};
use vesalius_web::turing::Kind;
use vesalius_web::turing::store::Turing;

const SERVE: [&str; 2] = ["--turing", "turing"];

/// Kind of each of a reader's images, in order: known to the owner's file alone.
fn kinds(bench: &Bench, reader: i64) -> Vec<Kind> {
    let judged = Turing::open(&bench.path("turing")).unwrap().judged(reader).unwrap();
    judged.iter().map(|judged| judged.kind).collect()
}

/// Answers everything with one verdict.
pub fn answer_all(reader: &Client, verdict: &str) {
    for image in images(reader) {
        let saved = reader.post("/read/answer", &given(&image, 0, verdict, 3));
        assert_eq!(saved.status, 200, "{saved:?}");
    }
}

#[test]
fn a_reading_is_kept_scored_and_reported() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "20", "--readers", "3", "--common", "20"]);
    assert_eq!(std::fs::read_to_string(bench.path("turing/links.txt")).unwrap().lines().count(), 3);
    let mut server = Server::start(&bench, &SERVE);
    let readers: Vec<Client> = tokens.iter().map(|token| server.reader(token)).collect();
    bench.refused(
        &["turing", "score", "turing", "--out", "score"],
        &["turing", "nobody has submitted"],
    );
    // The first reader changes every mind until all is right; the second calls everything synthetic; the third stops.
    answer_all(&readers[0], "real");
    for (image, kind) in images(&readers[0]).iter().zip(kinds(&bench, 1)) {
        let saved = readers[0].post("/read/answer", &given(image, 1, kind.name(), 5));
        assert_eq!(saved.json()["saved"]["revision"], 2);
    }
    answer_all(&readers[1], "synthetic");
    let first = images(&readers[2]).remove(0);
    readers[2].post("/read/answer", &given(&first, 0, "real", 1));
    for reader in &readers[..2] {
        assert_eq!(reader.post("/read/submit", &serde_json::Value::Null).json()["submitted"], true);
    }
    server.kill();

    let text = bench.ok(&["turing", "score", "turing", "--out", "score", "--json"]);
    let scores: serde_json::Value = serde_json::from_str(&text).unwrap();
    let score = |metric: &str, of: Option<&str>| {
        let metric = format!("turing_{metric}");
        let all = scores["scores"].as_array().unwrap();
        let found = all.iter().find(|s| s["metric"] == *metric && s["of"].as_str() == of);
        found.unwrap_or_else(|| panic!("{metric} {of:?}"))["value"].as_f64().unwrap()
    };
    assert_eq!(score("accuracy", Some("reader/reader 1")), 1.0);
    assert_eq!(score("auc", Some("reader/reader 1")), 1.0);
    assert_eq!(score("sensitivity", Some("reader/reader 2")), 1.0);
    assert_eq!(score("specificity", Some("reader/reader 2")), 0.0);
    assert_eq!(score("d_prime", Some("reader/reader 2")), 0.0);
    assert_eq!(score("accuracy", None), 0.75);
    assert_eq!(score("secs", None), 1.5, "the first answer's time");
    // On the 20 common images one reader is right half of the time and the other says synthetic: Fleiss' formula by
    // hand.
    let (observed, chance) = (0.5, 0.25_f64.powi(2) + 0.75_f64.powi(2));
    assert!((score("kappa", None) - (observed - chance) / (1.0 - chance)).abs() < 1e-12);
    let csv = std::fs::read_to_string(bench.path("score/answers.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 40, "of those who submitted");
    assert!(
        csv.lines()
            .skip(1)
            .all(|line| line.starts_with("reader 1,") || line.starts_with("reader 2,"))
    );
    for name in ["most-convincing.png", "least-convincing.png"] {
        assert!(std::fs::read(bench.path("score").join(name)).unwrap().starts_with(b"\x89PNG"));
    }

    bench.ok(&["report", "score", "--out", "report"]);
    let page = std::fs::read_to_string(bench.path("report/report.html")).unwrap();
    for part in ["Visual Turing test", "reader 2", "0.60", "d′", "Fleiss", "WGAN-GP"] {
        assert!(page.contains(part), "{part}");
    }
    let csv = std::fs::read_to_string(bench.path("report/turing.csv")).unwrap();
    assert!(csv.lines().any(|line| line.contains("reader 1")), "{csv}");
    bench.refused(&["turing", "score", "turing", "--out", "score"], &["holds a finished run"]);
}

#[test]
fn what_cannot_be_drawn_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    packs(&bench);
    let create = ["turing", "create", "--out", "turing"];
    let refused = |more: &[&str], parts: &[&str]| {
        bench.refused(&[&create[..], more].concat(), parts);
        assert!(!bench.path("turing").exists());
    };
    let both = ["--real", "real", "--synthetic", "synthetic"];
    refused(
        &["--real", "synthetic", "--synthetic", "synthetic"],
        &["--real", "expected a real one"],
    );
    refused(
        &["--real", "real", "--synthetic", "real"],
        &["--synthetic", "expected a synthetic one"],
    );
    refused(&[&both[..], &["--per-reader", "122"]].concat(), &["60 real test images", "61"]);
    refused(&[&both[..], &["--per-reader", "99"]].concat(), &["--per-reader 99", "even"]);
    refused(&[&both[..], &["--reader", "a", "--reader", "a"]].concat(), &["--reader", "twice"]);
    refused(&[&both[..], &["--reader", "a,b"]].concat(), &["--reader", "a,b"]);
    refused(&[&both[..], &["--address", "ftp://x"]].concat(), &["--address ftp://x"]);
    bench.phantom_pack("small");
    refused(&["--real", "small", "--synthetic", "synthetic"], &["64x64", "32x32"]);
    bench.refused(&["serve", "--turing", "nowhere"], &["nowhere/turing.sqlite", "turing create"]);
    bench.refused(&["serve"], &[]);
}
