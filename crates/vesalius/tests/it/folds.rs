//! Folds and validation patients: who tests is seen by nothing that trains or chooses, and no fold's numbers are taken for
//! another's.

use super::Bench;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;

const TRAIN: [&str; 14] = [
    "--preset",
    "dcgan",
    "--kimg",
    "0.05",
    "--threads",
    "1",
    "--set",
    "training.batch=8",
    "--set",
    "networks.generator.filters=4",
    "--set",
    "networks.discriminator.filters=4",
    "--set",
    "training.distance_every_kimg=0",
];
const SEGMENT: [&str; 10] =
    ["--preset", "small", "--filters", "2", "--depth", "2", "--steps", "2", "--threads", "1"];

fn prepared(bench: &Bench, out: &str, more: &[&str]) {
    let base =
        ["prepare", "acdc", "data", "--out", out, "--size", "32x32", "--crop", "centre:128x128"];
    bench.ok(&[&base[..], more].concat());
}

fn names(pack: &Pack, side: Split) -> Vec<String> {
    pack.manifest().patients(side).into_iter().map(str::to_owned).collect()
}

#[test]
fn every_patient_tests_in_one_fold_and_no_fold_is_taken_for_another() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "6", "--seed", "1"]);
    prepared(&bench, "pack", &["--folds", "3", "--validation-share", "0.25"]);
    let mut tested: Vec<String> = vec![];
    for fold in 0..3 {
        let pack = Pack::open(&bench.path("pack").join(format!("fold-{fold}"))).unwrap();
        let sides = Split::ALL.map(|side| names(&pack, side));
        assert_eq!(sides.clone().map(|side| side.len()), [3, 1, 2], "{sides:?}");
        tested.extend(sides[2].clone());
    }
    tested.sort();
    tested.dedup();
    assert_eq!(tested.len(), 6);
    // Nothing that trains or judges takes the pack as a whole.
    let whole = [&["train", "pack", "--out", "gan"][..], &TRAIN].concat();
    bench.refused(&whole, &["3 folds, expected one of them: --fold 0 to 2"]);
    let none = [&["train", "pack", "--fold", "3", "--out", "gan"][..], &TRAIN].concat();
    bench.refused(&none, &["--fold 3, expected 0 to 2"]);
    bench.ok(&[&["train", "pack", "--fold", "0", "--out", "gan"][..], &TRAIN].concat());
    bench.ok(&["sample", "gan", "--count", "16", "--out", "made", "--threads", "1"]);
    let segment = |fold: &'static str, out: &'static str| {
        [
            &[
                "segment", "--train", "pack", "--train", "made", "--test", "pack", "--fold", fold,
                "--out", out,
            ][..],
            &SEGMENT,
        ]
        .concat()
    };
    bench.ok(&segment("0", "unet"));
    let result = std::fs::read_to_string(bench.path("unet/result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    let of = |wanted: &str| {
        result["scores"].as_array().unwrap().iter().filter(|score| score["of"] == wanted).count()
    };
    assert_eq!(of("validation"), 1);
    let fold = &result["inputs"][0]["pack"]["fold"];
    assert_eq!((&fold["number"], &fold["of"]), (&0.into(), &3.into()));
    // In another fold the GAN has seen who tests.
    bench.refused(&segment("1", "mixed"), &["its generator was trained on them"]);
    for command in [
        &["copying", "--real", "pack", "--synthetic", "made", "--out", "audit"][..],
        &["distance", "--real", "pack", "--synthetic", "made", "--out", "distance"],
        &["plausibility", "--real", "pack", "--synthetic", "made", "--out", "plausible"],
    ] {
        bench.refused(command, &["3 folds, expected one of them"]);
    }
}

#[test]
fn a_pack_without_folds_has_none_to_ask_for() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "4", "--seed", "1"]);
    prepared(&bench, "pack", &[]);
    let asked = [&["train", "pack", "--fold", "0", "--out", "gan"][..], &TRAIN].concat();
    bench.refused(&asked, &["no folds, but --fold 0"]);
    for (more, expected) in [
        (&["--folds", "9"][..], "9 folds of 4 patients"),
        (&["--folds", "2", "--validation-share", "1.5"], "validation share 1.5"),
        (&["--validation-patients", "nobody"], "validation patient nobody: not in this dataset"),
        (&["--folds", "2", "--split", "official"], "--folds and --split official"),
    ] {
        let base = ["prepare", "acdc", "data", "--out", "other", "--size", "32x32"];
        bench.refused(&[&base[..], more].concat(), &[expected]);
        assert!(!bench.path("other").exists());
    }
}

#[test]
fn a_study_works_in_the_folds_that_its_pack_has() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "6", "--seed", "1"]);
    prepared(&bench, "packs/phantom", &["--folds", "3"]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../studies/smoke.toml");
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::create_dir_all(bench.path("studies")).unwrap();
    let with = |folds: &str| {
        let text = text.replace("runs = 4", "runs = 12").replacen(
            "[[dataset]]",
            &format!("{folds}[[dataset]]"),
            1,
        );
        std::fs::write(bench.path("studies/smoke.toml"), text).unwrap();
    };
    let plan = ["study", "plan", "studies/smoke.toml", "--no-trial"];
    with("folds = 3\n");
    let said = bench.ok(&plan);
    assert!(said.contains("3 datasets x 2 GANs, 12 trainings"), "{said}");
    // All folds together.
    assert!(said.contains("question on phantom: 6 test patients, 1 run of each"), "{said}");
    with("folds = [1]\n");
    let said = bench.ok(&plan);
    assert!(said.contains("1 dataset x 2 GANs"), "{said}");
    with("folds = 5\n");
    bench.refused(&plan, &["folds = 5, but", "has 3"]);
    with("folds = [3]\n");
    bench.refused(&plan, &["fold 3, expected 0 to 2"]);
    with("");
    bench.refused(&plan, &["has 3 folds, expected folds = 3 in the study"]);
}
