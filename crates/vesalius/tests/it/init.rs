//! `vesalius init`: facts of datasets in their own files, and a command that works as it stands.

use super::Bench;
use serde_json::Value;

fn look(bench: &Bench, arguments: &[&str]) -> Value {
    serde_json::from_str(&bench.ok(&[&["init"], arguments, &["--json"]].concat())).unwrap()
}

/// Runs what was proposed.
fn prepare(bench: &Bench, found: &Value) {
    let words: Vec<&str> =
        found["prepare"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words[..2], ["vesalius", "prepare"]);
    bench.ok(&words[1..]);
}

#[test]
fn what_a_dataset_is_like_is_told_and_the_proposed_command_works() {
    let bench = Bench::new();
    for (kind, classes, orientations) in [("acdc", 4, 1), ("sliver07", 2, 1), ("idrid", 2, 0)] {
        bench.ok(&["phantom", kind, kind, "--patients", "3"]);
        let found = look(&bench, &[kind]);
        let facts = &found["facts"];
        assert_eq!((facts["layout"].as_str(), facts["patients"].as_u64()), (Some(kind), Some(3)));
        assert_eq!(facts["classes"].as_array().unwrap().len(), classes, "{kind}");
        assert!(facts["classes"][1]["share"].as_f64().unwrap() > 0.0, "{kind}");
        assert_eq!(facts["orientations"].as_object().unwrap().len(), orientations, "{kind}");
        prepare(&bench, &found);
        let text = bench.ok(&["init", kind]);
        assert!(text.contains("It fits:\n  vesalius prepare"), "{text}");
    }
    let liver = &look(&bench, &["sliver07"])["facts"];
    assert_eq!(liver["hounsfield"], true);
}

#[test]
fn classes_that_nobody_named_are_counted_and_patients_have_to_be_said() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&["export", "real", "--as", "png", "--out", "png"]);
    bench.refused(&["init", "png"], &["png: no layout fits; as folder", "expected --patient"]);
    let found = look(&bench, &["png", "--patient", "^(patient[0-9]+)"]);
    let names: Vec<&str> = found["facts"]["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["background", "label 1", "label 2", "label 3"]);
    prepare(&bench, &found);
    // Named segments: the error says how.
    bench.ok(&["export", "real", "--as", "dicom", "--out", "dicom"]);
    bench.refused(&["init", "dicom"], &["expected --classes background,RV cavity,LV myocardium"]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    bench.refused(&["init", "empty"], &["empty", "no layout fits"]);
}
