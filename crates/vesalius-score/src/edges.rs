//! Distances between the edges of two masks, by voxels that count alike: MONAI's convention (`monai.metrics` without
//! subvoxels). An edge voxel is one of the mask with a neighbour, across a face, that is not; what lies outside the image is
//! not.

use crate::distance::squared;
use crate::grid::{Grid, Mask, bounds};

/// Of each edge voxel, how far it lies from the other mask's edge, mm.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeDistances {
    /// Of the reference's, nearest first; infinite where nothing was predicted.
    pub of_reference: Vec<f64>,
    /// Of the prediction's.
    pub of_prediction: Vec<f64>,
}

impl EdgeDistances {
    /// Between two masks on one grid.
    ///
    /// # Panics
    /// When a mask has another number of voxels than the grid.
    pub fn between(reference: Mask, prediction: Mask, grid: Grid) -> Self {
        assert_eq!([reference.len(), prediction.len()], [grid.count(); 2], "voxels of {grid:?}");
        let Some(bounds) = bounds([reference, prediction], grid.shape) else {
            return Self { of_reference: Vec::new(), of_prediction: Vec::new() };
        };
        let shape = bounds.map(|[first, last]| last - first + 1);
        let [a, b] = [reference, prediction].map(|mask| edge(mask, grid, bounds));
        let to = |from: &[bool], other: &[bool]| {
            let [other, from] = [other, from]
                .map(|edge| edge.iter().enumerate().filter(|(_, is)| **is).map(|(at, _)| at));
            let apart = squared(other, shape, grid.spacing(), from);
            let mut found: Vec<f64> = apart.into_iter().map(f64::sqrt).collect();
            found.sort_unstable_by(f64::total_cmp);
            found
        };
        Self { of_reference: to(&a, &b), of_prediction: to(&b, &a) }
    }

    /// Of several pictures together: the edges of one volume, slice by slice.
    #[must_use]
    pub fn together(all: impl IntoIterator<Item = Self>) -> Self {
        let (mut of_reference, mut of_prediction) = (Vec::new(), Vec::new());
        for one in all {
            of_reference.extend(one.of_reference);
            of_prediction.extend(one.of_prediction);
        }
        of_reference.sort_unstable_by(f64::total_cmp);
        of_prediction.sort_unstable_by(f64::total_cmp);
        Self { of_reference, of_prediction }
    }

    /// Mean distance over the voxels of both edges, mm; infinite where one mask is empty, `None` where both are.
    pub fn average_symmetric(&self) -> Option<f64> {
        let both = || self.of_reference.iter().chain(&self.of_prediction);
        (both().count() > 0).then(|| both().sum::<f64>() / both().count() as f64)
    }

    /// The larger of both edges' percentiles (between two voxels in proportion), mm; infinite where one mask is empty, `None`
    /// where both are.
    pub fn hausdorff(&self, percent: f64) -> Option<f64> {
        let of = |side: &[f64]| {
            let last = side.len().checked_sub(1)?;
            let at = percent / 100.0 * last as f64;
            let (below, above) = (side[at.floor() as usize], side[at.ceil() as usize]);
            Some(if below == above { below } else { below + (above - below) * at.fract() })
        };
        [of(&self.of_reference), of(&self.of_prediction)].into_iter().flatten().reduce(f64::max)
    }

    /// The share of both edges' voxels that lie within `tolerance_mm` of the other one; 0 where one mask is empty, `None`
    /// where both are.
    pub fn surface_dice(&self, tolerance_mm: f64) -> Option<f64> {
        let both = || self.of_reference.iter().chain(&self.of_prediction);
        let near = both().filter(|&&distance| distance <= tolerance_mm).count();
        (both().count() > 0).then(|| near as f64 / both().count() as f64)
    }
}

/// The edge within a box that holds the whole mask.
fn edge(mask: Mask, grid: Grid, bounds: [[usize; 2]; 3]) -> Vec<bool> {
    let shape = grid.shape;
    let index = |at: [usize; 3]| (at[0] * shape[1] + at[1]) * shape[2] + at[2];
    let within = |at: [usize; 3]| -> bool {
        (0..3).filter(|&axis| axis > 0 || !grid.is_picture()).all(|axis| {
            let (mut before, mut behind) = (at, at);
            if at[axis] == 0 || at[axis] + 1 == shape[axis] {
                return false;
            }
            (before[axis], behind[axis]) = (at[axis] - 1, at[axis] + 1);
            mask[index(before)] && mask[index(behind)]
        })
    };
    let [slices, rows, columns] = bounds.map(|[first, last]| first..=last);
    let mut found = Vec::new();
    for slice in slices {
        for row in rows.clone() {
            for column in columns.clone() {
                let at = [slice, row, column];
                found.push(mask[index(at)] && !within(at));
            }
        }
    }
    found
}
