//! Folders where files are expected, and files that refer to what is not there: one line with the name of the file.

use super::Bench;
use std::path::Path;

/// Puts a folder in a file's place while `then` runs.
fn as_folder(path: &Path, then: impl FnOnce()) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
    then();
    std::fs::remove_dir(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_folder_named_like_a_file_of_a_patient_or_a_pack() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "2"]);
    let prepare = ["prepare", "acdc", "data", "--out", "pack", "--size", "32x32"];
    for (name, part) in [
        ("patient001_frame01.nii.gz", "cannot be read"),
        ("patient001_frame01_gt.nii.gz", "no mask"),
        ("Info.cfg", "cannot be read"),
    ] {
        as_folder(&bench.path("data/training/patient001").join(name), || {
            bench.refused(&prepare, &[name, part]);
            assert!(!bench.path("pack").exists());
        });
    }
    bench.ok(&prepare);
    for name in ["slices.bin", "manifest.json"] {
        as_folder(&bench.path("pack").join(name), || {
            bench.refused(&["inspect", "pack"], &[name, "cannot be read"]);
        });
    }
    bench.ok(&["inspect", "pack"]);
}

#[test]
fn voxels_that_a_header_refers_to_and_that_are_not_there() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("data")).unwrap();
    for number in ["001", "002"] {
        for (role, voxels) in [("orig", [90_u8; 32]), ("seg", [1; 32])] {
            let stem = format!("liver-{role}{number}");
            let header = format!(
                "NDims = 3\nDimSize = 4 4 2\nElementType = MET_UCHAR\nElementDataFile = {stem}.raw\n"
            );
            std::fs::write(bench.path("data").join(format!("{stem}.mhd")), header).unwrap();
            std::fs::write(bench.path("data").join(format!("{stem}.raw")), voxels).unwrap();
        }
    }
    let prepare = ["prepare", "sliver07", "data", "--out", "pack", "--size", "4x4"];
    let raw = bench.path("data/liver-orig002.raw");
    as_folder(&raw, || {
        bench.refused(&prepare, &["liver-orig002.raw", "ElementDataFile", "cannot be read"]);
    });
    std::fs::write(&raw, [90_u8; 31]).unwrap();
    bench.refused(&prepare, &["liver-orig002.raw", "31 bytes of voxels, expected 32"]);
    std::fs::remove_file(&raw).unwrap();
    bench.refused(&prepare, &["liver-orig002.raw", "ElementDataFile", "No such file"]);
    std::fs::write(&raw, [90_u8; 32]).unwrap();
    bench.ok(&prepare);
}
