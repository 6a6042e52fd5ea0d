//! `vesalius segment` with its options.

use super::Bench;

#[test]
fn a_shallow_u_net_without_batch_norm_trains_on_augmented_slices() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let segment = |out, depth| {
        let mut arguments = vec!["segment", "--train", "real", "--test", "real", "--out", out];
        arguments.extend(["--preset", "small", "--steps", "3", "--batch", "4", "--threads", "1"]);
        arguments.extend(["--json", "--no-batch-norm", "--augment", "--depth", depth]);
        arguments
    };
    let text = bench.ok(&segment("unet", "2"));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let scores = json["scores"].as_array().unwrap();
    let mean = scores.iter().find(|score| score["of"] == "per_volume/mean").unwrap();
    assert_eq!(mean["metric"], "dice");
    // JSON has no NaN: a number is finite.
    let value = mean["value"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&value), "{mean}");
    let [low, high] = [0_usize, 1].map(|end| mean["interval"][end].as_f64().unwrap());
    assert!(0.0 <= low && low <= high && high <= 1.0, "{mean}");
    let is_of_a_patient =
        |score: &serde_json::Value| score["of"].as_str().unwrap().starts_with("patient/");
    assert!(scores.iter().any(is_of_a_patient), "{text}");

    let result = std::fs::read_to_string(bench.path("unet/result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["subject"]["trained_on"], "real_augmented");
    let settings = &result["settings"];
    assert_eq!(settings["network"]["norm"], "none");
    assert_eq!(settings["network"]["depth"], 2);
    assert_eq!(settings["classical"], true);

    bench.refused(&segment("other", "6"), &["depth 6", "32x32", "divisible by 64"]);
    assert!(!bench.path("other").exists());
}

#[test]
fn presets_train_and_their_runs_say_which_they_are() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let segment = |preset: &'static str, more: &[&'static str]| {
        let mut arguments = vec!["segment", "--train", "real", "--test", "real", "--out", preset];
        arguments.extend(["--preset", preset, "--steps", "2", "--batch", "3", "--threads", "1"]);
        arguments.extend(["--json"]);
        arguments.extend(more);
        arguments
    };
    for (preset, name) in [("strong", "nnU-Net (strong), 2 steps"), ("nnunet", "nnU-Net, 2 steps")]
    {
        let json: serde_json::Value =
            serde_json::from_str(&bench.ok(&segment(preset, &[]))).unwrap();
        let protocol = json["scores"][0]["protocol"].as_str().unwrap();
        assert!(protocol.starts_with(name), "{protocol}");
        // Its plan for these slices: 32, 16, 8 and 4 pixels.
        let kept = std::fs::read(bench.path(&format!("{preset}/segmenter.json"))).unwrap();
        let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
        assert_eq!(kept["plan"]["filters"], serde_json::json!([32, 64, 128, 256]));
        assert_eq!(kept["plan"]["strides"][3], serde_json::json!([2, 2]));
    }
    let json: serde_json::Value =
        serde_json::from_str(&bench.ok(&segment("small", &["--filters", "4"]))).unwrap();
    let protocol = json["scores"][0]["protocol"].as_str().unwrap();
    assert!(protocol.starts_with("U-Net of settings "), "{protocol}");
    let refused = |preset, more, parts: &[&str]| bench.refused(&segment(preset, more), parts);
    refused("large", &[], &["large", "small, strong, nnunet"]);
    for planned in [&["--depth", "2"][..], &["--no-batch-norm"]] {
        refused("nnunet", planned, &["preset nnunet", "plan for the slices", "--preset small"]);
        refused("strong", planned, &["preset strong", "plan for the slices"]);
    }
    refused("strong", &["--filters", "0"], &["0 filters", "at least 1"]);
    refused("small", &["--set", "network.filter=8"], &["unknown field `filter`"]);
    refused("small", &["--set", "mirror=perhaps"], &["perhaps", "boolean"]);
    refused("small", &["--set", "augmentation=nnunet"], &["standardise = true"]);
}

#[test]
fn the_length_is_found_once_and_is_the_same_for_every_training_set() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let segment = |out: &'static str, more: &[&'static str]| {
        let mut arguments = vec!["segment", "--train", "real", "--test", "real", "--out", out];
        arguments.extend(["--preset", "small", "--filters", "2", "--depth", "1", "--batch", "4"]);
        arguments.extend(["--learning-rate", "0.02", "--steps", "auto", "--threads", "1"]);
        arguments.extend(more);
        let output = bench.run(&arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
        let result = std::fs::read_to_string(bench.path(&format!("{out}/result.json"))).unwrap();
        let result: serde_json::Value = serde_json::from_str(&result).unwrap();
        (text, result)
    };
    let (text, first) = segment("first", &[]);
    assert!(text.contains("is watched on the others"), "{text}");
    let steps = first["settings"]["steps"].as_u64().unwrap();
    assert!(steps > 0 && steps.is_multiple_of(100), "{steps}");
    let protocol = first["scores"][0]["protocol"].as_str().unwrap();
    let words = format!("{steps} steps (found on 1 held-back training patients)");
    assert!(protocol.contains(&words), "{protocol}");
    // Another seed: found before.
    let (text, second) = segment("second", &["--seed", "2"]);
    assert!(!text.contains("is watched"), "{text}");
    assert_eq!(second["settings"]["steps"], steps);
    let curves = std::fs::read_to_string(bench.path("second/curves.json")).unwrap();
    let curves: serde_json::Value = serde_json::from_str(&curves).unwrap();
    assert_eq!(curves["length"]["steps"], steps);
    assert_eq!(curves["training"].as_array().unwrap().last().unwrap()["step"], steps);
    let bad = ["segment", "--train", "real", "--test", "real", "--out", "x", "--steps", "soon"];
    bench.refused(&bad, &["soon", "a number of steps, or auto"]);
}
