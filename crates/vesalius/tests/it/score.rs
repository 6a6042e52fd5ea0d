//! `vesalius score`: predictions of other programs, as folders of label maps.

use super::Bench;
use serde_json::Value;
use std::path::PathBuf;
use vesalius_data::formats::nifti::{write_i16, write_u8};

const SHAPE: [usize; 3] = [4, 8, 8];
const SPACING: [f64; 3] = [5.0, 2.0, 1.0];

/// A box of class 1 about a core of class 2, moved along the rows.
fn labels(moved: usize) -> Vec<u8> {
    let mut labels = vec![0; SHAPE.iter().product()];
    for (slice, row, column) in
        (1..3).flat_map(|s| (1..6).flat_map(move |r| (1..6).map(move |c| (s, r, c))))
    {
        let core = (2..5).contains(&row) && (2..5).contains(&column);
        labels[(slice * SHAPE[1] + row + moved) * SHAPE[2] + column] = if core { 2 } else { 1 };
    }
    labels
}

/// Folders `a` (references) and `b` (predictions) of two patients.
fn folders(bench: &Bench) {
    for (folder, moved) in [("a", 0), ("b", 1)] {
        std::fs::create_dir(bench.path(folder)).unwrap();
        for patient in ["p1_ed", "p1_es", "p2_ed"] {
            write(bench, &format!("{folder}/{patient}.nii.gz"), labels(moved));
        }
    }
}

fn write(bench: &Bench, name: &str, labels: Vec<u8>) -> PathBuf {
    let path = bench.path(name);
    write_u8(&path, SHAPE, labels, SPACING).unwrap();
    path
}

const SCORE: [&str; 5] = ["score", "--reference", "a", "--prediction", "b"];

fn scores(text: &str) -> Vec<Value> {
    let json: Value = serde_json::from_str(text).unwrap();
    json["scores"].as_array().unwrap().clone()
}

fn value(scores: &[Value], metric: &str, of: &str) -> f64 {
    let found = scores.iter().find(|score| score["metric"] == metric && score["of"] == of);
    found.unwrap_or_else(|| panic!("{metric} {of}"))["value"].as_f64().unwrap()
}

