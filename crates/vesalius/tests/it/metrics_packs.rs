//! `vesalius metrics` on packs and image folders: what each score says of itself, the cache, images without content.

use super::Bench;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::SystemTime;
use vesalius_data::files::digest;
use vesalius_data::pack::manifest::SliceRecord;
use vesalius_data::pack::{Pack, PackWriter};

/// A real pack with its judge in the cache, and a synthetic one: copies with noise, which are as good as a GAN's here.
fn packs(bench: &Bench) {
    bench.phantom_pack("real");
    bench.with_judge();
    bench.ok(&["copying", "--real", "real", "--memory-gan", "fake", "--count", "80"]);
}

const PACKS: [&str; 6] = ["metrics", "--real", "real", "--synthetic", "fake", "--json"];

pub fn object(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON object")
}

pub fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["metric"].as_str().unwrap()).collect()
}

/// Cached features, with the time each was written.
pub fn cached(bench: &Bench) -> BTreeMap<String, SystemTime> {
    std::fs::read_dir(bench.path("cache"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let written = entry.metadata().unwrap().modified().unwrap();
            (entry.file_name().to_string_lossy().into_owned(), written)
        })
        .filter(|(name, _)| name.starts_with("features-"))
        .collect()
}

#[test]
fn every_score_of_packs_has_counts_an_extractor_and_an_interval() {
    let bench = Bench::new();
    packs(&bench);
    let all = ["--all", "--intervals", "--out", "run"];
    let found = object(&bench.ok(&[&PACKS[..], &all].concat()));
    let scores = found["scores"].as_array().unwrap();
    for score in scores {
        let metric = score["metric"].as_str().unwrap();
        for count in ["real_count", "synthetic_count"] {
            assert!(score[count].as_u64().unwrap() > 1, "{score}");
        }
        let of_pixels = ["psnr", "ssim"].contains(&metric);
        let extractor = score["extractor"].as_str();
        assert_eq!(extractor.is_some_and(|name| name.starts_with("unet@")), !of_pixels, "{score}");
        assert!(!of_pixels || extractor.is_none(), "{score}");
        match metric {
            "kid" => assert!(score["standard_error"].as_f64().unwrap() > 0.0, "{score}"),
            // One test patient: there is nothing to draw.
            "c_t" => assert!(score["interval"].is_null(), "{score}"),
            _ => {
                let [low, high] = [0_usize, 1].map(|end| score["interval"][end].as_f64().unwrap());
                let value = score["value"].as_f64().unwrap();
                assert!(low <= value && value <= high, "{score}");
            }
        }
        assert_ne!(metric, "fid", "the U-Net is not FID's network");
    }
    let measured = names(&found["scores"]);
    for metric in [
        "frechet_distance",
        "fd_infinity",
        "relative_distance",
        "kid",
        "precision",
        "recall",
        "density",
        "coverage",
        "auth_pct",
        "psnr",
        "ssim",
    ] {
        assert!(measured.contains(&metric), "{metric} is not in {measured:?}");
    }
    let missing = names(&found["missing"]);
    // So few phantoms may leave a cell of C_T without a held-out one.
    assert!(missing.iter().all(|name| ["inception_score", "lpips", "c_t"].contains(name)));
    assert!(missing.contains(&"inception_score") && missing.contains(&"lpips"), "{missing:?}");

    let result = object(&std::fs::read_to_string(bench.path("run/result.json")).unwrap());
    assert_eq!(result["stage"], "metrics");
    assert_eq!(result["subject"], json!({ "dataset": "acdc", "gan": "memory" }));
    assert_eq!(result["scores"].as_array().unwrap().len(), scores.len());
    bench.refused(&[&PACKS[..], &all].concat(), &["run", "holds a finished run"]);
}

#[test]
fn features_of_real_images_are_computed_once() {
    let bench = Bench::new();
    packs(&bench);
    let distance = || {
        let found = object(&bench.ok(&[&PACKS[..], &["--threads", "1"]].concat()));
        found["scores"][0]["value"].as_f64().unwrap()
    };
    let first = distance();
    let before = cached(&bench);
    assert_eq!(before.len(), 2, "training and held-out slices, no synthetic ones: {before:?}");
    let second = distance();
    assert_eq!(cached(&bench), before);
    assert!((first - second).abs() <= 1e-6 * first, "{first} {second}");
}

