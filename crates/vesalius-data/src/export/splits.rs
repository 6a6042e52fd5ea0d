//! `splits_final.json`: the pack's folds, or its validation patients, as nnU-Net takes them. Left to itself nnU-Net draws
//! folds of cases, so that two phases of one heart may stand on both sides of one.

use super::files::Work;
use crate::pack::manifest::{Manifest, Split};
use serde_json::{Value, json};

/// The file's content, a fold each: names of the cases that train (`train`) and that judge it (`val`). None where no
/// patient is kept apart.
pub(super) fn splits(manifest: &Manifest, work: &[Work]) -> Option<Value> {
    let cases = || work.iter().map(|work| &manifest.cases[work.case]);
    let folds = manifest.folds();
    let of_folds = (0..folds).map(|fold| {
        let names = |tests: bool| -> Vec<&str> {
            let its = cases().filter(|case| (case.fold == Some(fold)) == tests);
            its.map(|case| case.id.as_str()).collect()
        };
        json!({ "train": names(false), "val": names(true) })
    });
    if folds > 0 {
        return Some(of_folds.collect());
    }
    let names = |side: Split| -> Vec<&str> {
        cases().filter(|case| case.split == side).map(|case| case.id.as_str()).collect()
    };
    let (train, validate) = (names(Split::Train), names(Split::Validate));
    (!train.is_empty() && !validate.is_empty())
        .then(|| json!([{ "train": train, "val": validate }]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::manifest::{CaseRecord, PixelType, Provenance, SliceShape};

    fn manifest(cases: &[(&str, Split, Option<usize>)]) -> (Manifest, Vec<Work>) {
        let shape =
            SliceShape { channels: 1, planes: 1, height: 2, width: 2, pixel_type: PixelType::U8 };
        let record = |(id, split, fold): &(&str, Split, Option<usize>)| CaseRecord {
            fold: *fold,
            ..CaseRecord::new(*id, *id, *split)
        };
        let manifest = Manifest {
            cases: cases.iter().map(record).collect(),
            ..Manifest::new("test", vec![], shape, Provenance::real("nnunet", "seed 1"))
        };
        let work = (0..cases.len()).map(|case| Work { case, slices: vec![case] }).collect();
        (manifest, work)
    }

    #[test]
    fn every_case_validates_in_its_fold_and_trains_in_the_others() {
        use Split::Train;
        let (manifest, work) = manifest(&[
            ("a-end-diastole", Train, Some(0)),
            ("a-end-systole", Train, Some(0)),
            ("b", Train, Some(1)),
            ("c", Train, Some(2)),
        ]);
        let expected = json!([
            { "train": ["b", "c"], "val": ["a-end-diastole", "a-end-systole"] },
            { "train": ["a-end-diastole", "a-end-systole", "c"], "val": ["b"] },
            { "train": ["a-end-diastole", "a-end-systole", "b"], "val": ["c"] },
        ]);
        assert_eq!(splits(&manifest, &work), Some(expected));
    }

    #[test]
    fn validation_patients_are_one_fold_without_the_test_patients() {
        use Split::{Test, Train, Validate};
        let (all, work) = manifest(&[("a", Train, None), ("b", Validate, None), ("c", Test, None)]);
        assert_eq!(splits(&all, &work), Some(json!([{ "train": ["a"], "val": ["b"] }])));
        let (none, work) = manifest(&[("a", Train, None), ("c", Test, None)]);
        assert_eq!(splits(&none, &work), None);
    }
}
