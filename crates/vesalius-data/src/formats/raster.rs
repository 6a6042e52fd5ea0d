//! PNG, JPEG, TIFF and BMP files as images and as masks.
//!
//! What a file holds besides one picture's pixels is either applied (orientation), said (a note; pages of a TIFF are
//! slices) or refused: transparency in a mask, pixels that are missing, pages where one picture is expected.

mod jpeg;
mod orientation;
mod pages;
mod picture;
mod png;
mod tiff;

use super::guard::guarded;
use crate::volume::{Labels, Volume};
use anyhow::{Context, Result, bail};
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use picture::{Picture, Purpose};
use std::io::Cursor;
use std::path::Path;

/// Extensions of files that can be read.
const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp"];

/// Most bytes that a file may unfold to.
const MAX_BYTES: usize = 512 << 20;

/// Whether the name ends like an image's.
pub fn is_raster(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        EXTENSIONS.contains(&extension.to_string_lossy().to_lowercase().as_str())
    })
}

/// What was read, and what has to be known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted<T> {
    /// The image or mask, upright.
    pub value: T,
    /// What was done or left out.
    pub notes: Vec<String>,
    /// The orientation tag that was applied, 1 where there was none.
    pub orientation: u8,
}

/// An image of one slice: grey or colour, in the file's own numbers. Colour with three equal channels stays colour;
/// `prepare --channels 1` makes it grey without loss. The orientation tag is applied. Floats and numbers of 32 bits
/// have
/// no full range.
///
/// # Errors
/// When the bytes are not such an image, not whole, or several.
pub fn image(bytes: &[u8]) -> Result<Volume> {
    let volume = image_noted(bytes)?.value;
    one_page(volume.slices)?;
    Ok(volume)
}

fn one_page(pages: usize) -> Result<()> {
    if pages > 1 {
        bail!("TIFF of {pages} pages, expected one; save each as a file of its own");
    }
    Ok(())
}

/// The same, also of a stack, with what was done or left out.
///
/// # Errors
/// When the bytes are not such an image, not whole, or pages do not fit each other.
pub fn image_noted(bytes: &[u8]) -> Result<Noted<Volume>> {
    image_within(bytes, MAX_BYTES)
}

/// The same of a file that unfolds to at most `max_bytes`.
///
/// # Errors
/// As [`image`], and for larger files.
pub fn image_within(bytes: &[u8], max_bytes: usize) -> Result<Noted<Volume>> {
    let (picture, pages) = stacked(decode(bytes, Purpose::Image, max_bytes)?)?;
    let mut notes = Vec::new();
    said(&picture, pages, &mut notes);
    if picture.see_through > 0 {
        notes.push(
            "transparency is not used: pixels that are not opaque keep their colour".to_owned(),
        );
    }
    if picture.further > 0 {
        notes.push(format!("channels beside the colours are not used ({})", picture.further));
    }
    let [height, width] = picture.size;
    let volume = Volume::new([pages, picture.channels, height, width], picture.values);
    let value = Volume { full_range: picture.full_range, ..volume };
    Ok(Noted { value, notes, orientation: picture.orientation })
}

/// Pages as one picture, upright, whose values are theirs one behind the other, and their number.
fn stacked(pages: Vec<Picture>) -> Result<(Picture, usize)> {
    let count = pages.len();
    let mut pages = pages.into_iter().map(Picture::upright);
    let mut all = pages.next().context("no page, expected one")?;
    for (at, page) in pages.enumerate() {
        let kind = |page: &Picture| (page.size, page.channels, page.orientation, page.full_range);
        if kind(&page) != kind(&all) {
            bail!(
                "TIFF whose pages 1 and {} differ in size, colours, type or orientation ({}x{} and {}x{}), expected slices \
                 of one volume",
                at + 2,
                all.size[0],
                all.size[1],
                page.size[0],
                page.size[1]
            );
        }
        all.see_through += page.see_through;
        all.further = all.further.max(page.further);
        all.values.extend(page.values);
    }
    Ok((all, count))
}

fn said(picture: &Picture, pages: usize, notes: &mut Vec<String>) {
    if pages > 1 {
        notes.push(format!("TIFF of {pages} pages: slices of one volume"));
    }
    if picture.orientation > 1 {
        notes.push(format!("stored turned, orientation tag {} applied", picture.orientation));
    }
}

/// A mask of one slice with labels below `classes`: palette or grey indices as they are; with two classes also 0 and
/// white (255, or 65535), which becomes 1. The file's own orientation tag is applied.
///
/// # Errors
/// When the bytes are not such an image, or hold colours, transparency or, with two classes, another number.
pub fn mask(bytes: &[u8], classes: usize) -> Result<Labels> {
    let labels = mask_noted(bytes, classes)?.value;
    one_page(labels.slices)?;
    Ok(labels)
}

