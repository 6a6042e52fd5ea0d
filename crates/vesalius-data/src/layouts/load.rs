//! One image file with the files of its mask, of whatever formats.

use super::nnunet::add_channels;
use crate::formats::file::{self, Format, ImageFile, Mask, MaskFile};
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
    with_masks(image, seen, &whole(&[mask.to_owned()]), naming, reader)
}

/// Channels of one examination, a file each.
///
/// # Errors
/// Names the file that cannot be read, or that has other voxels or another grid than the first.
pub fn channels(files: &[PathBuf], reader: &mut Reader) -> Result<ImageFile> {
    let mut image = file::image(&files[0], reader)?;
    for path in &files[1..] {
        let other = file::image(path, reader)?;
        add_channels(&mut image, other).with_context(|| format!("{}", path.display()))?;
    }
    Ok(image)
}

/// The class that a mask's file is of (an empty name where the file has labels or names of its own), and the file.
pub type ClassMask = (String, PathBuf);

/// Masks with labels or names of their own.
pub fn whole(masks: &[PathBuf]) -> Vec<ClassMask> {
    masks.iter().map(|path| (String::new(), path.clone())).collect()
}

/// An image that was read already, `image` naming its file, with its masks: one file of labels, segments in one or several
/// files, or a file for each class (a class without one is not in the image).
///
/// # Errors
/// As [`one_pair`].
pub fn with_masks(
    image: &Path,
    seen: ImageFile,
    masks: &[ClassMask],
    naming: &Naming,
    reader: &mut Reader,
) -> Result<Case> {
    let drawn = drawn(&seen, masks, naming, reader)?;
    let named = masks.first().map_or(image, |(_, path)| path);
    let (volume, labels) = (seen.volume, drawn.labels);
    // An archive can hold both.
    let archive = matches!(Format::of_name(image), Some(Format::Numpy | Format::Hdf5));
    let same =
        || labels.values.iter().map(|label| f32::from(*label)).eq(volume.values.iter().copied());
    if masks.iter().any(|(_, path)| path == image) && (!archive || same()) {
        let what = if archive { "array" } else { "file" };
        bail!("{}: one {what} for the image and its mask, expected two", image.display());
    }
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
    masks: &[ClassMask],
    naming: &Naming,
    reader: &mut Reader,
) -> Result<MaskFile> {
    let mut all: Vec<Segments> = Vec::new();
    let mut classed = Segments::default();
    for (class, path) in masks {
        if !class.is_empty() {
            // Pictures of one class are black and white.
            let mask = file::mask(path, 2, reader)?.labels();
            let mask = mask.with_context(|| format!("{}", path.display()))?;
            classed.all.push(of_class(class, &mask));
            classed.notes.extend(mask.notes);
            continue;
        }
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
    if !classed.all.is_empty() {
        all.push(classed);
    }
    let files: Vec<String> = masks.iter().map(|(_, path)| path.display().to_string()).collect();
    let grid = image.grid();
    let (labels, notes) = labels(all, naming, &grid).with_context(|| files.join(" and "))?;
    Ok(MaskFile { labels, geometry: image.geometry, notes, orientation: 1 })
}

/// Whatever is labelled in a class's own file belongs to it.
fn of_class(class: &str, mask: &MaskFile) -> Segment {
    let labels = &mask.labels;
    let block = Block {
        size: [labels.width, labels.height, labels.slices],
        geometry: mask.geometry,
        inside: labels.values.iter().map(|value| *value != 0).collect(),
    };
    Segment { name: class.to_owned(), extent: Extent::Blocks(vec![block]) }
}