#[test]
fn a_feature_file_with_logits_has_an_inception_score_and_its_digest() {
    let bench = Bench::new();
    let cloud = |n: usize, step: f64| -> Vec<Vec<f64>> {
        (0..n).map(|i| (1..4).map(|j| (i as f64 * step * j as f64).sin()).collect()).collect()
    };
    bench.npy("real.npy", &cloud(60, 0.7));
    let (features, count) = (cloud(200, 0.9).concat(), 200);
    // Four sure classes, one sample after the other.
    let logits: Vec<f64> =
        (0..4 * count).map(|i| if i / 4 % 4 == i % 4 { 12.0 } else { 0.0 }).collect();
    let [middle, end] = [8 * features.len(), 8 * (features.len() + logits.len())];
    let header = json!({
        "features": { "dtype": "F64", "shape": [count, 3], "data_offsets": [0, middle] },
        "logits": { "dtype": "F64", "shape": [count, 4], "data_offsets": [middle, end] },
    });
    let header = header.to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(features.iter().chain(&logits).flat_map(|value| value.to_le_bytes()));
    std::fs::write(bench.path("fake.safetensors"), bytes).unwrap();
    let sides = ["--real", "real.npy", "--synthetic", "fake.safetensors"];
    let arguments = [&["metrics"][..], &sides, &["--metrics", "inception_score", "--json"]];
    let found = object(&bench.ok(&arguments.concat()));
    let score = &found["scores"][0];
    assert_eq!(score["metric"], "inception_score");
    // 4 if each split held its classes in equal shares.
    assert!((3.2..=4.0).contains(&score["value"].as_f64().unwrap()), "{score}");
    assert!(score["standard_error"].as_f64().unwrap() > 0.0, "{score}");
    let expected = format!("file@{}", &digest::of_file(&bench.path("real.npy")).unwrap()[..12]);
    assert_eq!(score["extractor"], expected.as_str());
    let found = object(&bench.ok(&[&["distance"][..], &sides, &["--json"]].concat()));
    assert_eq!(found["scores"][0]["extractor"], expected.as_str());
}

/// The real pack with other pixels: `value` is given the number of the slice and of the byte.
fn repainted(bench: &Bench, name: &str, value: &dyn Fn(usize, usize) -> u8) {
    let real = Pack::open(&bench.path("real")).unwrap();
    let mut writer = PackWriter::create(&bench.path(name), real.slice_shape()).unwrap();
    for i in 0..real.len() {
        let pixels: Vec<u8> =
            (0..real.slice_shape().pixel_bytes()).map(|at| value(i, at)).collect();
        let record: SliceRecord = real.manifest().slices[i].clone();
        writer.push(&pixels, real.slice(i).unwrap().labels, record).unwrap();
    }
    writer.finish(real.manifest().clone()).unwrap();
    bench.ok(&["export", name, "--as", "png", "--out", &format!("{name}-png")]);
}

#[test]
fn images_without_content_get_a_line_and_no_likeness() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&["export", "real", "--as", "png", "--out", "real-png"]);
    repainted(&bench, "flat", &|i, _| i as u8);
    repainted(&bench, "same", &|_, at| (at * 7 % 251) as u8);
    let refused = |real: &str, synthetic: &str, parts: &[&str]| {
        for metric in ["ssim", "psnr"] {
            let sides = ["--real", real, "--synthetic", synthetic, "--metrics", metric];
            bench.refused(&[&["metrics"][..], &sides].concat(), &[&[metric][..], parts].concat());
        }
    };
    let [real, flat, same] =
        ["real", "flat", "same"].map(|name| format!("{name}-png/train/images"));
    let constant = ["synthetic images are constant", "expected images with content"];
    refused(&real, &flat, &constant);
    refused("real", "flat", &constant);
    refused(&flat, &real, &["real images are constant"]);
    refused(&real, &same, &["synthetic images are the same", "a constant set"]);
    // LPIPS is not asked for its weights first.
    let sides = ["--real", &flat, "--synthetic", &flat, "--metrics", "lpips"];
    bench.refused(&[&["metrics"][..], &sides].concat(), &["lpips", "constant"]);
}
