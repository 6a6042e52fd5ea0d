//! The copying audit: a memory GAN is caught, strangers are not accused, bad input gives a line.

use super::Bench;
use serde_json::Value;

/// An IDRiD phantom pack; its patients are a function of the seed.
fn idrid(bench: &Bench, name: &str, patients: &str, seed: &str) {
    let data = format!("{name}-data");
    bench.ok(&["phantom", "idrid", &data, "--patients", patients, "--seed", seed]);
    bench.ok(&[
        "prepare",
        "idrid",
        &data,
        "--out",
        name,
        "--size",
        "64x64",
        "--crop",
        "foreground",
    ]);
}

fn result(bench: &Bench, run: &str) -> Value {
    let text = std::fs::read(bench.path(run).join("result.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn score(result: &Value, metric: &str, of: Option<&str>) -> f64 {
    let scores = result["scores"].as_array().unwrap();
    let found = scores.iter().find(|s| s["metric"] == metric && s["of"].as_str() == of);
    found.unwrap_or_else(|| panic!("no {metric} of {of:?}"))["value"].as_f64().unwrap()
}

#[test]
fn a_memory_gan_is_caught_and_strangers_are_not_accused() {
    let bench = Bench::new();
    idrid(&bench, "real", "20", "1");
    bench.ok(&["copying", "--real", "real", "--memory-gan", "memory", "--count", "40"]);
    idrid(&bench, "strangers", "30", "2");
    let audit = |synthetic: &str, run: &str| {
        let arguments =
            ["copying", "--real", "real", "--synthetic", synthetic, "--out", run, "--pixels-only"];
        bench.ok(&arguments);
        result(&bench, run)
    };
    let caught = audit("memory", "runs/memory");
    assert_eq!(caught["stage"], "copying");
    assert_eq!(
        (&caught["subject"]["gan"], &caught["subject"]["dataset"]),
        (&"memory".into(), &"idrid".into())
    );
    let settings = &caught["settings"];
    assert_eq!(settings["level"], "copying", "{settings:#}");
    assert!(score(&caught, "flagged_share", None) > 0.8, "{settings:#}");
    assert!(score(&caught, "planted_recall", Some("exact")) == 1.0);
    assert!(score(&caught, "planted_recall", Some("flipped")) > 0.9);
    assert!(score(&caught, "planted_recall", Some("shifted")) > 0.9);
    assert!(score(&caught, "membership_auc", None) > 0.9);
    assert!(settings["limits"].as_str().unwrap().contains("of shifted copies"));
    let missing: Vec<&str> = settings["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["metric"].as_str().unwrap())
        .collect();
    assert_eq!(missing, ["auth_pct", "c_t", "membership_auc (features)"]);

    let clear = audit("strangers", "runs/strangers");
    assert_ne!(clear["settings"]["level"], "copying", "{:#}", clear["settings"]);
    assert!(score(&clear, "flagged_share", None) < 0.1, "{:#}", clear["settings"]);
    assert_eq!(clear["settings"]["sure_images"], 0);

    let csv = std::fs::read_to_string(bench.path("runs/memory/nearest.csv")).unwrap();
    let held_out = csv.lines().filter(|line| line.starts_with("held_out,")).count();
    assert_eq!(csv.lines().count(), 1 + 40 + held_out);
    assert!(held_out > 0);
    let columns = csv.lines().next().unwrap().split(',').count();
    assert_eq!(columns, 17);
    let png = std::fs::read(bench.path("runs/memory/closest.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");
}

#[test]
fn features_add_auth_pct_and_the_nearest_image_by_features() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&["copying", "--real", "real", "--memory-gan", "memory", "--count", "40"]);
    let text = bench.ok(&[
        "copying",
        "--real",
        "real",
        "--synthetic",
        "memory",
        "--out",
        "run",
        "--planted",
        "10",
        "--json",
    ]);
    let printed: Value = serde_json::from_str(&text).unwrap();
    assert!(printed["scores"].as_array().unwrap().iter().any(|s| s["metric"] == "auth_pct"));
    let result = result(&bench, "run");
    let auth =
        result["scores"].as_array().unwrap().iter().find(|s| s["metric"] == "auth_pct").unwrap();
    assert!(auth["extractor"].as_str().unwrap().starts_with("unet@"));
    assert_eq!(result["settings"]["level"], "copying", "{:#}", result["settings"]);
    let csv = std::fs::read_to_string(bench.path("run/nearest.csv")).unwrap();
    let first = csv.lines().nth(1).unwrap();
    assert!(first.split(',').all(|field| !field.is_empty()), "{first}");
    bench.refused(
        &["copying", "--real", "real", "--synthetic", "memory", "--out", "run"],
        &["run", "holds a finished run"],
    );
}

#[test]
fn what_cannot_be_audited_gives_a_line_and_no_number() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.phantom_pack_of("large", "64x64");
    let refused = |synthetic: &str, parts: &[&str]| {
        let arguments = [
            "copying",
            "--real",
            "real",
            "--synthetic",
            synthetic,
            "--out",
            "run",
            "--pixels-only",
        ];
        bench.refused(&arguments, parts);
        assert!(!bench.path("run/result.json").exists());
    };
    refused("large", &["slices of 1x64x64", "expected 1x32x32"]);
    refused("nothing", &["nothing"]);
    bench.ok(&["copying", "--real", "real", "--memory-gan", "few", "--count", "5"]);
    refused("few", &["few: 5 images, expected at least 20"]);
    bench.refused(
        &["copying", "--real", "real", "--memory-gan", "none", "--count", "0"],
        &["--count 0"],
    );
    bench.refused(
        &[
            "copying",
            "--real",
            "real",
            "--synthetic",
            "few",
            "--out",
            "run",
            "--false-alarm-rate",
            "0",
        ],
        &["--false-alarm-rate 0"],
    );
    flat(&bench, "flat");
    refused("flat", &["30 of 30 images are one grey level"]);
    // Two patients train: too few to leave one out.
    bench.ok(&["phantom", "acdc", "small-data", "--patients", "3"]);
    bench.ok(&["prepare", "acdc", "small-data", "--out", "small", "--size", "32x32"]);
    bench.refused(
        &["copying", "--real", "small", "--synthetic", "real", "--out", "run", "--pixels-only"],
        &["small: 2 training patients, expected at least 3"],
    );
}

/// A synthetic pack of constant images.
fn flat(bench: &Bench, name: &str) {
    use vesalius_study::data::manifest::{CaseRecord, Manifest, SliceRecord, Split};
    use vesalius_study::data::pack::{Pack, PackWriter};
    let few = Pack::open(&bench.path("few")).unwrap();
    let layout = few.layout();
    let mut writer = PackWriter::create(&bench.path(name), layout).unwrap();
    for i in 0..30 {
        let pixels = vec![i; layout.pixel_bytes()];
        let labels = vec![0; layout.label_bytes()];
        writer.push(&pixels, &labels, SliceRecord { case: 0, position: usize::from(i) }).unwrap();
    }
    let case = CaseRecord {
        id: "flat".into(),
        patient: "flat".into(),
        group: None,
        split: Split::Train,
        spacing_mm: None,
    };
    writer.finish(Manifest { cases: vec![case], ..few.manifest().clone() }).unwrap();
}
