//! Crop and resampling undone: labels of a pack's slices on the grid that they were cut out of.

use super::frame::Frame;
use super::resample::Resampler;
use crate::pack::source_grid::SourceGrid;
use anyhow::Result;

/// Lays slices of a pack back on their source.
pub struct Undo {
    resampler: Resampler,
}

/// Of slices of `size` (rows and columns): the same map as the preparation's, the other way round. The source's whole plane
/// is a rectangle in the slice's pixels, and what of it lies outside of the slice is background.
pub fn undone(grid: &SourceGrid, size: [usize; 2]) -> Undo {
    let [top, left, height, width] = grid.frame;
    let [_, rows, columns] = grid.shape;
    // Pixels of the slice for one of the source.
    let [down, across] = [size[0] as f64 / height, size[1] as f64 / width];
    let frame = Frame {
        top: -top * down,
        left: -left * across,
        height: rows as f64 * down,
        width: columns as f64 * across,
    };
    Undo { resampler: Resampler::new(frame, size, [rows, columns]) }
}

impl Undo {
    /// Labels `[H, W]` of a slice, below `classes` → labels `[H', W']` of the source: where two classes meet, the one with
    /// the larger share.
    ///
    /// # Errors
    /// When the resampler refuses the sizes.
    pub fn labels(&mut self, slice: &[u8], classes: usize) -> Result<Vec<u8>> {
        self.resampler.labels(slice, classes)
    }
}
