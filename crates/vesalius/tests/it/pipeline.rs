//! From phantoms to a report, tiny.

use super::Bench;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Settings of a training that is over at once and measures nothing.
pub const TINY: [&str; 10] = [
    "--set",
    "networks.generator.filters=8",
    "--set",
    "networks.discriminator.filters=8",
    "--set",
    "training.batch=8",
    "--set",
    "training.distance_images=32",
    "--set",
    "training.distance_every_kimg=0",
];

#[test]
fn patients_become_a_report() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let mut train =
        vec!["train", "real", "--preset", "wgan-gp", "--kimg", "1.2", "--out", "runs/gan"];
    train.extend(TINY);
    bench.ok(&train);
    bench.ok(&["sample", "runs/gan", "--count", "20", "--out", "fake"]);
    bench.ok(&[
        "segment",
        "--train",
        "real",
        "--test",
        "real",
        "--out",
        "runs/unet",
        "--steps",
        "3",
        "--batch",
        "4",
    ]);
    bench.ok(&[
        "segment",
        "--train",
        "real",
        "--train",
        "fake",
        "--test",
        "real",
        "--out",
        "runs/both",
        "--steps",
        "3",
        "--batch",
        "4",
    ]);
    let result = std::fs::read_to_string(bench.path("runs/unet/result.json")).unwrap();
    assert!(result.contains("\"of\": \"patient/"), "Dice of each test patient: {result}");
    let page = bench.ok(&["report", "runs", "--out", "report"]);
    let html = std::fs::read_to_string(bench.path(page.trim())).unwrap();
    for part in [
        "WGAN-GP",
        "data:image/png;base64,",
        "<svg",
        "vesalius prepare acdc",
        "vesalius sample",
        "0.89",
    ] {
        assert!(html.contains(part), "the page lacks {part}");
    }
    assert!(!html.contains("http://") || !html.contains("<script"), "nothing from the network");
    let csv = std::fs::read_to_string(bench.path("report/table2.csv")).unwrap();
    assert!(csv.lines().any(|line| line.starts_with("acdc,Original + WGAN-GP,")), "{csv}");
    let latex = std::fs::read_to_string(bench.path("report/table2.tex")).unwrap();
    assert!(latex.contains("\\toprule") && latex.contains("DCGAN"));
    assert!(html.contains("no copying audit was run"), "an unknown risk is said to be unknown");
    bench.refused(&["report", "runs", "--out", "report"], &["report", "already exists"]);
    std::fs::write(bench.path("runs/both/result.json"), "{").unwrap();
    bench
        .refused(&["report", "runs", "--out", "other"], &["runs/both/result.json", "not a result"]);
    assert!(!bench.path("other").exists());
}

#[test]
fn an_image_depends_on_its_number_and_not_on_the_batch() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let mut train = vec!["train", "real", "--preset", "dcgan", "--kimg", "0.05", "--out", "gan"];
    train.extend(TINY);
    bench.ok(&train);
    bench.ok(&["sample", "gan", "--count", "9", "--batch", "1", "--out", "one"]);
    bench.ok(&["sample", "gan", "--count", "9", "--batch", "4", "--out", "four"]);
    let pixels = |name: &str| std::fs::read(bench.path(name).join("slices.bin")).unwrap();
    // Kernels of different batch sizes may round differently by one grey level.
    let (one, four) = (pixels("one"), pixels("four"));
    let body = |bytes: &[u8]| bytes[64..64 + 9 * 2 * 32 * 32].to_vec();
    let far = body(&one).iter().zip(body(&four)).filter(|(a, b)| a.abs_diff(*b) > 1).count();
    assert_eq!(far, 0);
    bench.ok(&["sample", "gan", "--count", "9", "--batch", "4", "--seed", "2", "--out", "other"]);
    assert_ne!(body(&pixels("other")), body(&four));
}