#[test]
fn predictions_of_others_are_measured_and_a_row_of_the_report() {
    let bench = Bench::new();
    folders(&bench);
    let mut arguments = SCORE.to_vec();
    arguments.extend(["--patient", "^(p[0-9])", "--classes", "background,wall,core", "--json"]);
    let found = scores(&bench.ok(&arguments));
    // A core of 3x3 pixels moved by one row of 2 mm: two of three rows are in common.
    assert!((value(&found, "dice", "per_volume/core") - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(value(&found, "hausdorff95_mm", "per_volume/core"), 2.0);
    // What surface-distance 0.1 gives for these masks; within 1 mm, the first of the two tolerances.
    let near = value(&found, "surface_dice", "per_volume/core");
    assert!((near - 0.781_288_631_553_927).abs() < 1e-12, "{near}");
    let average = value(&found, "assd_mm", "per_volume/core");
    assert!((average - 0.495_544_932_504_341).abs() < 1e-12, "{average}");
    assert_eq!(value(&found, "volume_bias_ml", "per_volume/wall"), 0.0);
    assert!(found.iter().any(|score| score["of"] == "patient/p1"));
    let protocol = found[0]["protocol"].as_str().unwrap();
    assert!(
        protocol.contains("predictions of b; Dice of each volume on 2 test patients"),
        "{protocol}"
    );

    arguments.extend(["--out", "runs/other", "--dataset", "acdc", "--trained-on", "real"]);
    bench.ok(&arguments);
    bench.ok(&["report", "runs/other", "--out", "report"]);
    let table = std::fs::read_to_string(bench.path("report/table2.csv")).unwrap();
    assert!(table.contains("acdc") && table.contains("0.5"), "{table}");
    bench.refused(&arguments, &["runs/other", "finished"]);
}

#[test]
fn voxels_at_the_edge_are_another_convention() {
    let bench = Bench::new();
    folders(&bench);
    let mut arguments = SCORE.to_vec();
    arguments.extend(["--surface", "voxels", "--tolerance", "2", "--json"]);
    let found = scores(&bench.ok(&arguments));
    let distance = found.iter().find(|score| score["metric"] == "assd_mm").unwrap();
    assert!(distance["protocol"].as_str().unwrap().contains("voxels at the edge"), "{distance}");
    assert_eq!(value(&found, "surface_dice", "per_volume/mean"), 1.0);
}

#[test]
fn what_is_missed_or_invented_is_said_and_has_no_distance() {
    let bench = Bench::new();
    folders(&bench);
    let mut missed = labels(1);
    for label in &mut missed {
        *label = (*label).min(1);
    }
    write(&bench, "b/p2_ed.nii.gz", missed);
    let mut arguments = SCORE.to_vec();
    arguments.push("--json");
    let found = scores(&bench.ok(&arguments));
    let distance = found.iter().find(|score| score["metric"] == "hausdorff95_mm").unwrap();
    assert!(distance["note"].as_str().unwrap().starts_with("1 of 6 structures"), "{distance}");
    assert_eq!(value(&found, "hausdorff95_mm", "per_volume/class 2"), 2.0);
    // Three volumes, of which one found nothing.
    let dice = value(&found, "dice", "per_volume/class 2");
    assert!((dice - 4.0 / 9.0).abs() < 1e-12, "{dice}");
    // Nothing at all was predicted.
    for patient in ["p1_ed", "p1_es", "p2_ed"] {
        write(&bench, &format!("b/{patient}.nii.gz"), vec![0; SHAPE.iter().product()]);
    }
    let found = scores(&bench.ok(&arguments));
    assert_eq!(value(&found, "dice", "per_volume/mean"), 0.0);
    assert_eq!(value(&found, "surface_dice", "per_volume/mean"), 0.0);
    assert!(
        found.iter().all(|score| score["metric"] != "hausdorff95_mm"),
        "no distance to nothing"
    );
}

#[test]
fn folders_that_do_not_fit_are_refused_in_one_line() {
    let bench = Bench::new();
    folders(&bench);
    let spoil = |name: &str, parts: &[&str], spoil: &dyn Fn(&std::path::Path)| {
        let path = bench.path(name);
        let whole = std::fs::read(&path).ok();
        spoil(&path);
        bench.refused(&SCORE, parts);
        match whole {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
    };
    spoil("b/p2_ed.nii.gz", &["b: no prediction of p2_ed"], &|path| {
        std::fs::remove_file(path).unwrap();
    });
    spoil("b/p9.nii.gz", &["b/p9.nii.gz: no reference"], &|path| {
        write_u8(path, SHAPE, labels(0), SPACING).unwrap();
    });
    spoil("b/p1_es.nii.gz", &["b/p1_es.nii.gz", "7x8x4 voxels, expected 8x8x4"], &|path| {
        write_u8(path, [4, 8, 7], vec![0; 4 * 8 * 7], SPACING).unwrap();
    });
    spoil("b/p1_es.nii.gz", &["b/p1_es.nii.gz", "do not cover one grid"], &|path| {
        write_u8(path, SHAPE, labels(0), [5.0, 3.0, 1.0]).unwrap();
    });
    spoil("b/p1_es.nii.gz", &["prediction of p1_es", "label 7", "at most 2"], &|path| {
        write_u8(path, SHAPE, labels(0).iter().map(|l| l * 7 / 2).collect(), SPACING).unwrap();
    });
    spoil("b/p1_es.nii.gz", &["b/p1_es.nii.gz", "-1"], &|path| {
        let values = labels(0).iter().map(|&label| -i16::from(label.min(1))).collect();
        write_i16(path, SHAPE, values, SPACING).unwrap();
    });
    spoil("b/p1_es.nii.gz", &["b/p1_es.nii.gz"], &|path| std::fs::write(path, "no NIfTI").unwrap());
    spoil("a/p1_es.nii", &["both are p1_es"], &|path| {
        write_u8(path, SHAPE, labels(0), SPACING).unwrap();
    });
    let refused = |more: &[&str], parts: &[&str]| {
        let mut arguments = SCORE.to_vec();
        arguments.extend(more);
        bench.refused(&arguments, parts);
    };
    refused(&["--patient", "^(x)"], &["--patient", "no first group in p1_ed"]);
    refused(&["--patient", "("], &["--patient", "no regular expression"]);
    refused(&["--tolerance", "-1"], &["--tolerance -1"]);
    refused(&["--classes", "background,wall"], &["label 2", "--classes"]);
    refused(&["--classes", "background,wall,core,fat"], &["`fat` is in no mask"]);
    let out = ["--out", "run", "--dataset", "d", "--trained-on"];
    refused(&[&out[..], &["synthetic"]].concat(), &["--generator"]);
    refused(&[&out[..], &["nothing"]].concat(), &["--trained-on nothing"]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    bench.refused(&["score", "--reference", "empty", "--prediction", "b"], &["empty: no mask"]);
}
