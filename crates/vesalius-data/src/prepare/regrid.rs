//! The preparation's resampling for others: slices laid back on the grid that they were cut out of, and whole images
//! brought to another size.

use super::depth::Depth;
use super::frame::Frame;
use super::preprocess::quantise;
use super::resample::{Resampler, Winners};
use crate::pack::manifest::PixelType;
use crate::pack::source_grid::SourceGrid;
use anyhow::Result;

/// From one grid of pixels to another: antialiased for images, label-safe for masks.
pub struct Regrid {
    resampler: Resampler,
}

impl Regrid {
    /// Slices of `size` (rows and columns) back to their source: the same map as the preparation's, the other way round.
    /// The source's whole plane is a rectangle in the slice's pixels, and what of it lies outside of the slice is 0.
    pub fn undone(grid: &SourceGrid, size: [usize; 2]) -> Self {
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
        Self { resampler: Resampler::new(frame, size, [rows, columns]) }
    }

    /// The whole plane of `from` rows and columns to `to`.
    pub fn whole(from: [usize; 2], to: [usize; 2]) -> Self {
        let [height, width] = from.map(|side| side as f64);
        let frame = Frame { top: 0.0, left: 0.0, height, width };
        Self { resampler: Resampler::new(frame, from, to) }
    }

    /// Values `[H, W]` → `[H', W']`.
    ///
    /// # Errors
    /// When the resampler refuses the sizes.
    pub fn image(&mut self, plane: &[f32]) -> Result<Vec<f32>> {
        self.resampler.image(plane)
    }

    /// Labels `[H, W]` below `classes` → `[H', W']`: where two classes meet, the one with the larger share.
    ///
    /// # Errors
    /// When the resampler refuses the sizes.
    pub fn labels(&mut self, plane: &[u8], classes: usize) -> Result<Vec<u8>> {
        self.resampler.labels(plane, classes)
    }
}

/// Labels of a volume's planes (`[H, W]` each, rows and columns of `size`) back on the source's grid, in all three axes;
/// planes that are not there are background.
///
/// # Errors
/// When the resampler refuses the sizes.
pub fn volume_undone(
    grid: &SourceGrid,
    [start, extent]: [f64; 2],
    size: [usize; 2],
    planes: &[Option<&[u8]>],
    classes: usize,
) -> Result<Vec<u8>> {
    let [slices, rows, columns] = grid.shape;
    // Planes for one slice of the source.
    let deep = planes.len() as f64 / extent;
    let depth = Depth::between([-start * deep, slices as f64 * deep], planes.len(), slices);
    let mut undo = Regrid::undone(grid, size);
    let mut winners = Winners::new(slices * rows * columns);
    let holds = |class: u8| planes.iter().flatten().any(|plane| plane.contains(&class));
    for class in (1..classes as u8).filter(|class| holds(*class)) {
        let mut shares = Vec::with_capacity(planes.len());
        for plane in planes {
            shares.push(match plane {
                Some(plane) => undo.resampler.share(plane, usize::from(class))?,
                None => vec![0.0; rows * columns],
            });
        }
        winners.add(class, &depth.apply(&shares).concat());
    }
    Ok(winners.labels())
}

/// Values, 0 black and 1 white, as bytes of a pack.
pub fn pixels(unit: &[f32], kind: PixelType) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(unit.len() * kind.bytes());
    quantise(unit, kind, &mut bytes);
    bytes
}
