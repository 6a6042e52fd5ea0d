//! Segmentations and structure sets with the series that they were drawn on, wherever both lie in a patient's folder: a
//! PACS gives every series a folder of its own.

use super::find::{Folder, Slice, Unit, below};
use crate::checks::findings::Finding;
use crate::formats::dicom::reference::Reference;
use crate::layouts::walk::name;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A segmentation or structure set.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) path: PathBuf,
    pub(super) reference: Reference,
}

/// Series that something was drawn on, patient by patient: the folders of the dataset's folder, or that itself.
///
/// # Errors
/// A drawing whose series cannot be told, or lies in another frame of reference.
pub(super) fn units<'a>(root: &'a Folder, findings: &mut Vec<Finding>) -> Result<Vec<Unit<'a>>> {
    let alone = !root.slices.is_empty() || !root.drawings.is_empty();
    let patients: Vec<&Folder> = if alone { vec![root] } else { root.inner.iter().collect() };
    let mut units = Vec::new();
    for patient in patients {
        of_patient(&root.path, patient, &mut units, findings)?;
    }
    Ok(units)
}

fn of_patient<'a>(
    root: &Path,
    patient: &'a Folder,
    units: &mut Vec<Unit<'a>>,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let mut series: BTreeMap<&str, Vec<&Slice>> = BTreeMap::new();
    for slice in patient.series().into_iter().flat_map(|folder| &folder.slices) {
        series.entry(slice.1.series_uid.as_deref().unwrap_or("")).or_default().push(slice);
    }
    let folders = patient.holding(&|folder| !folder.drawings.is_empty());
    let mut drawn: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    for drawing in folders.into_iter().flat_map(|folder| &folder.drawings) {
        match series_of(drawing, &series)? {
            Some(uid) => drawn.entry(uid).or_default().push(drawing.path.clone()),
            None => findings.push(Finding::warning(
                below(root, &drawing.path),
                "drawn on a series that is not in its patient's folder: not used",
            )),
        }
    }
    if drawn.is_empty() {
        if let Some(slices) = series.values().next() {
            bail!(
                "{}: DICOM slices on which no segmentation or structure set of {} is drawn, expected one",
                slices[0].0.display(),
                name(&patient.path)
            );
        }
        return Ok(());
    }
    for (uid, slices) in series {
        let Some(masks) = drawn.remove(uid) else {
            let text = "a series on which nothing is drawn";
            findings.push(Finding::set_aside(below(root, &slices[0].0), text));
            continue;
        };
        let first = &slices[0].0;
        units.push(Unit {
            folder: first.parent().unwrap_or(first).to_owned(),
            slices,
            masks,
            whole: true,
        });
    }
    Ok(())
}

/// The series of a drawing: as it says, else the only one in its frame of reference. `None` where that is not there.
fn series_of<'a>(
    drawing: &Drawn,
    series: &BTreeMap<&'a str, Vec<&Slice>>,
) -> Result<Option<&'a str>> {
    let Reference { frames_of_reference, series: named } = &drawing.reference;
    let in_frame = |slices: &[&Slice]| {
        let frame = slices[0].1.frame_of_reference.as_ref();
        frames_of_reference.is_empty()
            || frame.is_none_or(|frame| frames_of_reference.contains(frame))
    };
    if named.is_empty() {
        let found: Vec<&'a str> =
            series.iter().filter(|(_, slices)| in_frame(slices)).map(|(uid, _)| *uid).collect();
        return match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => bail!(
                "{}: names no series, and {} of its patient are in its frame of reference, expected one",
                drawing.path.display(),
                found.len()
            ),
        };
    }
    let found: Vec<(&'a str, &Vec<&Slice>)> = series
        .iter()
        .filter(|(uid, _)| named.iter().any(|name| name == *uid))
        .map(|(uid, slices)| (*uid, slices))
        .collect();
    match found[..] {
        [] => Ok(None),
        [(uid, slices)] if in_frame(slices) => Ok(Some(uid)),
        [(_, slices)] => bail!(
            "{}: drawn in another FrameOfReferenceUID than that of its series ({}), expected the same",
            drawing.path.display(),
            slices[0].0.display()
        ),
        _ => bail!(
            "{}: drawn on {} series of its patient, expected one",
            drawing.path.display(),
            found.len()
        ),
    }
}
