//! Predicted masks as objects of the patient and study that their images are of.

use super::{as_stored, grid, laid_back};
use crate::files::digest;
use crate::files::publish::StagedDir;
use crate::formats::dicom::write::{
    Identity, Slices, Source, write_segmentation, write_structures,
};
use crate::pack::Pack;
use anyhow::{Context as _, Result, bail};

/// How masks are drawn on a DICOM series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// As a Segmentation object (SEG).
    Segmentation,
    /// As a structure set (RTSTRUCT).
    Structures,
}

/// Writes labels of the only case of a pack as an object of the patient and study of its images, `NAME.dcm`, into a folder
/// that is not published yet; `by` names who drew them. False where nothing is labelled: neither form can say so.
///
/// # Errors
/// Those of [`check`]; a series of other slices; when the file cannot be written.
pub fn write_on_series(
    pack: &Pack,
    predicted: &[Vec<u8>],
    (source, drawing): (&Source, Drawing),
    by: &str,
    folder: &StagedDir,
) -> Result<bool> {
    let manifest = pack.manifest();
    let record = manifest.cases.first().context("no case, expected one")?;
    let grid = grid(pack, record)?;
    let slices =
        manifest.slices.iter().zip(predicted).map(|(slice, labels)| (slice.position, &labels[..]));
    let labels = laid_back(grid, &slices.collect(), pack.stored(), manifest.classes.len())?;
    let (labels, _) = as_stored(labels, grid)?;
    if labels.slices != source.slices() {
        bail!("{} slices, expected {} as its series has", labels.slices, source.slices());
    }
    if labels.values.iter().all(|label| *label == 0) {
        return Ok(false);
    }
    let identity = Identity {
        id: record.id.clone(),
        description: format!("predicted by {by}"),
        synthetic: false,
        seed: digest::of_bytes(&labels.values),
    };
    let positions: Vec<usize> = (0..labels.slices).collect();
    let slices = Slices::of_series(source, &identity, &positions);
    let path = folder.path().join(format!("{}.dcm", record.id));
    let write = match drawing {
        Drawing::Segmentation => write_segmentation,
        Drawing::Structures => write_structures,
    };
    write(&slices, &labels.values, &manifest.classes, &path)?;
    Ok(true)
}
