//! When a watched training is over, and who is held back.

use super::*;
use crate::nets::unet::UnetSpec;
use crate::segment::spec::NetworkSpec;
use std::path::Path;
use vesalius_data::pack::PackWriter;
use vesalius_data::pack::manifest::{
    CaseRecord, Manifest, PixelType, Provenance, SliceRecord, SliceShape,
};

fn looks(losses: &[f64]) -> Vec<Point> {
    losses.iter().zip(1..).map(|(&loss, i)| Point { step: i * EVERY, loss }).collect()
}

#[test]
fn a_training_is_over_when_nothing_lower_came_for_half_of_its_length_and_five_looks() {
    let falling: Vec<f64> = (0..25).map(|i| 1.0 - 0.04 * f64::from(i)).collect();
    let seen = looks(&falling);
    assert!(!is_over(&seen));
    let turned = |flat: usize| {
        let rest = std::iter::repeat_n(0.5, flat);
        looks(&falling[..20].iter().copied().chain(rest).collect::<Vec<_>>())
    };
    // 20 looks that fall: 10 more have to be none lower.
    assert!(!is_over(&turned(9)));
    assert!(is_over(&turned(10)));
    assert_eq!(lowest(&turned(10)).unwrap().step, 2000);
    // Early ones wait for five.
    assert!(!is_over(&looks(&[1.0, 0.5, 0.6, 0.6, 0.6, 0.6])));
    assert!(is_over(&looks(&[1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6])));
    // Less than noise is not lower: the shorter one is taken.
    let flat = looks(&[1.0, 0.5, 0.499, 0.498, 0.4975, 0.497, 0.4965]);
    assert_eq!(lowest(&flat).unwrap().step, 200);
}

/// Patients of two slices with a bright square of class 1; those of `Split::Test` have none.
fn pack(path: &Path, patients: usize) -> Pack {
    let slice_shape =
        SliceShape { channels: 1, planes: 1, height: 16, width: 16, pixel_type: PixelType::U8 };
    let mut writer = PackWriter::create(path, slice_shape).unwrap();
    for case in 0..=patients {
        for position in 0..2 {
            let square = |i: usize| {
                let (row, column) = (i / 16, i % 16);
                (4 + position..10).contains(&row) && (3 + case % 4..9).contains(&column)
            };
            let labels: Vec<u8> = (0..256).map(|i| u8::from(square(i))).collect();
            let pixels: Vec<u8> = labels.iter().map(|label| 40 + 150 * label).collect();
            writer.push(&pixels, &labels, SliceRecord { case, position }).unwrap();
        }
    }
    let case = |i: usize| {
        let split = if i == patients { Split::Test } else { Split::Train };
        CaseRecord::new(format!("p{i}"), format!("p{i}"), split)
    };
    let manifest = Manifest {
        cases: (0..=patients).map(case).collect(),
        ..Manifest::new(
            "squares",
            ["background", "square"].map(str::to_owned).to_vec(),
            slice_shape,
            Provenance::real("folder", "seed 1"),
        )
    };
    writer.finish(manifest).unwrap();
    Pack::open(path).unwrap()
}

#[test]
fn the_length_is_found_on_patients_who_do_not_train() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(&folder.path().join("pack"), 8);
    let network = NetworkSpec::Unet(UnetSpec { filters: 2, depth: 1, ..UnetSpec::default() });
    let spec = SegmentSpec { network, batch: 4, learning_rate: 0.02, ..SegmentSpec::default() };
    let find =
        |most: u64| find(&spec, &pack, most, Device::Cpu, &|| false, &mut |_, _| {}).unwrap();
    let found = find(2500);
    assert_eq!(found.patients.len(), 2);
    assert!(found.patients.iter().all(|name| name != "p8"), "test patients are not asked");
    assert!(!found.falling && found.steps < 2000, "{found:?}");
    let last = found.looks.last().unwrap();
    assert!(last.loss < 0.3 * found.looks[0].loss.max(0.5), "{found:?}");
    assert_eq!(last.step % EVERY, 0);
    assert_eq!(find(2500), found, "a function of pack and settings");
    let short = find(200);
    assert!(short.falling && short.looks == found.looks[..2], "{short:?}");
}

#[test]
fn few_patients_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(&folder.path().join("pack"), 2);
    let spec = SegmentSpec::default();
    let found = find(&spec, &pack, 100, Device::Cpu, &|| false, &mut |_, _| {});
    let error = found.unwrap_err().to_string();
    assert!(error.contains("2 training patients, expected at least 3"), "{error}");
}
