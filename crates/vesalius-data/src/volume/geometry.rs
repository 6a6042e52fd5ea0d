//! Where voxels lie in the patient, and bringing a mask onto its image's grid.
//!
//! World coordinates are those of DICOM and ITK: millimetres to the patient's left, back and head (LPS). Two grids
//! agree
//! where each voxel centre of the one lies within half a voxel of one of the other, whatever the order and direction of
//! the
//! axes: then SimpleITK's resampling by nearest neighbour is a reordering, which [`Alignment`] does without
//! interpolating.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A grid of voxels in the patient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Columns, rows, slices.
    pub size: [usize; 3],
    /// Centre of the first voxel, mm, LPS.
    pub origin_mm: [f64; 3],
    /// What one step along columns, rows, slices adds, mm, LPS.
    pub steps_mm: [[f64; 3]; 3],
}

/// How a voxel may be off before two grids are two: SimpleITK's nearest neighbour is another voxel then.
const HALF_A_VOXEL: f64 = 0.5;

impl Geometry {
    /// Of a NIfTI affine, whose world is RAS: rows of `[x, y, z, offset]`.
    pub fn from_ras(size: [usize; 3], affine: [[f64; 4]; 3]) -> Option<Self> {
        let signs = [-1.0, -1.0, 1.0];
        let column = |j: usize| [0, 1, 2].map(|i| signs[i] * affine[i][j]);
        Self { size, origin_mm: column(3), steps_mm: [column(0), column(1), column(2)] }.checked()
    }

    /// None where a step is zero, infinite, or in the plane of the others: such a header says nothing.
    pub fn checked(self) -> Option<Self> {
        let finite = self.steps_mm.iter().chain([&self.origin_mm]).flatten().all(|v| v.is_finite());
        let lengths = self.steps_mm.map(norm);
        let volume = determinant(self.steps_mm).abs() / lengths.iter().product::<f64>();
        (finite && volume > 1e-3).then_some(self)
    }

    /// Spacing of columns, rows, slices in mm.
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.steps_mm.map(norm)
    }

    /// Where increasing indices of columns, rows and slices lead, as radiologists abbreviate it: `LPS` is left, back,
    /// head. Oblique axes count as the nearest one.
    pub fn orientation(&self) -> String {
        let letter = |step: [f64; 3]| {
            let axis = (0..3).max_by(|&a, &b| step[a].abs().total_cmp(&step[b].abs())).unwrap_or(0);
            [["R", "L"], ["A", "P"], ["I", "S"]][axis][usize::from(step[axis] > 0.0)]
        };
        self.steps_mm.iter().map(|step| letter(*step)).collect()
    }

    /// Index `[column, row, slice]` of a point, not rounded.
    pub fn index_of(&self, point: [f64; 3]) -> [f64; 3] {
        let all = determinant(self.steps_mm);
        let from: [f64; 3] = std::array::from_fn(|i| point[i] - self.origin_mm[i]);
        // Cramer's rule.
        std::array::from_fn(|axis| {
            let mut steps = self.steps_mm;
            steps[axis] = from;
            determinant(steps) / all
        })
    }

    fn point(&self, index: [usize; 3]) -> [f64; 3] {
        std::array::from_fn(|i| {
            (0..3).fold(self.origin_mm[i], |sum, axis| {
                sum + index[axis] as f64 * self.steps_mm[axis][i]
            })
        })
    }

    /// How the voxels of `self` are found in those of `other`, which shows the same place. `None` where the grids
    /// differ by
    /// more than order and direction of axes and half a voxel.
    pub fn onto(&self, other: &Self) -> Option<Alignment> {
        let Placement { axes, signs, offset } = self.within(other)?;
        let flipped = signs.map(|sign| sign < 0);
        let whole = (0..3).all(|axis| {
            let last = self.size[axis] as i64 - 1;
            other.size[axes[axis]] == self.size[axis]
                && offset[axes[axis]] == if flipped[axis] { last } else { 0 }
        });
        whole.then_some(Alignment { size: self.size, axes, flipped })
    }

    /// Where the voxels of `self` lie among those of `other`, of which it may be a part. `None` where no reordering and
    /// whole steps lead from the one to the other within half a voxel.
    pub fn within(&self, other: &Self) -> Option<Placement> {
        let zero = other.index_of(self.point([0; 3]));
        let mut axes = [usize::MAX; 3];
        let mut signs = [1; 3];
        let single = |axis: usize| self.size[axis] == 1;
        // The axes with many voxels choose first: an axis of one voxel has no direction of its own.
        let mut order = [0, 1, 2];
        order.sort_by_key(|&axis| single(axis));
        for axis in order {
            let mut one = [0; 3];
            one[axis] = 1;
            let there = other.index_of(self.point(one));
            let step: [f64; 3] = std::array::from_fn(|i| there[i] - zero[i]);
            let free = |i: &usize| !axes.contains(i);
            let nearest =
                (0..3).filter(free).max_by(|&a, &b| step[a].abs().total_cmp(&step[b].abs()))?;
            axes[axis] = nearest;
            if !single(axis) && step[nearest] < 0.0 {
                signs[axis] = -1;
            }
        }
        let placement = Placement { axes, signs, offset: zero.map(|at| at.round() as i64) };
        let corner = |i: usize| -> [usize; 3] {
            std::array::from_fn(|axis| if i >> axis & 1 == 1 { self.size[axis] - 1 } else { 0 })
        };
        let fits = |i: usize| {
            let found = other.index_of(self.point(corner(i)));
            let expected = placement.index(corner(i));
            (0..3).all(|axis| (found[axis] - expected[axis] as f64).abs() < HALF_A_VOXEL)
        };
        (0..8).all(fits).then_some(placement)
    }
}

impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let numbers = |values: [f64; 3]| {
            let text: Vec<String> = values.iter().map(|v| short(*v)).collect();
            text.join(", ")
        };
        let [columns, rows, slices] = self.size;
        write!(
            f,
            "{columns}x{rows}x{slices} voxels of {} mm, {} from ({}) mm",
            self.spacing_mm().map(short).join("x"),
            self.orientation(),
            numbers(self.origin_mm)
        )?;
        if self.steps_mm.iter().any(|step| step.iter().filter(|v| v.abs() > 1e-6).count() > 1) {
            let units = self.steps_mm.map(|step| step.map(|v| v / norm(step)));
            write!(f, ", axes ({})", units.map(numbers).join("), ("))?;
        }
        Ok(())
    }
}

/// Three decimals, without trailing zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// At right angles to both.
pub fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Length of a vector.
pub fn norm(step: [f64; 3]) -> f64 {
    step.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn determinant([a, b, c]: [[f64; 3]; 3]) -> f64 {
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
}

/// Where a grid's voxels lie among another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Which axis of the other grid each axis is.
    axes: [usize; 3],
    /// Which way it runs there: 1 or -1.
    signs: [i64; 3],
    /// Index of the first voxel in the other grid.
    offset: [i64; 3],
}

impl Placement {
    /// Index `[column, row, slice]` in the other grid, which may lie outside of it.
    pub fn index(&self, index: [usize; 3]) -> [i64; 3] {
        let mut found = self.offset;
        for axis in 0..3 {
            found[self.axes[axis]] += self.signs[axis] * index[axis] as i64;
        }
        found
    }
}

/// A reordering of one grid into another's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alignment {
    /// Of the result: columns, rows, slices.
    size: [usize; 3],
    /// Which axis of the source each axis of the result is.
    axes: [usize; 3],
    /// Whether it runs the other way there.
    flipped: [bool; 3],
}

impl Alignment {
    /// Whether nothing has to be moved.
    pub fn is_identity(&self) -> bool {
        self.axes == [0, 1, 2] && self.flipped == [false; 3]
    }

    /// Columns, rows, slices of the result.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    fn index(&self, index: [usize; 3]) -> [usize; 3] {
        let mut found = [0; 3];
        for axis in 0..3 {
            let at =
                if self.flipped[axis] { self.size[axis] - 1 - index[axis] } else { index[axis] };
            found[self.axes[axis]] = at;
        }
        found
    }

    /// Values `[S, H, W]` of the source's grid in the order of the result's.
    ///
    /// # Panics
    /// When there are not as many values as voxels.
    pub fn apply<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let [columns, rows, slices] = self.size;
        assert_eq!(values.len(), columns * rows * slices, "voxels of one grid");
        if self.is_identity() {
            return values.to_vec();
        }
        let mut source = [0; 3];
        for axis in 0..3 {
            source[self.axes[axis]] = self.size[axis];
        }
        let mut found = Vec::with_capacity(values.len());
        for slice in 0..slices {
            for row in 0..rows {
                for column in 0..columns {
                    let [x, y, z] = self.index([column, row, slice]);
                    found.push(values[(z * source[1] + y) * source[0] + x]);
                }
            }
        }
        found
    }
}

/// What was done, for a note: `axes in the order 1, 0, 2, axis 0 reversed`.
impl fmt::Display for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        const NAMES: [&str; 3] = ["columns", "rows", "slices"];
        let mut parts = Vec::new();
        if self.axes != [0, 1, 2] {
            parts.push(format!("axes swapped: its {}", self.axes.map(|a| NAMES[a]).join(", ")));
        }
        let reversed: Vec<&str> =
            (0..3).filter(|&axis| self.flipped[axis]).map(|axis| NAMES[axis]).collect();
        if !reversed.is_empty() {
            parts.push(format!("{} reversed", reversed.join(" and ")));
        }
        write!(f, "{}", if parts.is_empty() { "as stored".to_owned() } else { parts.join("; ") })
    }
}

#[cfg(test)]
mod tests;
