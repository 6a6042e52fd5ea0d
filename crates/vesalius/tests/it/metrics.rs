//! `vesalius metrics` as users run it.

use super::Bench;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Points that fill a cube without order, the same in every run: multiples of irrational steps.
fn cloud(n: usize, width: usize, shift: f64) -> Vec<Vec<f64>> {
    (0..n)
        .map(|i| {
            (0..width)
                .map(|j| {
                    ((i + 1) as f64 * ((2 * j + 3) as f64).sqrt() + shift * 7.0).fract() + shift
                })
                .collect()
        })
        .collect()
}

/// Value of a score, by name and what it is of.
fn value(json: &Value, metric: &str, of: Option<&str>) -> f64 {
    let scores = json["scores"].as_array().unwrap();
    let found = scores.iter().find(|score| score["metric"] == metric && score["of"].as_str() == of);
    found.unwrap_or_else(|| panic!("no {metric} of {of:?}: {json}"))["value"].as_f64().unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON object")
}

#[test]
fn feature_files_get_every_score_that_features_can_have_and_reasons_for_the_others() {
    let bench = Bench::new();
    bench.npy("real.npy", &cloud(120, 6, 0.0));
    bench.npy("held_out.npy", &cloud(90, 6, 0.01));
    bench.npy("fake.npy", &cloud(200, 6, 0.3));
    let base = ["metrics", "--real", "real.npy", "--synthetic", "fake.npy", "--all", "--json"];
    let mut with_held_out = base.to_vec();
    with_held_out.extend(["--held-out", "held_out.npy"]);
    let found = json(&bench.ok(&with_held_out));
    for metric in ["frechet_distance", "fd_infinity", "relative_distance", "kid", "auth_pct", "c_t"]
    {
        assert!(value(&found, metric, None).is_finite());
    }
    for metric in ["precision", "recall", "density", "coverage"] {
        assert!((0.0..=3.0).contains(&value(&found, metric, None)));
        value(&found, metric, Some("matched counts"));
    }
    assert!(value(&found, "frechet_distance", None) > 0.3, "the clouds are 0.3 apart on each axis");
    for score in found["scores"].as_array().unwrap() {
        assert_ne!(score["metric"], "fid", "features of no known network are never called FID");
        assert!(score["extractor"].as_str().unwrap().starts_with("file@"), "{score}");
        assert!(!score["protocol"].as_str().unwrap().is_empty());
        let metric = score["metric"].as_str().unwrap();
        assert!(vesalius_report::catalogue::known(metric).is_some(), "{metric} has no heading");
    }
    let missing: Vec<&str> = found["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["metric"].as_str().unwrap())
        .collect();
    assert_eq!(missing, ["inception_score", "psnr", "ssim", "lpips"]);
    // Without held-out samples C_T is missing, with its reason; asked for by name it is an error.
    let found = json(&bench.ok(&base));
    let reason =
        found["missing"].as_array().unwrap().iter().find(|m| m["metric"] == "c_t").unwrap();
    assert!(reason["reason"].as_str().unwrap().contains("--held-out"), "{reason}");
    bench.refused(
        &["metrics", "--real", "real.npy", "--synthetic", "fake.npy", "--metrics", "c_t"],
        &["c_t", "--held-out"],
    );
}

#[test]
fn features_that_cannot_be_judged_get_a_line_and_no_number() {
    let bench = Bench::new();
    bench.npy("real.npy", &cloud(40, 4, 0.0));
    bench.npy("wide.npy", &cloud(40, 5, 0.0));
    bench.npy("one.npy", &cloud(1, 4, 0.0));
    bench.npy("constant.npy", &vec![vec![1.0; 4]; 30]);
    let mut broken = cloud(30, 4, 0.0);
    broken[7][2] = f64::NAN;
    bench.npy("nan.npy", &broken);
    let of = |synthetic: &str, parts: &[&str]| {
        for metric in ["frechet_distance", "kid", "precision_recall", "auth_pct"] {
            let arguments =
                ["metrics", "--real", "real.npy", "--synthetic", synthetic, "--metrics", metric];
            bench.refused(&arguments, parts);
        }
        let all = ["metrics", "--real", "real.npy", "--synthetic", synthetic, "--all", "--json"];
        bench.refused(&all, &[]);
    };
    of("wide.npy", &["real features have 4 dimensions, synthetic 5"]);
    of("one.npy", &["1 synthetic samples"]);
    of("constant.npy", &["constant images?"]);
    of("nan.npy", &["synthetic features hold NaN"]);
    bench.npy("three.npy", &cloud(3, 4, 0.1));
    let arguments = [
        "metrics",
        "--real",
        "three.npy",
        "--synthetic",
        "real.npy",
        "--metrics",
        "precision_recall",
    ];
    bench.refused(&arguments, &["k = 5 neighbours among 3 real samples"]);
    let arguments = [
        "metrics",
        "--real",
        "real.npy",
        "--synthetic",
        "real.npy",
        "--metrics",
        "kid",
        "--kid-subset",
        "1000",
    ];
    bench.refused(&arguments, &["subsets of 1000 samples out of 40 real"]);
}

#[test]
fn images_of_the_same_names_are_compared_as_pairs_and_others_with_their_nearest() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&["export", "real", "--as", "png", "--out", "png"]);
    let images =
        ["metrics", "--real", "png/train/images", "--synthetic", "png/train/images", "--json"];
    let mut ssim = images.to_vec();
    ssim.extend(["--metrics", "ssim"]);
    let found = json(&bench.ok(&ssim));
    assert!((value(&found, "ssim", Some("pairs")) - 1.0).abs() < 1e-6);
    let mut psnr = images.to_vec();
    psnr.extend(["--metrics", "psnr"]);
    bench.refused(&psnr, &["their PSNR is infinite"]);
    // A pack against itself: each of its images is its own nearest training image, or a test patient's.
    let found = json(&bench.ok(&[
        "metrics",
        "--real",
        "real",
        "--synthetic",
        "real",
        "--metrics",
        "ssim",
        "--json",
    ]));
    let nearest = value(&found, "ssim", Some("nearest real"));
    let random = value(&found, "ssim", Some("random real pairs"));
    assert!(nearest > 0.8 && nearest > random + 0.1, "{nearest} {random}");
    std::fs::write(bench.path("png/train/images/broken.png"), b"no image").unwrap();
    bench.refused(&ssim, &["broken.png"]);
    bench.refused(
        &[
            "metrics",
            "--real",
            "png/train/images",
            "--synthetic",
            "real",
            "--metrics",
            "frechet_distance",
        ],
        &["--extractor unet", "png/train/images"],
    );
}

#[test]
fn an_interrupt_ends_a_long_measurement_at_once_and_leaves_nothing() {
    let bench = Bench::new();
    bench.npy("real.npy", &cloud(2000, 200, 0.0));
    bench.npy("fake.npy", &cloud(2000, 200, 0.1));
    let arguments =
        ["metrics", "--real", "real.npy", "--synthetic", "fake.npy", "--all", "--intervals"];
    let mut child = bench.command(&arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // A hundred bootstrap distances take far longer than this.
    std::thread::sleep(Duration::from_secs(1));
    assert!(child.try_wait().unwrap().is_none(), "it was to take long");
    let asked = Instant::now();
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(output.status.code(), Some(75));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("stopped; the same command starts again"), "{text}");
    let left: Vec<_> =
        std::fs::read_dir(bench.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
