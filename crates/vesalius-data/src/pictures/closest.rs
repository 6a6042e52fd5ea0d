//! The closest pairs of a copying audit as one picture: query, nearest training image, difference.

use anyhow::{Result, bail};
use image::{ImageFormat, Rgb, RgbImage};

/// Two images of the same shape, 8 bits, `[C, H, W]` each.
#[derive(Debug, Clone)]
pub struct ClosePair {
    /// The synthetic image.
    pub query: Vec<u8>,
    /// Its nearest training image, in the view and at the shift where it is nearest.
    pub reference: Vec<u8>,
    /// Whether the detector flagged it: framed in the picture.
    pub flagged: bool,
}

/// Smallest side of a tile: smaller images are enlarged by a whole factor.
const TILE_SIDE: usize = 128;
const GAP: usize = 2;
const MARGIN: usize = 10;
/// Okabe and Ito's vermilion: the frame of flagged pairs.
const FRAME: Rgb<u8> = Rgb([213, 94, 0]);
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);

/// PNG of pairs in rows of `columns`, row by row: query, reference, and half of query less reference about middle grey
/// (equal pixels are grey 128).
///
/// # Errors
/// When there is no pair.
///
/// # Panics
/// When an image is not of `shape` (channels, height, width).
pub fn closest(pairs: &[ClosePair], shape: [usize; 3], columns: usize) -> Result<Vec<u8>> {
    if pairs.is_empty() || columns == 0 {
        bail!("a picture of no pair, expected at least one");
    }
    let [channels, height, width] = shape;
    let zoom = TILE_SIDE.div_ceil(height.min(width)).max(1);
    let (tile_h, tile_w) = (height * zoom, width * zoom);
    let (cell_h, cell_w) = (tile_h + 2 * GAP, 3 * tile_w + 4 * GAP);
    let columns = columns.min(pairs.len());
    let rows = pairs.len().div_ceil(columns);
    let size = |count: usize, cell: usize| (count * cell + (count + 1) * MARGIN) as u32;
    let mut picture = RgbImage::from_pixel(size(columns, cell_w), size(rows, cell_h), PAPER);
    for (i, pair) in pairs.iter().enumerate() {
        assert_eq!(pair.query.len(), channels * height * width, "pixels of a query");
        assert_eq!(pair.reference.len(), pair.query.len(), "pixels of a reference");
        let top = MARGIN + i / columns * (cell_h + MARGIN);
        let left = MARGIN + i % columns * (cell_w + MARGIN);
        let frame = if pair.flagged { FRAME } else { PAPER };
        for y in 0..cell_h {
            for x in 0..cell_w {
                picture.put_pixel((left + x) as u32, (top + y) as u32, frame);
            }
        }
        for (tile, of) in
            [0, 1, 2].into_iter().zip([Shown::Query, Shown::Reference, Shown::Difference])
        {
            let tile_left = left + GAP + tile * (tile_w + GAP);
            for y in 0..tile_h {
                for x in 0..tile_w {
                    let colour = pixel(pair, of, shape, y / zoom, x / zoom);
                    picture.put_pixel((tile_left + x) as u32, (top + GAP + y) as u32, colour);
                }
            }
        }
    }
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

#[derive(Debug, Clone, Copy)]
enum Shown {
    Query,
    Reference,
    Difference,
}

fn pixel(pair: &ClosePair, of: Shown, [channels, h, w]: [usize; 3], y: usize, x: usize) -> Rgb<u8> {
    let at = |channel: usize| {
        let index = (channel * h + y) * w + x;
        let (query, reference) = (pair.query[index], pair.reference[index]);
        match of {
            Shown::Query => query,
            Shown::Reference => reference,
            Shown::Difference => (128 + (i16::from(query) - i16::from(reference)) / 2) as u8,
        }
    };
    if channels == 3 { Rgb([at(0), at(1), at(2)]) } else { Rgb([at(0); 3]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pixels_differ_by_middle_grey_and_flagged_pairs_have_a_frame() {
        let query = vec![100; 128 * 128];
        let mut reference = query.clone();
        reference[0] = 40;
        let pair =
            |flagged| ClosePair { query: query.clone(), reference: reference.clone(), flagged };
        let png = closest(&[pair(true), pair(false)], [1, 128, 128], 1).unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        let at = |x: u32, y: u32| picture.get_pixel(x, y).0;
        assert_eq!(picture.width() as usize, 2 * MARGIN + 3 * 128 + 4 * GAP);
        assert_eq!(at(10, 10), FRAME.0);
        assert_eq!(at(12, 12), [100; 3]);
        assert_eq!(at(12 + 130, 12), [40; 3]);
        assert_eq!(at(12 + 260, 12), [158; 3]);
        assert_eq!(at(13 + 260, 12), [128; 3]);
        assert_eq!(at(10, 10 + 132 + 10), PAPER.0);
        assert!(closest(&[], [1, 2, 2], 1).is_err());
    }
}
