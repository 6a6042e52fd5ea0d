//! Cutting a frame out of a slice: antialiased for images, label-safe for masks.

use super::frame::Frame;
use anyhow::Result;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

/// Cuts a frame out of planes of one shape and resamples it.
pub(super) struct Resampler {
    resizer: Resizer,
    options: ResizeOptions,
    shape: [usize; 2],
    /// Rows and columns of black before and after the plane, so that the frame lies inside.
    before: [usize; 2],
    padded: [usize; 2],
    size: [usize; 2],
}

impl Resampler {
    /// Of planes of `shape` to `size`, rows and columns.
    pub(super) fn new(frame: Frame, shape: [usize; 2], size: [usize; 2]) -> Self {
        let before = [frame.top, frame.left].map(|start| (-start).max(0.0).ceil() as usize);
        let ends = [frame.top + frame.height, frame.left + frame.width];
        let padded =
            [0, 1].map(|axis| before[axis] + shape[axis].max(ends[axis].ceil().max(0.0) as usize));
        let [top, left] = [frame.top + before[0] as f64, frame.left + before[1] as f64];
        // Rounding must not push the frame's end past the last pixel.
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
                left,
                top,
                frame.width.min(padded[1] as f64 - left),
                frame.height.min(padded[0] as f64 - top),
            );
        Self { resizer: Resizer::new(), options, shape, before, padded, size }
    }

    /// `[H', W']` of the source, outside of which is 0, to `[H, W]`.
    pub(super) fn image(&mut self, plane: &[f32]) -> Result<Vec<f32>> {
        let pixels: Vec<F32> = if self.padded == self.shape {
            plane.iter().map(|&v| F32::new(v)).collect()
        } else {
            let mut pixels = vec![F32::new(0.0); self.padded[0] * self.padded[1]];
            for (y, row) in plane.chunks_exact(self.shape[1]).enumerate() {
                let start = (y + self.before[0]) * self.padded[1] + self.before[1];
                for (to, from) in pixels[start..].iter_mut().zip(row) {
                    *to = F32::new(*from);
                }
            }
            pixels
        };
        let from =
            TypedImageRef::new(self.padded[1] as u32, self.padded[0] as u32, pixels.as_slice())?;
        let mut to = TypedImage::<F32>::new(self.size[1] as u32, self.size[0] as u32);
        self.resizer.resize_typed(&from, &mut to, &self.options)?;
        Ok(to.pixels().iter().map(|pixel| pixel.0).collect())
    }

    /// Labels `[H', W']` below `classes` to `[H, W]`.
    pub(super) fn labels(&mut self, plane: &[u8], classes: usize) -> Result<Vec<u8>> {
        let mut present = [false; 256];
        for &label in plane {
            present[usize::from(label)] = true;
        }
        let mut winners = Winners::new(self.size[0] * self.size[1]);
        for class in (1..classes).filter(|&class| present[class]) {
            winners.add(class as u8, &self.share(plane, class)?);
        }
        Ok(winners.labels())
    }

    /// How much of each pixel a class has.
    pub(super) fn share(&mut self, plane: &[u8], class: usize) -> Result<Vec<f32>> {
        let one_hot: Vec<f32> =
            plane.iter().map(|&label| f32::from(u8::from(usize::from(label) == class))).collect();
        self.image(&one_hot)
    }
}

/// Which class has the largest share of each pixel.
pub(super) struct Winners {
    best: Vec<u8>,
    shares: Vec<f32>,
    /// The background's share is what the others leave: padding is background too.
    rest: Vec<f32>,
}

impl Winners {
    pub(super) fn new(pixels: usize) -> Self {
        Self { best: vec![0; pixels], shares: vec![0.0; pixels], rest: vec![1.0; pixels] }
    }

    pub(super) fn add(&mut self, class: u8, shares: &[f32]) {
        for (i, share) in shares.iter().copied().enumerate() {
            self.rest[i] -= share;
            if share > self.shares[i] {
                self.shares[i] = share;
                self.best[i] = class;
            }
        }
    }

    pub(super) fn labels(mut self) -> Vec<u8> {
        for (label, (share, rest)) in self.best.iter_mut().zip(self.shares.iter().zip(&self.rest)) {
            if rest >= share {
                *label = 0;
            }
        }
        self.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampler(frame: [f64; 4], shape: [usize; 2], size: [usize; 2]) -> Resampler {
        let [top, left, height, width] = frame;
        Resampler::new(Frame { top, left, height, width }, shape, size)
    }

    #[test]
    fn the_whole_frame_at_its_own_size_changes_nothing() {
        let plane: Vec<f32> = (0..12).map(|i| i as f32 / 11.0).collect();
        let found = resampler([0.0, 0.0, 3.0, 4.0], [3, 4], [3, 4]).image(&plane).unwrap();
        assert!(found.iter().zip(&plane).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn halving_averages_so_that_a_fine_pattern_becomes_grey_and_not_black_or_white() {
        let stripes: Vec<f32> = (0..64).map(|i| (i % 2) as f32).collect();
        let found = resampler([0.0, 0.0, 8.0, 8.0], [8, 8], [2, 2]).image(&stripes).unwrap();
        assert!(found.iter().all(|v| (v - 0.5).abs() < 0.15), "{found:?}");
    }

    #[test]
    fn labels_are_never_invented_between_two_others() {
        // Classes 0 and 3 side by side: an average would be 1 or 2.
        let plane: Vec<u8> = (0..64).map(|i| if i % 8 < 3 { 0 } else { 3 }).collect();
        for size in [[4, 4], [5, 3], [16, 16]] {
            let found = resampler([0.0, 0.0, 8.0, 8.0], [8, 8], size).labels(&plane, 4).unwrap();
            assert!(found.iter().all(|label| [0, 3].contains(label)), "{size:?}: {found:?}");
            assert!(found.contains(&0) && found.contains(&3));
        }
    }

    #[test]
    fn outside_the_image_is_black_background() {
        let mut wide = resampler([-1.0, -2.0, 4.0, 6.0], [2, 2], [4, 6]);
        let image = wide.image(&[1.0; 4]).unwrap();
        let labels = wide.labels(&[2; 4], 3).unwrap();
        for y in 0..4 {
            for x in 0..6 {
                let inside = (1..3).contains(&y) && (2..4).contains(&x);
                assert_eq!(image[y * 6 + x], f32::from(u8::from(inside)), "{y} {x}");
                assert_eq!(labels[y * 6 + x], if inside { 2 } else { 0 }, "{y} {x}");
            }
        }
    }
}
