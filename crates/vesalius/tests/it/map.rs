//! Maps from feature files: what is written, that threads change nothing, and what is refused.

use super::Bench;
use std::fmt::Write as _;

/// A little-endian f32 matrix as NumPy writes it.
fn write_npy(bench: &Bench, name: &str, rows: &[Vec<f32>]) {
    let mut header = String::new();
    let _ = write!(
        header,
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
        rows.len(),
        rows[0].len()
    );
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
    std::fs::write(bench.path(name), bytes).unwrap();
}

/// Rows around three centres; `shift` moves them all.
fn crowd(count: usize, width: usize, shift: f32) -> Vec<Vec<f32>> {
    let wave = |i: usize, j: usize| ((i * 37 + j * 101) as f32 * 0.7).sin();
    (0..count)
        .map(|i| (0..width).map(|j| wave(i, j) + 4.0 * wave(i % 3, j + 7) + shift).collect())
        .collect()
}

const FILES: [&str; 5] = ["map", "--real", "real.npy", "--synthetic", "fake.npy"];

#[test]
fn a_map_of_feature_files_is_the_same_on_one_thread_and_on_three() {
    let bench = Bench::new();
    write_npy(&bench, "real.npy", &crowd(60, 12, 0.0));
    write_npy(&bench, "fake.npy", &crowd(80, 12, 0.5));
    write_npy(&bench, "other.npy", &crowd(30, 12, 6.0));
    let mut maps = Vec::new();
    for (out, threads) in [("one", "1"), ("three", "3")] {
        let more = ["--synthetic", "other.npy", "--count", "50", "--json", "--out", out];
        let text = bench.ok(&[&FILES[..], &more, &["--threads", threads]].concat());
        let scores: serde_json::Value = serde_json::from_str(&text).unwrap();
        let score = &scores["scores"][0];
        assert_eq!(score["metric"], "trustworthiness");
        assert!(score["extractor"].as_str().unwrap().starts_with("file@"), "{score}");
        assert_eq!((&score["real_count"], &score["synthetic_count"]), (&50.into(), &80.into()));
        assert!(score["value"].as_f64().unwrap() > 0.8, "{text}");
        maps.push(std::fs::read(bench.path(out).join("map.json")).unwrap());
    }
    assert!(maps[0] == maps[1], "the map depends on the number of threads");
    let map: serde_json::Value = serde_json::from_slice(&maps[0]).unwrap();
    assert_eq!(map["points"].as_array().unwrap().len(), 130);
    assert_eq!(map["points"][0]["kind"], "real");
    assert_eq!(map["points"][129]["panel"], 1);
    let svg = std::fs::read_to_string(bench.path("one/map.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("fake") && svg.contains("other"));
    let html = std::fs::read_to_string(bench.path("one/map.html")).unwrap();
    assert!(!html.contains("{{"), "a placeholder is left");
    assert!(!html.contains("src=\"http") && !html.contains("href="), "something from outside");
    assert!(!bench.path("one/result.json").exists(), "feature files say nothing of a dataset");
}

#[test]
fn what_cannot_be_mapped_is_refused_in_one_line() {
    let bench = Bench::new();
    write_npy(&bench, "real.npy", &crowd(60, 12, 0.0));
    let fake = |rows: &[Vec<f32>], more: &[&str], parts: &[&str]| {
        write_npy(&bench, "fake.npy", rows);
        bench.refused(&[&FILES[..], &["--out", "map"], more].concat(), parts);
        assert!(!bench.path("map").exists(), "half a map");
    };
    let good = crowd(60, 12, 0.5);
    fake(&crowd(60, 9, 0.0), &[], &["fake.npy", "9 dimensions", "12"]);
    fake(&vec![vec![0.25; 12]; 40], &[], &["fake.npy", "have the same features"]);
    let mut broken = good.clone();
    broken[3][4] = f32::NAN;
    fake(&broken, &[], &["fake.npy", "NaN"]);
    fake(&good, &["--neighbours", "120"], &["120 points and 120 neighbours"]);
    fake(&good, &["--neighbours", "1"], &["1 neighbours, expected at least 2"]);
    fake(&good, &["--min-dist", "7"], &["least distance 7", "0 to 1"]);
    fake(&good, &["--count", "9"], &["18 points"]);
}
