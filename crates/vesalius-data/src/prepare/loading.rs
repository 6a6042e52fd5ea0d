//! One case: read, turned, cut and windowed, and what is to be known of it.

use super::orient;
use super::preprocess::{Prepared, prepare_case};
use super::settings::Preprocess;
use crate::checks::findings::Finding;
use crate::checks::sheet::Measured;
use crate::layouts::Source;
use crate::pack::manifest::SourceFile;
use crate::text::label;
use crate::volume::{Case, CaseFiles, Reader};
use anyhow::{Context as _, Result};
use std::path::Path;

pub(super) struct Loaded {
    pub(super) prepared: Prepared,
    pub(super) measured: Measured,
    /// As its files are stored; of one picture it says little.
    pub(super) orientation: Option<String>,
    /// Of the stored pixels, rows and columns.
    pub(super) stored_mm: Option<[f64; 2]>,
    pub(super) channels: usize,
    pub(super) sequences: Vec<String>,
    pub(super) group: Option<String>,
    pub(super) person: Option<String>,
    pub(super) slices: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) files: Vec<SourceFile>,
}

/// Reads and prepares a case.
///
/// # Errors
/// What is wrong with its files, or with what they hold.
pub(super) fn load(
    source: &dyn Source,
    root: &Path,
    case: &CaseFiles,
    settings: &Preprocess,
    classes: &[String],
) -> Result<Loaded> {
    let mut reader = Reader::new(root);
    let name = || format!("{}", case.images[0].display());
    let mut loaded = chosen(source, source.load(case, &mut reader)?, settings);
    // Wrong labels are the mask's fault, everything else the image's.
    loaded.check(classes).with_context(|| {
        let mask =
            case.masks.first().map_or_else(String::new, |mask| format!(" with {}", mask.display()));
        format!("{}{mask}", name())
    })?;
    if let Some(group) = &loaded.group {
        label::check(group).with_context(|| format!("{}: group of its patient", name()))?;
    }
    let orientation = loaded.geometry.filter(|_| loaded.volume.slices > 1);
    let orientation = orientation.map(|geometry| geometry.orientation());
    if let Some(wanted) = &settings.orientation {
        loaded = orient::turned(loaded, wanted).with_context(name)?;
    }
    let prepared = prepare_case(&loaded, settings, classes.len()).with_context(name)?;
    let slices = loaded.volume.slice_digests();
    let padded = prepared.padded.then(|| "planes beyond its slices are black".to_owned());
    Ok(Loaded {
        measured: Measured::of(case, &loaded, &prepared, classes.len()),
        prepared,
        orientation,
        stored_mm: loaded.spacing_mm,
        channels: loaded.volume.channels,
        sequences: loaded.sequences,
        slices: slices.into_iter().filter(|digest| !digest.is_empty()).collect(),
        group: loaded.group,
        person: loaded.person,
        notes: loaded.notes.into_iter().chain(padded).collect(),
        files: reader.into_files(),
    })
}

/// The sequences that the settings name, in that order.
fn chosen(source: &dyn Source, case: Case, settings: &Preprocess) -> Case {
    let Some(wanted) = &settings.modalities else { return case };
    // The source has all of them: `check_modalities`.
    let named = source.channels().unwrap_or_default();
    let place = |name: &String| named.iter().position(|other| other == name);
    let places: Vec<usize> = wanted.iter().filter_map(place).collect();
    let volume = case.volume.selected(&places);
    // One alone is grey.
    let sequences = if wanted.len() == 1 { vec![] } else { wanted.clone() };
    Case { volume, sequences, ..case }
}

/// What rounding in headers may differ by, as a factor.
pub const SAME_SPACING: f64 = 1.02;

/// Pixels that are not as high or not as wide in all cases: a millimetre is not as many pixels in all slices of the pack.
pub(super) fn uneven(spacings: &[[f64; 2]]) -> Option<Finding> {
    let mut all = [0, 1].map(|axis| spacings.iter().map(|s| s[axis]).collect::<Vec<f64>>());
    for axis in &mut all {
        axis.sort_by(f64::total_cmp);
    }
    let differ = |axis: &&Vec<f64>| {
        let (least, greatest) = (axis.first(), axis.last());
        least.zip(greatest).is_some_and(|(least, greatest)| *greatest > SAME_SPACING * least)
    };
    let axis = all.iter().find(differ)?;
    let (least, middle, greatest) = (axis[0], axis[axis.len() / 2], axis[axis.len() - 1]);
    let text = format!(
        "pixels are {least:.2} to {greatest:.2} mm wide in the files, so that organs differ in size by the scanner's \
         settings, too; --spacing {middle:.2} brings all to one"
    );
    Some(Finding::note("all patients", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_of_several_sizes_are_noted_and_those_that_are_not_square_are_not() {
        assert_eq!(uneven(&[]), None);
        assert_eq!(uneven(&[[1.25, 0.75], [1.25, 0.75], [1.26, 0.75]]), None);
        let found = uneven(&[[1.0, 1.0], [1.0, 1.5], [1.0, 2.0]]).unwrap();
        assert!(found.text.contains("1.00 to 2.00 mm") && found.text.contains("--spacing 1.50"));
    }
}
