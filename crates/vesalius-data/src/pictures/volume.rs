//! Pictures of volumes: planes to scroll through, and three planes through the middle.

use super::montage::{COLOURS, Tile, eight_bits, montage};
use crate::pack::manifest::SliceShape;
use anyhow::Result;
use image::{ImageFormat, Rgb, RgbImage};

/// A volume of a pack, bytes as they lie there: plane by plane.
#[derive(Debug, Clone, Copy)]
pub struct Volume<'a> {
    /// `[D, C, H, W]`.
    pub pixels: &'a [u8],
    /// `[D, H, W]`.
    pub labels: &'a [u8],
    /// Of the whole.
    pub shape: SliceShape,
    /// Sides of a voxel: planes, rows, columns.
    pub spacing_mm: [f64; 3],
}

/// Axes of each panel of three: down, to the right.
const PAIRS: [[usize; 2]; 3] = [[1, 2], [0, 2], [0, 1]];
/// Longest side of a panel of three, pixels.
const PANEL: f64 = 192.0;

impl Volume<'_> {
    /// Planes, rows and columns.
    pub fn size(&self) -> [usize; 3] {
        [self.shape.planes, self.shape.height, self.shape.width]
    }

    /// The label of a voxel; the background outside.
    pub fn label(&self, at: [isize; 3]) -> u8 {
        let size = self.size();
        let inside = |axis: usize| usize::try_from(at[axis]).ok().filter(|at| *at < size[axis]);
        match [inside(0), inside(1), inside(2)] {
            [Some(z), Some(y), Some(x)] => self.labels[(z * size[1] + y) * size[2] + x],
            _ => 0,
        }
    }

    /// PNG of each plane: plain, and with the outlines of its labels.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn planes(&self) -> Result<Vec<Vec<u8>>> {
        let plane = SliceShape { planes: 1, ..self.shape };
        let pixels = self.pixels.chunks_exact(plane.pixel_bytes());
        let labels = self.labels.chunks_exact(plane.height * plane.width);
        pixels
            .zip(labels)
            .map(|(pixels, labels)| montage(&[Tile { pixels, labels }], plane, 1, None))
            .collect()
    }

    /// The voxel in the middle of all labels; of the volume where there is none.
    fn middle(&self) -> [usize; 3] {
        let size = self.size();
        let mut sums = [0_usize; 3];
        let mut count = 0;
        for at in self.labels.iter().enumerate().filter(|(_, label)| **label != 0).map(|(at, _)| at)
        {
            let voxel = [at / (size[1] * size[2]), at / size[2] % size[1], at % size[2]];
            (0..3).for_each(|axis| sums[axis] += voxel[axis]);
            count += 1;
        }
        if count == 0 { size.map(|side| side / 2) } else { sums.map(|sum| sum / count) }
    }

    /// PNG of three planes through the middle of the labels, millimetres alike along all axes, with the outlines of the
    /// labels: rows and columns, planes and columns, planes and rows.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn triptych(&self) -> Result<Vec<u8>> {
        let size = self.size();
        let length = |axis: usize| size[axis] as f64 * self.spacing_mm[axis];
        let zoom = PANEL / (0..3).map(length).fold(0.0, f64::max); // pixels of a millimetre
        let side = |axis: usize| ((length(axis) * zoom).round() as usize).max(1);
        let height = PAIRS.map(|[down, _]| side(down)).into_iter().max().unwrap_or(1);
        let width = PAIRS.map(|[_, right]| side(right) + 2).into_iter().sum::<usize>();
        let mut picture = RgbImage::new(width as u32, height as u32);
        let middle = self.middle();
        let mut left = 1;
        for [down, right] in PAIRS {
            let [h, w] = [side(down), side(right)];
            let voxel = |y: usize, x: usize| {
                let mut at = middle;
                at[down] = y * size[down] / h;
                at[right] = x * size[right] / w;
                at
            };
            for y in 0..h {
                for x in 0..w {
                    let label = |y: usize, x: usize| self.label(voxel(y, x).map(|at| at as isize));
                    let own = label(y, x);
                    let edge = own != 0
                        && ((y > 0 && label(y - 1, x) != own)
                            || (y + 1 < h && label(y + 1, x) != own)
                            || (x > 0 && label(y, x - 1) != own)
                            || (x + 1 < w && label(y, x + 1) != own));
                    let colour = if edge { colour_of(own) } else { self.grey(voxel(y, x)) };
                    let top = (height - h) / 2;
                    picture.put_pixel((left + x) as u32, (top + y) as u32, Rgb(colour));
                }
            }
            left += w + 2;
        }
        png(&picture)
    }

    fn grey(&self, [z, y, x]: [usize; 3]) -> [u8; 3] {
        let plane = SliceShape { planes: 1, ..self.shape };
        let pixels = &self.pixels[z * plane.pixel_bytes()..(z + 1) * plane.pixel_bytes()];
        let of = |channel: usize| eight_bits(pixels, plane, channel, y * plane.width + x);
        if plane.channels == 3 { [of(0), of(1), of(2)] } else { [of(0); 3] }
    }
}

/// Of a label but the background.
pub(super) fn colour_of(label: u8) -> [u8; 3] {
    COLOURS[(usize::from(label) - 1) % COLOURS.len()]
}

pub(super) fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::pack::manifest::PixelType;

    /// 4 planes of 10 mm of 16x16 pixels of 2 mm, with a box of class 1 in planes 1 and 2.
    pub(crate) fn boxed() -> (Vec<u8>, Vec<u8>, SliceShape) {
        let shape =
            SliceShape { channels: 1, planes: 4, height: 16, width: 16, pixel_type: PixelType::U8 };
        let inside = |at: usize| {
            let (z, y, x) = (at / 256, at / 16 % 16, at % 16);
            (1..3).contains(&z) && (4..12).contains(&y) && (6..10).contains(&x)
        };
        let labels: Vec<u8> = (0..4 * 256).map(|at| u8::from(inside(at))).collect();
        (labels.iter().map(|label| 50 + 100 * label).collect(), labels, shape)
    }

    #[test]
    fn three_planes_are_as_large_as_they_are_and_outlined() {
        let (pixels, labels, shape) = boxed();
        let volume =
            Volume { pixels: &pixels, labels: &labels, shape, spacing_mm: [10.0, 2.0, 2.0] };
        let read = image::load_from_memory(&volume.triptych().unwrap()).unwrap().to_rgb8();
        // 40 mm of planes are the longest; 32 mm of rows and columns four fifths of it.
        let (long, short) = (192, 154);
        assert_eq!((read.width(), read.height()), (3 * short + 6, long));
        // In the middle of the first panel, in grey; where the box ends, in colour.
        assert_eq!(read.get_pixel(1 + short / 2, long / 2).0, [150; 3]);
        let coloured = read.pixels().filter(|pixel| pixel.0 == COLOURS[0]).count();
        assert!((600..3000).contains(&coloured), "{coloured}");
        assert_eq!(volume.planes().unwrap().len(), 4);
        assert_eq!((volume.label([1, 4, 6]), volume.label([-1, 4, 6])), (1, 0));
    }
}
