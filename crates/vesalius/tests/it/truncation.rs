//! Truncation where there is nothing to truncate.

use super::Bench;

#[test]
fn truncation_of_a_family_without_mean_style_is_refused_and_nothing_written() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let mut train = vec!["train", "real", "--preset", "dcgan", "--out", "run", "--kimg", "0.1"];
    for setting in [
        "networks.generator.filters=8",
        "networks.discriminator.filters=8",
        "training.batch=4",
        "training.distance_every_kimg=0",
    ] {
        train.extend(["--set", setting]);
    }
    train.extend(["--threads", "1"]);
    bench.ok(&train);
    let sample = ["sample", "run", "--count", "2", "--out", "pack", "--threads", "1"];
    let with = |truncation: &'static str| [&sample[..], &["--truncation", truncation]].concat();
    bench.refused(&with("0.5"), &["--truncation 0.5", "dcgan", "expected 1"]);
    bench.refused(&with("nan"), &["--truncation NaN", "expected 0 to 1"]);
    assert!(!bench.path("pack").exists());
    bench.ok(&with("1"));
    let inspect = bench.ok(&["inspect", "pack", "--json"]);
    assert!(inspect.contains("seed 1; masks: generated"), "{inspect}");
}
