//! `vesalius segment` with its options.

use super::Bench;

#[test]
fn a_shallow_u_net_without_batch_norm_trains_on_augmented_slices() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let segment = |out, depth| {
        let mut arguments = vec!["segment", "--train", "real", "--test", "real", "--out", out];
        arguments.extend(["--steps", "3", "--batch", "4", "--threads", "1", "--json"]);
        arguments.extend(["--no-batch-norm", "--augment", "--depth", depth]);
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
    assert_eq!(settings["unet"]["norm"], "none");
    assert_eq!(settings["unet"]["depth"], 2);
    assert_eq!(settings["augment"], true);

    bench.refused(&segment("other", "6"), &["depth 6", "32x32", "divisible by 64"]);
    assert!(!bench.path("other").exists());
}
