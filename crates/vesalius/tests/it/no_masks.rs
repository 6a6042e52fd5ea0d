//! Data that SPADE has no masks to paint by: refused where it comes in, and where it is trained on.

use super::Bench;
use super::families::{SPADE, train};

#[test]
fn spade_on_a_pack_of_one_class_is_refused_before_anything_is_written() {
    let bench = Bench::new();
    bench.phantom_pack_of_classes("one", "64x64", &["background"]);
    let mut arguments = train("run", "spade", "0.1", &SPADE);
    arguments[1] = "one";
    bench.refused(&arguments, &["one", "SPADE paints masks: found 1 class, expected at least 2"]);
    assert!(!bench.path("run").exists());
}

/// A pack has a label for every pixel; what `prepare` could make one class of, it refuses. (Images without masks, and
/// masks that are all empty: bad_input.rs.)
#[test]
fn no_source_makes_a_pack_of_one_class() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("set/imagesTr")).unwrap();
    for source in ["folder", "nnunet", "dicom"] {
        let mut prepare = vec!["prepare", source, "set", "--out", "pack", "--size", "64x64"];
        prepare.extend(["--classes", "background"]);
        bench.refused(&prepare, &["--classes: 1 names", "expected 2 to 256"]);
        assert!(!bench.path("pack").exists());
    }
}
