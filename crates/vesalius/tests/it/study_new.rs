//! `vesalius study new`: a study that fits so many hours, ready to run.

use super::Bench;

#[test]
fn a_study_of_ones_own_pack_fits_the_hours_and_is_ready_to_run() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let said = bench.ok(&["study", "new", "real", "--hours", "6", "--out", "mine.toml"]);
    assert!(
        said.contains("mine.toml: about ") && said.contains("vesalius study run mine.toml"),
        "{said}"
    );
    let text = std::fs::read_to_string(bench.path("mine.toml")).unwrap();
    assert!(text.contains("3 patients train, 0 validate, 1 test"), "{text}");
    let plan = bench.ok(&["study", "plan", "mine.toml", "--no-trial"]);
    assert!(plan.contains("mine: 1 dataset x "), "{plan}");
    // What to change for another time, and nothing where it fits.
    let short = bench.ok(&["study", "plan", "mine.toml", "--hours", "0.01"]);
    assert!(short.contains("for 0.01 h: ") && short.contains("stage        GAN"), "{short}");
    let long = bench.ok(&["study", "plan", "mine.toml", "--hours", "1000"]);
    assert!(long.contains("fits 1000 h"), "{long}");
    bench.refused(
        &["study", "new", "real", "--hours", "1", "--out", "mine.toml"],
        &["mine.toml: is there"],
    );
    bench.refused(
        &["study", "new", "real", "--hours", "1e-4", "--out", "no.toml"],
        &["the least takes"],
    );
    bench.refused(
        &["study", "new", "real", "--hours", "no", "--out", "no.toml"],
        &["hours above 0"],
    );
    assert!(!bench.path("no.toml").exists());
}

#[test]
fn every_fold_of_a_pack_is_a_part_of_it() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "4", "--seed", "3"]);
    bench.ok(&["prepare", "acdc", "data", "--out", "real", "--size", "32x32", "--folds", "2"]);
    bench.ok(&["study", "new", "real", "--hours", "12", "--out", "mine.toml"]);
    let text = std::fs::read_to_string(bench.path("mine.toml")).unwrap();
    assert!(
        text.contains("folds = 2") && text.contains("all 4 patients test, in 2 folds"),
        "{text}"
    );
    let plan = bench.ok(&["study", "plan", "mine.toml", "--no-trial"]);
    assert!(plan.contains("2 datasets x ") && !plan.contains("not paid for"), "{plan}");
}
