//! `vesalius metrics --extractor inception`: FID's three dialects, the scores that its network alone gives, and when a
//! distance is a FID. The weights are of no training.

use super::Bench;
use super::metrics_packs::{cached, names, object};
use super::stand_ins::{StandIn, pictures};
use serde_json::Value;
use std::sync::OnceLock;
use vesalius_data::files::digest;
use vesalius_data::weights::known;

const SIDES: [&str; 6] = ["--real", "real", "--synthetic", "fake", "--extractor", "inception"];

fn weights() -> &'static StandIn {
    static WEIGHTS: OnceLock<StandIn> = OnceLock::new();
    WEIGHTS.get_or_init(StandIn::inception)
}

/// Two folders of pictures.
fn folders(real: usize, fake: usize) -> Bench {
    let bench = Bench::new();
    let pattern = |i: usize, [y, x, channel]: [usize; 3]| {
        y * (i % 5 + 3) + x * (channel + 2) * (i % 3 + 1) + 17 * i
    };
    pictures(&bench, "real", real, [20, 24], pattern);
    pictures(&bench, "fake", fake, [20, 24], |i, [y, x, channel]| {
        pattern(i, [x, y, channel]) % 256 * 3 / 4
    });
    bench
}

/// The scores of that name, with their dialects.
fn of<'a>(found: &'a Value, metric: &str) -> Vec<(&'a str, f64)> {
    let scores = found["scores"].as_array().unwrap().iter();
    scores
        .filter(|score| score["metric"] == metric)
        .map(|score| (score["dialect"].as_str().unwrap(), score["value"].as_f64().unwrap()))
        .collect()
}

#[test]
fn one_walk_over_the_files_gives_the_distance_in_all_three_dialects() {
    let bench = folders(10, 12);
    std::fs::create_dir(bench.path("cache")).unwrap();
    let path = bench.path("cache/inception.safetensors");
    std::fs::write(&path, weights().safetensors(None)).unwrap();
    let output = bench.run(&[&["metrics"][..], &SIDES, &["--all", "--json"]].concat());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    for walk in ["features of real images: 10 images", "features of synthetic images: 12 images"] {
        assert_eq!(text.matches(walk).count(), 1, "{text}");
    }
    let found = object(&String::from_utf8(output.stdout).unwrap());
    let extractor = format!("inception@{}", &digest::of_file(&path).unwrap()[..12]);
    let of_features = names(&found["scores"]).into_iter().zip(found["scores"].as_array().unwrap());
    for (metric, score) in of_features.filter(|(name, _)| !["psnr", "ssim"].contains(name)) {
        assert_ne!(metric, "fid", "these are not FID's weights");
        assert_eq!(score["extractor"], extractor.as_str(), "{score}");
        let protocol = score["protocol"].as_str().unwrap();
        let dialect = score["dialect"].as_str().unwrap();
        assert!(protocol.starts_with(&format!("{dialect} input treatment")), "{score}");
        let synthetic = if score["of"] == "matched counts" { 10 } else { 12 };
        let counts = [10, synthetic].map(Value::from);
        assert_eq!([&score["real_count"], &score["synthetic_count"]], [&counts[0], &counts[1]]);
    }
    for metric in ["kid", "inception_score", "relative_distance", "precision", "auth_pct"] {
        let once = of(&found, metric);
        // Precision also at matched counts.
        assert!(!once.is_empty() && once.iter().all(|(name, _)| *name == "clean-fid"), "{found}");
    }
    assert!(of(&found, "inception_score")[0].1 >= 1.0 - 1e-9, "{found}");

    // Each is what `distance` says, from the same cache.
    let distances = of(&found, "frechet_distance");
    let dialects: Vec<&str> = distances.iter().map(|(dialect, _)| *dialect).collect();
    assert_eq!(dialects, ["clean-fid", "pytorch-fid", "torch-fidelity"]);
    let before = cached(&bench);
    assert_eq!(before.len(), 3, "the real side in each dialect: {before:?}");
    for &(dialect, value) in &distances {
        let arguments = [&["distance"][..], &SIDES, &["--dialect", dialect, "--json"]].concat();
        let alone = of(&object(&bench.ok(&arguments)), "frechet_distance")[0].1;
        assert!((alone - value).abs() <= 1e-5 * value, "{dialect}: {alone} {value}");
        let mut others = distances.iter().filter(|(other, _)| *other != dialect);
        assert!(others.all(|(_, other)| (other - value).abs() > 1e-4 * value), "{distances:?}");
    }
    assert_eq!(cached(&bench), before);
}

#[test]
fn a_distance_is_called_fid_when_its_weights_were_made_from_fids_file() {
    let bench = folders(4, 4);
    let fids = known("inception").unwrap().sha256;
    std::fs::write(bench.path("fids.safetensors"), weights().safetensors(Some(fids))).unwrap();
    let other = "1".repeat(64);
    std::fs::write(bench.path("other.safetensors"), weights().safetensors(Some(&other))).unwrap();
    let called = |more: &[&str]| {
        let wanted = ["--metrics", "frechet_distance,kid", "--json"];
        let found = object(&bench.ok(&[&["metrics"][..], &SIDES, &wanted, more].concat()));
        names(&found["scores"]).join(" ")
    };
    assert_eq!(called(&["--weights", "fids.safetensors"]), "fid kid");
    assert_eq!(called(&["--weights", "fids.safetensors", "--biased"]), "frechet_distance kid");
    assert_eq!(called(&["--weights", "other.safetensors"]), "frechet_distance kid");
}
