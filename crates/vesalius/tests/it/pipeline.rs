//! From phantoms to a report, tiny.

use super::Bench;

const TINY: [&str; 10] = [
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

#[test]
fn help_is_a_manual_and_completions_are_scripts() {
    let bench = Bench::new();
    let top = bench.ok(&["--help"]);
    let commands = [
        "demo",
        "phantom",
        "prepare",
        "inspect",
        "train",
        "sample",
        "export",
        "segment",
        "distance",
        "plausibility",
        "map",
        "report",
        "doctor",
        "completions",
    ];
    for command in commands {
        assert!(top.contains(command), "--help lacks {command}");
        let help = bench.ok(&[command, "--help"]);
        assert!(help.contains("Usage:"), "{command}");
    }
    assert!(bench.ok(&["train", "--help"]).contains("--resume"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(bench.ok(&["completions", shell]).contains("vesalius"));
    }
    let doctor = bench.ok(&["doctor"]);
    assert!(doctor.contains("LibTorch 2.13.0") && doctor.contains("->"), "{doctor}");
}
