//! The copying audit: a memory GAN is caught, strangers are not accused, bad input gives a line.

use super::Bench;
use serde_json::Value;
use vesalius_testing::real_data;

/// A pack of ACDC phantoms; its patients are a function of the seed.
fn hearts(bench: &Bench, name: &str, seed: &str) {
    let data = format!("{name}-data");
    bench.ok(&["phantom", "acdc", &data, "--patients", "12", "--seed", seed]);
    let mut prepare = vec!["prepare", "acdc", &data, "--out", name];
    prepare.extend(["--size", "32x32", "--crop", "centre:128x128"]);
    bench.ok(&prepare);
}

/// The result of an audit without a network.
fn audit(bench: &Bench, synthetic: &str, run: &str) -> Value {
    let arguments = ["copying", "--real", "real", "--synthetic", synthetic, "--out", run];
    bench.ok(&[&arguments[..], &["--pixels-only", "--planted", "12"]].concat());
    result(bench, run)
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
fn a_set_of_copies_is_caught_a_memory_gan_stands_out_and_strangers_are_not_accused() {
    let bench = Bench::new();
    hearts(&bench, "real", "1");
    bench.ok(&["copying", "--real", "real", "--memory-gan", "memory", "--count", "40"]);
    hearts(&bench, "strangers", "2");
    // The real pack itself: most of its slices are the training slices.
    let copies = audit(&bench, "real", "runs/copies");
    assert_eq!(copies["settings"]["level"], "copying", "{:#}", copies["settings"]);
    assert!(score(&copies, "flagged_share", None) > 0.7);

    let memory = audit(&bench, "memory", "runs/memory");
    assert_eq!(memory["stage"], "copying");
    assert_eq!(
        (&memory["subject"]["gan"], &memory["subject"]["dataset"]),
        (&"memory".into(), &"acdc".into())
    );
    let settings = &memory["settings"];
    // So few and so plain phantoms hide some perturbed copies; on real photographs they do not: see below.
    assert_ne!(settings["level"], "none_found", "{settings:#}");
    let alarm = score(&memory, "false_alarm_rate", None);
    assert!(score(&memory, "flagged_share", None) > 4.0 * alarm, "{settings:#}");
    assert_eq!(score(&memory, "planted_recall", Some("exact")), 1.0);
    assert!(score(&memory, "planted_recall", Some("flipped")) > 0.9);
    assert!(settings["limits"].as_str().unwrap().contains("of shifted copies"));

    let clear = audit(&bench, "strangers", "runs/strangers");
    assert_eq!(clear["settings"]["level"], "none_found", "{:#}", clear["settings"]);
    assert!(score(&clear, "flagged_share", None) < 0.02, "{:#}", clear["settings"]);
    assert_eq!(clear["settings"]["sure_images"], 0);

    let csv = std::fs::read_to_string(bench.path("runs/memory/nearest.csv")).unwrap();
    let held_out = csv.lines().filter(|line| line.starts_with("held_out,")).count();
    assert_eq!(csv.lines().count(), 1 + 40 + held_out);
    assert!(held_out > 0);
    assert_eq!(csv.lines().next().unwrap().split(',').count(), 17);
    let png = std::fs::read(bench.path("runs/memory/closest.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");
}

#[test]
fn a_memory_gan_of_real_photographs_is_called_copying() {
    let Some(data) = real_data("idrid") else { return };
    let bench = Bench::new();
    let data = data.to_str().expect("a path in UTF-8");
    let prepare = ["prepare", "idrid", data, "--out", "real", "--size", "64x64"];
    bench.ok(&[&prepare[..], &["--crop", "foreground"]].concat());
    bench.ok(&["copying", "--real", "real", "--memory-gan", "memory", "--count", "40"]);
    let caught = audit(&bench, "memory", "run");
    assert_eq!(caught["settings"]["level"], "copying", "{:#}", caught["settings"]);
    assert!(score(&caught, "membership_auc", None) > 0.8);
    // The same attack on one half of those who trained it, against the other.
    let members = score(&caught, "membership_auc_members", None);
    assert!((members - 0.5).abs() < 0.25, "{members}");
    assert_eq!(score(&caught, "planted_recall", Some("exact")), 1.0);
    // As fine a rate as 20 real photographs allow.
    assert!(score(&caught, "false_alarm_rate", None) <= 1.0 / 21.0 + 1e-12);
}

#[test]
fn features_add_auth_pct_and_the_nearest_image_by_features() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.with_judge();
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
    assert_ne!(result["settings"]["level"], "none_found", "{:#}", result["settings"]);
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
    refused("large", &["64x64 pixels, 1 channels; expected those of", "real: 32x32 pixels"]);
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
        &[
            "copying",
            "--real",
            "small",
            "--synthetic",
            "real",
            "--out",
            "run",
            "--pixels-only",
            "--allow-overlap",
        ],
        &["small: 2 training patients, expected at least 3"],
    );
}

/// A synthetic pack of constant images.
fn flat(bench: &Bench, name: &str) {
    use vesalius_data::pack::manifest::{CaseRecord, Manifest, SliceRecord, Split};
    use vesalius_data::pack::{Pack, PackWriter};
    let few = Pack::open(&bench.path("few")).unwrap();
    let slice_shape = few.slice_shape();
    let mut writer = PackWriter::create(&bench.path(name), slice_shape).unwrap();
    for i in 0..30 {
        let pixels = vec![i; slice_shape.pixel_bytes()];
        let labels = vec![0; slice_shape.label_bytes()];
        writer.push(&pixels, &labels, SliceRecord { case: 0, position: usize::from(i) }).unwrap();
    }
    let case = CaseRecord::new("flat", "flat", Split::Train);
    writer.finish(Manifest { cases: vec![case], ..few.manifest().clone() }).unwrap();
}