#[test]
fn distance_reads_feature_files_and_prints_one_object() {
    let bench = Bench::new();
    let corners = |shift: f64| -> Vec<Vec<f64>> {
        [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
            .iter()
            .map(|corner| corner.iter().map(|x| x + shift).collect())
            .collect()
    };
    bench.npy("real.npy", &corners(0.0));
    bench.npy("fake.npy", &corners(3.0));
    let text = bench.ok(&["distance", "--real", "real.npy", "--synthetic", "fake.npy", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let score = &json["scores"][0];
    assert_eq!(score["metric"], "frechet_distance");
    assert!((score["value"].as_f64().unwrap() - 18.0).abs() < 1e-9, "{text}");
    assert_eq!((&score["real_count"], &score["synthetic_count"]), (&4.into(), &4.into()));
    assert!(score["protocol"].as_str().unwrap().contains("N-1"));
}

/// When each file below a folder was written.
fn written(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(written(&path));
        } else {
            let time = path.metadata().unwrap().modified().unwrap();
            files.insert(path, time);
        }
    }
    files
}

#[test]
fn a_demo_on_own_patients_ends_with_a_report_and_makes_only_what_is_missing() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "6"]);
    let mut demo = vec!["demo", "--source", "acdc", "--data", "data", "--out", "d"];
    demo.extend(["--size", "32x32", "--kimg", "0.1", "--steps", "2", "--count", "24"]);
    demo.extend(["--threads", "1"]);
    let page = bench.ok(&demo);
    assert_eq!(page, "d/report/report.html\n");
    let html = std::fs::read_to_string(bench.path(page.trim())).unwrap();
    assert!(html.contains("vesalius prepare acdc"), "the report says how it was made");
    for run in ["unet-real/seed-1", "unet-real/seed-2", "hinge", "copying-wgan"] {
        for fold in ["fold-0", "fold-1"] {
            let result = bench.path("d/runs").join(fold).join(run).join("result.json");
            assert!(result.is_file(), "{fold} {run}");
        }
    }
    let rows = std::fs::read_to_string(bench.path("d/report/table2.csv")).unwrap();
    assert!(rows.contains("acdc,Original"), "own patients are called as their dataset is: {rows}");

    let removed = bench.path("d/runs/fold-1/unet-real");
    std::fs::remove_dir_all(&removed).unwrap();
    let finished = || [written(&bench.path("d/packs")), written(&bench.path("d/runs"))];
    let before = finished();
    let output = bench.run(&demo);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), page);
    let steps: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("] vesalius "))
        .map(|(_, step)| step)
        .collect();
    let commands: Vec<&str> = steps.iter().filter_map(|step| step.split(' ').next()).collect();
    assert_eq!(commands, ["segment", "report"], "{text}");
    assert!(text.contains("[15 of 28, "), "{text}");
    assert!(removed.join("ensemble/result.json").is_file());
    let mut after = finished();
    after[1].retain(|path, _| !path.starts_with(&removed));
    assert_eq!(before, after, "what was finished was written again");

    let output = bench.run(&["demo", "--source", "acdc", "--data", "nowhere", "--out", "other"]);
    assert_eq!(output.status.code(), Some(2));
    // The step says why, the demo which step it was.
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = text.lines().last().unwrap();
    assert!(text.contains("error: nowhere: no such folder"), "{text}");
    assert!(last.contains("error: the step `vesalius prepare acdc nowhere"), "{text}");
}

/// Names under `Commands:` of a help text, but for `help` itself.
fn commands(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| *line != "Options:")
        .filter_map(|line| line.strip_prefix("  "))
        // What is indented further is a description.
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

#[test]
fn help_is_a_manual_and_completions_are_scripts() {
    let bench = Bench::new();
    let top = bench.ok(&["--help"]);
    let names = commands(&top);
    assert!(names.len() >= 21, "{names:?}");
    for name in names {
        let help = bench.ok(&[name, "--help"]);
        assert!(help.contains(&format!("Usage: vesalius {name}")), "{help}");
        let example = format!("  vesalius {name}");
        assert!(help.lines().any(|line| line.starts_with(&example)), "no example: {help}");
        for inner in commands(&help) {
            let help = bench.ok(&[name, inner, "--help"]);
            assert!(help.contains(&format!("Usage: vesalius {name} {inner}")), "{help}");
        }
    }
    assert!(bench.ok(&["train", "--help"]).contains("--resume"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(bench.ok(&["completions", shell]).contains("vesalius"));
    }
}

#[test]
fn the_doctor_says_what_there_is_and_how_to_get_what_is_missing() {
    let bench = Bench::new();
    let doctor = bench.ok(&["doctor"]);
    assert!(doctor.contains("LibTorch 2.13.0") && doctor.contains("->"), "{doctor}");
    let text = bench.ok(&["doctor", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let of = |what: &str| findings.iter().find(|finding| finding["what"] == what).unwrap();
    assert!(of("vesalius")["found"].as_str().unwrap().contains("LibTorch 2.13.0"), "{text}");
    assert!(of("vesalius").get("remedy").is_none(), "{text}");
    // The cache of this test is empty.
    let remedy = of("weights")["remedy"].as_str().unwrap();
    assert!(remedy.contains("vesalius weights fetch"), "{text}");
}
