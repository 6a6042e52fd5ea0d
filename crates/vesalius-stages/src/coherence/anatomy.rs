//! Bodies of a volume: in how many pieces each class lies, and how large it is.

use super::Stack;
use anyhow::Result;
use vesalius_score::lesions;

/// What is measured of each class.
pub(super) const OF_CLASSES: [&str; 2] = ["pieces", "volume (ml)"];

impl Stack<'_> {
    /// Of each class (without the background), in the order of [`OF_CLASSES`]: connected pieces (neighbours across faces,
    /// edges and corners), and the volume in ml.
    ///
    /// # Errors
    /// When a slice was damaged.
    pub(super) fn anatomy(&self, classes: usize) -> Result<Vec<f64>> {
        let shape = self.slices.slice_shape();
        let size = [self.planes, shape.height, shape.width];
        let mut labels = Vec::with_capacity(size.iter().product());
        for plane in self.first..self.first + self.planes {
            labels.extend_from_slice(self.slices.slice(plane)?.labels);
        }
        let voxel_ml = self.spacing_mm.iter().product::<f64>() / 1000.0;
        let of = |class: usize| {
            let mask: Vec<bool> = labels.iter().map(|label| usize::from(*label) == class).collect();
            let voxels = mask.iter().filter(|is| **is).count();
            [lesions::count(&mask, size) as f64, voxels as f64 * voxel_ml]
        };
        Ok((1..classes).flat_map(of).collect())
    }
}
