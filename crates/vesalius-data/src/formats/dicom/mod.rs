//! DICOM: a file's bytes to its facts and pixels; slices to one series.

#[cfg(test)]
pub(crate) mod built;
mod cells;
mod compressed;
pub(crate) mod header;
mod layout;
mod lengths;
pub(crate) mod object;
mod person;
mod pixels;
pub(crate) mod series;
mod syntax;

pub use pixels::Pixels;

use anyhow::Result;
use header::Facts;

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
