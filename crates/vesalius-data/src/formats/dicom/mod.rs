//! DICOM: a file's bytes to its facts and pixels; slices to one series.

#[cfg(test)]
pub(crate) mod built;
mod cells;
mod compressed;
pub(crate) mod header;
mod lengths;
pub(crate) mod object;
mod person;
mod pixel_format;
mod pixels;
pub(crate) mod series;
mod syntax;

pub use pixels::Pixels;

use super::contents::ImageFile;
use crate::volume::Volume;
use anyhow::{Result, bail};
use header::Facts;
use series::Series;
use std::path::Path;

/// Header and pixels of a file's bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<(Facts, Pixels)> {
    let object = object::read(std::io::Cursor::new(bytes), false)?;
    Ok((Facts::of(&object)?, Pixels::of(&object)?))
}

/// Pixels of one file's bytes: a grey image of one frame, uncompressed, RLE or JPEG.
///
/// # Errors
/// What is no such image, or contradicts itself.
pub fn parse(bytes: &[u8]) -> Result<Pixels> {
    let (facts, pixels) = read(bytes)?;
    facts.normal()?;
    Ok(pixels)
}

/// One file's slice as an image, bright is white.
///
/// # Errors
/// As [`parse`].
pub fn image(bytes: &[u8]) -> Result<ImageFile> {
    let (facts, slice) = read(bytes)?;
    facts.normal()?;
    let slices = [(Path::new("the slice"), &facts)];
    of_series(&slices, &[slice], &Series::of(&slices)?)
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
