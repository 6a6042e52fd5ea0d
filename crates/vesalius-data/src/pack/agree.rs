//! Whether a manifest and a header speak of the same slices.

use super::header::Header;
use super::manifest::Manifest;

/// What contradicts itself, in one line.
pub(super) fn check_manifest(manifest: &Manifest, header: &Header) -> Result<(), String> {
    if manifest.slice_shape != header.slice_shape {
        return Err(format!(
            "layout {:?}, but slices.bin has {:?}; expected the same",
            manifest.slice_shape, header.slice_shape
        ));
    }
    if manifest.slices.len() != header.count {
        return Err(format!(
            "{} slices, but slices.bin has {}; expected the same",
            manifest.slices.len(),
            header.count
        ));
    }
    if header.count == 0 {
        return Err("no slice at all".to_owned());
    }
    if !(1..=256).contains(&manifest.classes.len()) {
        return Err(format!("{} classes, expected 1 to 256", manifest.classes.len()));
    }
    if let Some(slice) = manifest.slices.iter().find(|slice| slice.case >= manifest.cases.len()) {
        return Err(format!(
            "slice of case {}, but there are {}",
            slice.case,
            manifest.cases.len()
        ));
    }
    let mut places = std::collections::HashMap::new();
    for case in &manifest.cases {
        let place = (case.split, case.fold, &case.validates_in);
        let first = *places.entry(&case.patient).or_insert(place);
        if first.0 != place.0 {
            return Err(format!("patient {} is on both sides of the split", case.patient));
        }
        if first != place {
            return Err(format!("patient {} is in several folds", case.patient));
        }
    }
    let folds = manifest.folds();
    for case in manifest.cases.iter().filter(|_| folds > 0) {
        let Some(fold) = case.fold else {
            return Err(format!("patient {} is in no fold, expected one of {folds}", case.patient));
        };
        if case.validates_in.iter().any(|other| *other == fold || *other >= folds) {
            return Err(format!(
                "patient {} tests in fold {fold} and validates in {:?}, expected others of {folds}",
                case.patient, case.validates_in
            ));
        }
    }
    Ok(())
}
