//! DICOM: a file's bytes to its facts and pixels; slices to one series.

#[cfg(test)]
pub(crate) mod built;
mod cells;
mod compressed;
mod frames;
pub(crate) mod header;
mod lengths;
pub(crate) mod object;
mod person;
mod pixel_format;
mod pixels;
pub(crate) mod reference;
mod segmentation;
pub(crate) mod series;
mod structures;
mod syntax;
pub mod write;

pub use pixels::Pixels;

use super::contents::ImageFile;
use crate::volume::Volume;
use crate::volume::segments::Segments;
use anyhow::{Result, bail};
use header::Facts;
use reference::Drawing;
use series::Series;
use std::path::Path;

/// Header and pixels of a file's bytes, frame by frame.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(Facts, Pixels)>> {
    let object = object::read(std::io::Cursor::new(bytes), false)?;
    let objects = if frames::count(&object)? > 1 { frames::split(&object)? } else { vec![object] };
    objects.iter().map(|frame| Ok((Facts::of(frame)?, Pixels::of(frame)?))).collect()
}

/// Headers of a file's frames, of an object that was read without its pixels.
pub(crate) fn facts(object: &dicom_object::InMemDicomObject) -> Result<Vec<Facts>> {
    let one = Facts::of(object)?;
    // What is no image may have frames of another kind.
    if one.other.is_some() {
        return Ok(vec![one]);
    }
    let frames = frames::count(object)?;
    if frames == 1 {
        return Ok(vec![one]);
    }
    // Cine loops and captures of screens: pictures, of which nothing says where they lie.
    if object::items(object, frames::PER_FRAME).len() != frames {
        let other = Some(format!("{frames} frames without functional groups"));
        return Ok(vec![Facts { other, ..one }]);
    }
    frames::headers(object)?.iter().map(Facts::of).collect()
}

/// What kind of scanner made a file (`MR`, `CT`); `None` where it is not DICOM or does not say.
pub(crate) fn modality(path: &Path) -> Option<String> {
    let file = crate::files::read::open(path).ok().filter(|_| object::is_dicom(path))?;
    let object = object::read(std::io::BufReader::new(file), true).ok()?;
    object::text(&object, dicom_object::Tag(0x0008, 0x0060))
}

/// Segments of a file's bytes.
///
/// # Errors
/// What is neither a segmentation nor a structure set, or contradicts itself.
pub fn segments(bytes: &[u8]) -> Result<Segments> {
    let object = object::read(std::io::Cursor::new(bytes), false)?;
    match Drawing::of(&object) {
        Some(Drawing::Segmentation) => segmentation::segments(&object),
        Some(Drawing::Structures) => structures::segments(&object),
        None => bail!(
            "DICOM, but neither a segmentation (SEG) nor a structure set (RTSTRUCT), expected a mask"
        ),
    }
}

/// Pixels of one file's bytes: a grey image of one frame, uncompressed, RLE or JPEG.
///
/// # Errors
/// What is no such image, or contradicts itself.
pub fn parse(bytes: &[u8]) -> Result<Pixels> {
    let mut frames = read(bytes)?;
    let Some((facts, pixels)) = frames.pop().filter(|_| frames.is_empty()) else {
        bail!("{} frames, expected one grey image", frames.len() + 1);
    };
    facts.normal()?;
    Ok(pixels)
}

/// One file's slice or slices as an image, bright is white.
///
/// # Errors
/// What is no grey image, or contradicts itself.
pub fn image(bytes: &[u8]) -> Result<ImageFile> {
    let (facts, pixels): (Vec<Facts>, Vec<Pixels>) = read(bytes)?.into_iter().unzip();
    facts.iter().try_for_each(|facts| facts.normal().map(|_| ()))?;
    let slices: Vec<series::Slice> =
        facts.iter().map(|facts| (Path::new("the slice"), facts)).collect();
    of_series(&slices, &pixels, &Series::of(&slices)?)
}

/// Slices of one series as one image, in the series' order.
///
/// # Errors
/// Slices of several shapes, or whose values mean different things.
pub(crate) fn of_series(
    slices: &[series::Slice],
    pixels: &[Pixels],
    series: &Series,
) -> Result<ImageFile> {
    let mut notes = series.notes.clone();
    one_scale(slices, pixels, &mut notes)?;
    let (rows, columns) = (pixels[0].rows, pixels[0].columns);
    let mut volume = Volume::new([pixels.len(), 1, rows, columns], vec![]);
    let padded = pixels.iter().any(|slice| !slice.padding.is_empty());
    for &at in &series.order {
        let slice = &pixels[at];
        volume.values.extend_from_slice(&slice.values);
        if slice.padding.is_empty() {
            let end = volume.padding.len() + usize::from(padded) * rows * columns;
            volume.padding.resize(end, false);
        } else {
            volume.padding.extend_from_slice(&slice.padding);
        }
    }
    if padded {
        let share = volume.padding.iter().filter(|padded| **padded).count() as f64
            / volume.padding.len() as f64;
        notes.push(format!("{:.1} % of the pixels are padding: black", 100.0 * share));
    }
    Ok(ImageFile {
        volume,
        spacing_mm: slices[0].1.spacing_mm,
        geometry: series.geometry,
        person: slices.iter().find_map(|(_, facts)| facts.person.digest.clone()),
        notes,
        orientation: 1,
    })
}

/// One meaning of values for a whole series.
fn one_scale(slices: &[series::Slice], pixels: &[Pixels], notes: &mut Vec<String>) -> Result<()> {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0);
    for (slice, (path, _)) in pixels.iter().zip(slices) {
        let agree = match (slice.mirror, pixels[0].mirror) {
            (Some(a), Some(b)) => near(a, b),
            (a, b) => a == b,
        };
        if !agree {
            bail!(
                "{} and {}: MONOCHROME1 with other bits or another rescale, expected one for the series: inverted values would not fit each other",
                slices[0].0.display(),
                path.display()
            );
        }
        if slice.raw != pixels[0].raw {
            bail!(
                "{} and {}: a rescale in one of them, expected it in all",
                slices[0].0.display(),
                path.display()
            );
        }
    }
    if pixels[0].mirror.is_some() {
        notes.push("MONOCHROME1: inverted, so that bright is white".to_owned());
    }
    let ct = slices[0].1.modality.as_deref() == Some("CT");
    if ct && pixels[0].raw {
        notes
            .push("CT without RescaleSlope: values are as stored, not Hounsfield units".to_owned());
    }
    Ok(())
}
