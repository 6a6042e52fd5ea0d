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
        notes: loaded.notes,
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

/// Pixels of several sizes: a millimetre is not as many pixels in all slices of the pack.
pub(super) fn uneven(spacings: &[f64]) -> Option<Finding> {
    /// What rounding in headers may differ by.
    const SAME: f64 = 1.02;
    let mut sorted = spacings.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, greatest) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted[sorted.len() / 2];
    (greatest > SAME * least).then(|| {
        let text = format!(
            "pixels are {least:.2} to {greatest:.2} mm wide in the files, so that organs differ in size by the scanner's \
             settings, too; --spacing {middle:.2} brings all to one"
        );
        Finding::note("all patients", text)
    })
}
