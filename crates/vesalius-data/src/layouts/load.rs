//! One image file with one mask file, of whatever formats.

use crate::formats::file::{self, ImageFile};
use crate::volume::pair::lay_on;
use crate::volume::{Case, Reader};
use anyhow::{Context as _, Result, bail};
use std::path::Path;

/// Reads both and brings the mask onto its image's grid.
///
/// # Errors
/// Names the file that cannot be read, shapes that differ only because an orientation tag was applied, grids that
/// differ.
pub fn one_pair(image: &Path, mask: &Path, classes: usize, reader: &mut Reader) -> Result<Case> {
    let seen = file::image(image, reader)?;
    with_mask(image, seen, mask, classes, reader)
}

/// The same of an image that was read already, `image` naming its file.
///
/// # Errors
/// As [`one_pair`].
pub fn with_mask(
    image: &Path,
    seen: ImageFile,
    mask: &Path,
    classes: usize,
    reader: &mut Reader,
) -> Result<Case> {
    let drawn = file::mask(mask, classes, reader)?;
    let (volume, labels) = (seen.volume, drawn.labels);
    if [volume.height, volume.width] != [labels.height, labels.width]
        && (seen.orientation > 1 || drawn.orientation > 1)
    {
        bail!(
            "{}: {}x{} (rows, columns) after orientation tag {} was applied, its mask {} {}x{} after tag {}; expected \
             one shape",
            image.display(),
            volume.height,
            volume.width,
            seen.orientation,
            mask.display(),
            labels.height,
            labels.width,
            drawn.orientation
        );
    }
    let (labels, note) = lay_on(labels, drawn.geometry, seen.geometry)
        .with_context(|| format!("{}", mask.display()))?;
    let of_mask = drawn.notes.into_iter().map(|note| format!("its mask: {note}"));
    let notes = seen.notes.into_iter().chain(of_mask).chain(note).collect();
    Ok(Case {
        spacing_mm: seen.spacing_mm,
        geometry: seen.geometry,
        person: seen.person,
        notes,
        ..Case::new(volume, labels)
    })
}
