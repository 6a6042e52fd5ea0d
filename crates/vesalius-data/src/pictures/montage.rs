//! Slices as one picture: a grid of images with the outlines of their labels.

use crate::pack::manifest::{PixelType, SliceShape};
use anyhow::{Result, bail};
use image::{ImageFormat, Rgb, RgbImage};

/// One slice of a montage, bytes as in a pack.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    /// `[C, H, W]`.
    pub pixels: &'a [u8],
    /// `[H, W]`.
    pub labels: &'a [u8],
}

/// Outline colours of classes 1, 2, …: Okabe and Ito's palette, which colour-blind readers can tell apart.
pub const COLOURS: [[u8; 3]; 7] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
];

/// Smallest side of a tile in the picture: smaller slices are enlarged by a whole factor.
const TILE_SIDE: usize = 128;

/// A slice as it is shown once.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// `[C, H, W]`.
    pub pixels: &'a [u8],
    /// `[H, W]`, where their outlines are drawn.
    pub labels: Option<&'a [u8]>,
}

/// PNG of tiles in rows of `columns`, each shown twice: plain, and with its labels' outlines. `channel`: the one that is
/// shown; without, colour where there are three, else the first.
///
/// # Errors
/// When there is no tile.
pub fn montage(
    tiles: &[Tile],
    slice_shape: SliceShape,
    columns: usize,
    channel: Option<usize>,
) -> Result<Vec<u8>> {
    let twice = tiles.iter().map(|&Tile { pixels, labels }| {
        vec![Panel { pixels, labels: None }, Panel { pixels, labels: Some(labels) }]
    });
    panels(&twice.collect::<Vec<_>>(), slice_shape, columns, channel)
}

/// PNG of groups of panels, as many in each, in rows of `columns` groups.
///
/// # Errors
/// When there is none.
pub fn panels(
    groups: &[Vec<Panel>],
    slice_shape: SliceShape,
    columns: usize,
    channel: Option<usize>,
) -> Result<Vec<u8>> {
    let each = groups.first().map_or(0, Vec::len);
    if each == 0 || columns == 0 {
        bail!("a montage of no tile, expected at least one");
    }
    let zoom = TILE_SIDE.div_ceil(slice_shape.height.min(slice_shape.width)).max(1);
    let [tile_h, tile_w] = [slice_shape.height * zoom, slice_shape.width * zoom];
    let [cell_h, cell_w] = [tile_h + 2, each * (tile_w + 1) + 2];
    let rows = groups.len().div_ceil(columns);
    let columns = columns.min(groups.len());
    let mut picture = RgbImage::new((columns * cell_w) as u32, (rows * cell_h) as u32);
    for (i, group) in groups.iter().enumerate() {
        let [top, left] = [i / columns * cell_h, i % columns * cell_w];
        for (j, panel) in group.iter().enumerate() {
            let left = left + j * (tile_w + 1);
            for y in 0..tile_h {
                for x in 0..tile_w {
                    let grey = colour(panel, slice_shape, channel, y / zoom, x / zoom);
                    let marked = outline(panel, slice_shape, zoom, y, x).unwrap_or(grey);
                    picture.put_pixel((left + x) as u32, (top + y) as u32, Rgb(marked));
                }
            }
        }
    }
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

/// Value `at` of a channel of pixels `[C, H, W]`, at 8 bits: the high byte of more.
pub fn eight_bits(pixels: &[u8], slice_shape: SliceShape, channel: usize, at: usize) -> u8 {
    let index = channel * slice_shape.height * slice_shape.width + at;
    match slice_shape.pixel_type {
        PixelType::U8 => pixels[index],
        PixelType::U16 => pixels[2 * index + 1], // little endian
    }
}

fn colour(
    panel: &Panel,
    slice_shape: SliceShape,
    channel: Option<usize>,
    y: usize,
    x: usize,
) -> [u8; 3] {
    let at =
        |channel: usize| eight_bits(panel.pixels, slice_shape, channel, y * slice_shape.width + x);
    match channel {
        None if slice_shape.channels == 3 => [at(0), at(1), at(2)],
        _ => [at(channel.unwrap_or(0)); 3],
    }
}

/// Colour of the outline at a picture pixel of the tile, where a label's region ends there.
fn outline(
    panel: &Panel,
    slice_shape: SliceShape,
    zoom: usize,
    y: usize,
    x: usize,
) -> Option<[u8; 3]> {
    let labels = panel.labels?;
    let label = |y: usize, x: usize| labels[y / zoom * slice_shape.width + x / zoom];
    let [h, w] = [slice_shape.height * zoom, slice_shape.width * zoom];
    let own = label(y, x);
    let edge = (y > 0 && label(y - 1, x) != own)
        || (y + 1 < h && label(y + 1, x) != own)
        || (x > 0 && label(y, x - 1) != own)
        || (x + 1 < w && label(y, x + 1) != own);
    (own != 0 && edge).then(|| COLOURS[(usize::from(own) - 1) % COLOURS.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_mark_the_region_and_leave_the_plain_copy_alone() {
        let slice_shape = SliceShape {
            channels: 1,
            planes: 1,
            height: 128,
            width: 128,
            pixel_type: PixelType::U8,
        };
        let pixels = vec![100; 128 * 128];
        let mut labels = vec![0; 128 * 128];
        for y in 40..60 {
            labels[y * 128 + 40..y * 128 + 60].fill(1);
        }
        let png =
            montage(&[Tile { pixels: &pixels, labels: &labels }], slice_shape, 4, None).unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        assert_eq!(picture.get_pixel(40, 40).0, [100; 3]);
        assert_eq!(picture.get_pixel(129 + 40, 40).0, COLOURS[0]);
        assert_eq!(picture.get_pixel(129 + 50, 50).0, [100; 3]);
    }
}