/// The same, also of a stack, with what was done.
///
/// # Errors
/// As [`mask`]; when pages do not fit each other.
pub fn mask_noted(bytes: &[u8], classes: usize) -> Result<Noted<Labels>> {
    mask_within(bytes, classes, MAX_BYTES)
}

/// The same of a file that unfolds to at most `max_bytes`.
///
/// # Errors
/// As [`mask`], and for larger files.
pub fn mask_within(bytes: &[u8], classes: usize, max_bytes: usize) -> Result<Noted<Labels>> {
    let (picture, pages) = stacked(decode(bytes, Purpose::Mask, max_bytes)?)?;
    let mut notes = Vec::new();
    said(&picture, pages, &mut notes);
    let [height, width] = picture.size;
    let pixels = height * width * pages;
    if picture.see_through > 0 {
        // The shape may be in the transparency, and the colours all white.
        bail!(
            "a mask with transparency ({} of {pixels} pixels are not opaque), expected grey or palette values",
            picture.see_through
        );
    }
    if picture.further > 0 {
        bail!("a mask with {} channels beside grey or colour, expected none", picture.further);
    }
    let mut values = picture.values;
    if picture.channels == 3 {
        let plane = height * width;
        let grey = |page: &[f32]| {
            page[..plane] == page[plane..2 * plane] && page[..plane] == page[2 * plane..]
        };
        if !values.chunks_exact(3 * plane).all(grey) {
            bail!("a mask in colours, expected grey or palette values");
        }
        values = values.chunks_exact(3 * plane).flat_map(|page| &page[..plane]).copied().collect();
    }
    if classes == 2 {
        binary(&mut values, picture.white, &mut notes)?;
    }
    let value = Labels::from_values([pages, height, width], &values)?;
    Ok(Noted { value, notes, orientation: picture.orientation })
}

/// Two classes: 0 and 1, or 0 and white. Any other number is a class of its own in some other file, so it is refused
/// even where this file has no third one.
fn binary(values: &mut [f32], white: Option<f32>, notes: &mut Vec<String>) -> Result<()> {
    let Some(other) = values.iter().find(|value| ![0.0, 1.0].contains(*value)).copied() else {
        return Ok(());
    };
    let known = [Some(255.0), Some(65535.0), white].contains(&Some(other));
    if !known || values.iter().any(|value| ![0.0, other].contains(value)) {
        let third = values.iter().find(|value| ![0.0, 1.0, 255.0, 65535.0].contains(*value));
        bail!("label value {}, expected 0 to 1, or 0 and 255 alone", third.unwrap_or(&other));
    }
    if other < 255.0 {
        notes.push(format!("value {other}, white of the file's type, taken for 1"));
    }
    for value in values {
        *value = f32::from(*value != 0.0);
    }
    Ok(())
}

/// By the first bytes, whatever the name.
fn decode(bytes: &[u8], purpose: Purpose, max_bytes: usize) -> Result<Vec<Picture>> {
    guarded(|| match bytes {
        [0x89, b'P', b'N', b'G', ..] => Ok(vec![png::decode(bytes, purpose, max_bytes)?]),
        [0xFF, 0xD8, ..] => Ok(vec![jpeg::decode(bytes, max_bytes)?]),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => {
            tiff::decode(bytes, purpose, max_bytes)
        }
        [b'B', b'M', ..] => Ok(vec![bitmap(bytes, max_bytes)?]),
        _ => bail!("not a readable PNG, JPEG, TIFF or BMP: the first bytes are of none of them"),
    })
}

/// A BMP. Its palette is looked up for masks, too: 0 and 1 are black and white there.
fn bitmap(bytes: &[u8], max_bytes: usize) -> Result<Picture> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Bmp);
    let mut limits = Limits::default();
    limits.max_alloc = Some(max_bytes as u64);
    reader.limits(limits);
    let decoded = reader.decode().context("not a readable BMP")?;
    let size = [decoded.height() as usize, decoded.width() as usize];
    let (channels, samples) = match decoded {
        DynamicImage::ImageLuma8(image) => (1, image.into_raw()),
        DynamicImage::ImageRgb8(image) => (3, image.into_raw()),
        other => (4, other.into_rgba8().into_raw()),
    };
    let samples = samples.into_iter().map(f32::from).collect();
    Ok(Picture::of_samples(size, channels, false, samples, 255.0)?.of_bits(8))
}

#[cfg(test)]
mod tests;
