//! One image file with the files of its mask, of whatever formats.

use crate::formats::file::{self, ImageFile, Mask, MaskFile};
use crate::volume::pair::lay_on;
use crate::volume::segments::{Block, Extent, Naming, Segment, Segments, labels};
use crate::volume::{Case, Reader};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

/// Reads both and brings the mask onto its image's grid.
///
/// # Errors
/// Names the file that cannot be read, shapes that differ only because an orientation tag was applied, grids that
/// differ.
pub fn one_pair(image: &Path, mask: &Path, naming: &Naming, reader: &mut Reader) -> Result<Case> {
    let seen = file::image(image, reader)?;
    with_masks(image, seen, &[mask.to_owned()], naming, reader)
}

/// The same of an image that was read already, `image` naming its file, and of segments in several files.
///
/// # Errors
/// As [`one_pair`].
pub fn with_masks(
    image: &Path,
    seen: ImageFile,
    masks: &[PathBuf],
    naming: &Naming,
    reader: &mut Reader,
) -> Result<Case> {
    let drawn = drawn(&seen, masks, naming, reader)?;
    let named = masks.first().map_or(image, PathBuf::as_path);
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
            named.display(),
            labels.height,
            labels.width,
            drawn.orientation
        );
    }
    let (labels, note) = lay_on(labels, drawn.geometry, seen.geometry)
        .with_context(|| format!("{}", named.display()))?;
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

/// One mask of labels, or all segments of one or several files.
fn drawn(
    image: &ImageFile,
    masks: &[PathBuf],
    naming: &Naming,
    reader: &mut Reader,
) -> Result<MaskFile> {
    let mut all: Vec<Segments> = Vec::new();
    for path in masks {
        match file::mask(path, naming.classes.len(), reader)? {
            Mask::Labels(mask) if masks.len() == 1 => return Ok(mask),
            Mask::Labels(_) => bail!(
                "{}: a label for each voxel, and {} more masks of the image; expected one such file, or several of named \
                 segments",
                path.display(),
                masks.len() - 1
            ),
            Mask::Segments(segments) => all.push(segments),
        }
    }
    let files: Vec<String> = masks.iter().map(|path| path.display().to_string()).collect();
    let grid = image.grid();
    let (labels, notes) = labels(all, naming, &grid).with_context(|| files.join(" and "))?;
    Ok(MaskFile { labels, geometry: image.geometry, notes, orientation: 1 })
}

/// An image with a file for each class; a class without one is not in the image.
///
/// # Errors
/// As [`one_pair`]; a file that holds named segments itself.
pub fn drawn_segments(
    image: ImageFile,
    masks: &[(String, Vec<PathBuf>)],
    naming: &Naming,
    reader: &mut Reader,
) -> Result<Case> {
    let grid = image.grid();
    let mut all = Segments::default();
    for (class, files) in masks {
        for path in files {
            let failure = || format!("{}", path.display());
            // Pictures of one class are black and white.
            let mask = file::mask(path, 2, reader)?.labels().with_context(failure)?;
            let labels = &mask.labels;
            let block = Block {
                size: [labels.width, labels.height, labels.slices],
                geometry: mask.geometry,
                inside: labels.values.iter().map(|value| *value != 0).collect(),
            };
            all.notes.extend(mask.notes);
            all.all.push(Segment { name: class.clone(), extent: Extent::Blocks(vec![block]) });
        }
    }
    let named: Vec<String> =
        masks.iter().flat_map(|(_, files)| files).map(|path| path.display().to_string()).collect();
    let (labels, of_masks) =
        labels(vec![all], naming, &grid).with_context(|| named.join(" and "))?;
    let of_masks = of_masks.into_iter().map(|note| format!("its mask: {note}"));
    Ok(Case {
        spacing_mm: image.spacing_mm,
        geometry: image.geometry,
        person: image.person,
        notes: image.notes.into_iter().chain(of_masks).collect(),
        ..Case::new(image.volume, labels)
    })
}
