//! Pages of a TIFF: a stack is read whole or refused, never in part.

use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::io::Cursor;
use tiff::decoder::Decoder;
use tiff::decoder::ifd::Value;
use tiff::tags::Tag;

/// SGI's and the standard's tags that the `tiff` crate has no name for.
const SUBFILE_TYPE: u16 = 255;
const IMAGE_DEPTH: u16 = 32997;
/// More directories than any file has; a guard against time.
const DIRECTORIES: usize = 1 << 16;

/// Places of the pages in the list of directories. Smaller copies and transparency masks beside a picture are none.
///
/// # Errors
/// Pages that only a description tells of, which no directory does; pages that are not slices of one volume.
pub(super) fn of(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<Vec<usize>> {
    let mut next = decoder.ifd_pointer();
    let mut seen = HashSet::new();
    let mut pages = Vec::new();
    let mut described = 1;
    while let Some(at) = next {
        if seen.len() >= DIRECTORIES || !seen.insert(at.0) {
            bail!("TIFF directories in a circle, expected a list that ends");
        }
        let directory = decoder.read_directory(at).context("damaged TIFF directory")?;
        let mut tags = decoder.read_directory_tags(&directory);
        let mut number = |tag: Tag| -> Option<u64> { tags.find_tag_unsigned(tag).ok().flatten() };
        let kind = number(Tag::NewSubfileType).unwrap_or(0);
        let old = number(Tag::Unknown(SUBFILE_TYPE)).unwrap_or(0);
        // Bit 0: a copy in lower resolution; bit 2: a transparency mask.
        let page = kind & 0b101 == 0 && old != 2;
        if !page && seen.len() == 1 && directory.next().is_some() {
            // Readers of one page would take the small copy for the picture.
            bail!("TIFF whose first page is a reduced copy or a mask, expected the picture first");
        }
        if page || seen.len() == 1 {
            pages.push(seen.len() - 1);
            let size = [Tag::ImageWidth, Tag::ImageLength, Tag::SamplesPerPixel]
                .map(|tag| number(tag).unwrap_or(1));
            let depth = number(Tag::Unknown(IMAGE_DEPTH)).unwrap_or(1);
            let text = tags.find_tag(Tag::ImageDescription).ok().flatten();
            let text = text
                .and_then(|value| if let Value::Ascii(text) = value { Some(text) } else { None });
            if let Some(text) = &text {
                one_axis(text)?;
            }
            described = described.max(depth).max(text.map_or(1, |text| planes(&text, size)));
        }
        next = directory.next();
    }
    if described > 1 && described != pages.len() as u64 {
        bail!(
            "TIFF whose description or depth tells of {described} pages, and {} of them with a directory; expected a \
             directory for each",
            pages.len()
        );
    }
    Ok(pages)
}

/// Refuses stacks whose pages are channels or moments: which page is which slice would be a guess.
fn one_axis(text: &str) -> Result<()> {
    if !text.starts_with("ImageJ=") {
        return Ok(());
    }
    for axis in ["channels", "frames"] {
        let number = text.lines().find_map(|line| line.strip_prefix(axis)?.strip_prefix('='));
        if let Some(number) = number.filter(|number| number.trim() != "1") {
            bail!("TIFF of ImageJ with {axis}={}, expected slices alone", number.trim());
        }
    }
    Ok(())
}

/// Pages that a description tells of: ImageJ (above 4 GB) and tifffile write them behind one directory.
fn planes(text: &str, [width, height, samples]: [u64; 3]) -> u64 {
    if text.starts_with("ImageJ=") {
        let images = text.lines().find_map(|line| line.strip_prefix("images="));
        return images.and_then(|number| number.trim().parse().ok()).unwrap_or(1);
    }
    let shape = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| value.get("shape").cloned())
        .and_then(|shape| serde_json::from_value::<Vec<u64>>(shape).ok());
    let values = shape.and_then(|shape| shape.into_iter().try_fold(1_u64, u64::checked_mul));
    let page = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(samples));
    match (values, page) {
        (Some(values), Some(page)) if page > 0 => values / page,
        _ => 1,
    }
}
