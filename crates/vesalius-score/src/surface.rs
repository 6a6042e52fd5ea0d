//! Distances between the surfaces of two masks, by pieces of surface ("surfels") that count with their area: what
//! google-deepmind/surface-distance computes (Nikolov et al. 2021, doi:10.2196/26151).
//!
//! A surfel lies at the corner between 2x2x2 voxels (2x2 pixels) of which some are in the mask; its area is that of the
//! triangles that marching cubes puts there (its length that of the contour). Its distance is to the nearest corner at
//! which the other mask has a surfel.

use crate::distance::squared;
use crate::grid::{Grid, Mask, bounds};
use std::sync::LazyLock;

/// Of each surface, how far each piece lies from the other surface.
#[derive(Debug, Clone, PartialEq)]
pub struct Distances {
    /// Distance in mm and area (length) of each piece of the reference's surface, nearest first; infinite where nothing
    /// was predicted.
    pub of_reference: Vec<[f64; 2]>,
    /// The same of the prediction's.
    pub of_prediction: Vec<[f64; 2]>,
}

impl Distances {
    /// Between the surfaces of two masks on one grid.
    ///
    /// # Panics
    /// When a mask has another number of voxels than the grid.
    pub fn between(reference: Mask, prediction: Mask, grid: Grid) -> Self {
        assert_eq!([reference.len(), prediction.len()], [grid.count(); 2], "voxels of {grid:?}");
        let Some(bounds) = bounds([reference, prediction], grid.shape) else {
            return Self { of_reference: Vec::new(), of_prediction: Vec::new() };
        };
        let areas = areas(grid);
        let [a, b] = [reference, prediction].map(|mask| Surface::of(mask, grid, bounds, &areas));
        let spacing = grid.spacing();
        Self { of_reference: a.to(&b, spacing), of_prediction: b.to(&a, spacing) }
    }

    /// Of several pictures together: the contours of one volume, slice by slice.
    #[must_use]
    pub fn together(all: impl IntoIterator<Item = Self>) -> Self {
        let (mut of_reference, mut of_prediction) = (Vec::new(), Vec::new());
        for one in all {
            of_reference.extend(one.of_reference);
            of_prediction.extend(one.of_prediction);
        }
        for side in [&mut of_reference, &mut of_prediction] {
            side.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        }
        Self { of_reference, of_prediction }
    }

    /// Whether both masks have a surface: otherwise distances are infinite or there are none.
    pub fn are_finite(&self) -> bool {
        !self.of_reference.is_empty() && !self.of_prediction.is_empty()
    }

    /// Mean distance of the reference's surface, and of the prediction's, mm; `None` of one that is not there.
    pub fn averages(&self) -> [Option<f64>; 2] {
        [&self.of_reference, &self.of_prediction].map(|side| mean(side))
    }

    /// Average symmetric surface distance, mm: over both surfaces. `None` where there is neither.
    pub fn average_symmetric(&self) -> Option<f64> {
        let both: Vec<[f64; 2]> =
            self.of_reference.iter().chain(&self.of_prediction).copied().collect();
        mean(&both)
    }

    /// Robust Hausdorff distance, mm: the distance within which `percent` of each surface's area lie, the larger of both;
    /// infinite where one is not there.
    pub fn hausdorff(&self, percent: f64) -> f64 {
        percentile(&self.of_reference, percent).max(percentile(&self.of_prediction, percent))
    }

    /// Normalised surface Dice: the share of both surfaces' area that lies within `tolerance_mm` of the other one; 0 where
    /// one is not there, `None` where there is neither.
    pub fn surface_dice(&self, tolerance_mm: f64) -> Option<f64> {
        let both = || self.of_reference.iter().chain(&self.of_prediction);
        let all: f64 = both().map(|&[_, area]| area).sum();
        let near: f64 = both().filter(|[d, _]| *d <= tolerance_mm).map(|&[_, area]| area).sum();
        (all > 0.0).then(|| near / all)
    }
}

fn mean(side: &[[f64; 2]]) -> Option<f64> {
    let area: f64 = side.iter().map(|&[_, area]| area).sum();
    (area > 0.0).then(|| side.iter().map(|&[distance, area]| distance * area).sum::<f64>() / area)
}

/// The first piece up to which that share of the area lies.
fn percentile(side: &[[f64; 2]], percent: f64) -> f64 {
    let Some(&[farthest, _]) = side.last() else { return f64::INFINITY };
    let all: f64 = side.iter().map(|&[_, area]| area).sum();
    let mut up_to = 0.0;
    for &[distance, area] in side {
        up_to += area;
        if up_to / all >= percent / 100.0 {
            return distance;
        }
    }
    farthest
}

/// The surfels of one mask within a box.
struct Surface {
    /// Corners along each axis.
    shape: [usize; 3],
    /// Where they are, with their area.
    surfels: Vec<(usize, f64)>,
}

impl Surface {
    fn of(mask: Mask, grid: Grid, bounds: [[usize; 2]; 3], areas: &[f64; 256]) -> Self {
        let [slices, rows, columns] = bounds.map(|[first, last]| last - first + 1);
        let [first_slice, first_row, first_column] = bounds.map(|[first, _]| first);
        // A corner in front of each voxel, and one behind the last. A picture has corners in its plane only.
        let shape = [if grid.is_picture() { 1 } else { slices + 1 }, rows + 1, columns + 1];
        let mut codes = vec![0_u8; shape.iter().product()];
        for slice in 0..slices {
            for row in 0..rows {
                let start = ((first_slice + slice) * grid.shape[1] + first_row + row)
                    * grid.shape[2]
                    + first_column;
                for (column, _) in
                    mask[start..start + columns].iter().enumerate().filter(|(_, is)| **is)
                {
                    let corner = |s: usize, r: usize, c: usize| {
                        ((slice + s) * shape[1] + row + r) * shape[2] + column + c
                    };
                    // The voxel is behind one corner and in front of seven others.
                    if grid.is_picture() {
                        for (bit, [r, c]) in
                            [[0, 0], [0, 1], [1, 0], [1, 1]].into_iter().enumerate()
                        {
                            codes[corner(0, r, c)] |= 1 << bit;
                        }
                    } else {
                        for bit in 0..8 {
                            codes[corner(bit >> 2, bit >> 1 & 1, bit & 1)] |= 1 << bit;
                        }
                    }
                }
            }
        }
        let all = if grid.is_picture() { 0b1111 } else { 0xff };
        let surfels = codes.iter().enumerate().filter(|&(_, &code)| code != 0 && code != all);
        let surfels = surfels.map(|(at, &code)| (at, areas[usize::from(code)])).collect();
        Self { shape, surfels }
    }

    /// Distance to the other surface and area of each surfel, nearest first.
    fn to(&self, other: &Self, spacing: [f64; 3]) -> Vec<[f64; 2]> {
        let [to, from] = [other, self].map(|surface| surface.surfels.iter().map(|&(at, _)| at));
        let apart = squared(to, self.shape, spacing, from);
        let mut found: Vec<[f64; 2]> = apart
            .into_iter()
            .zip(&self.surfels)
            .map(|(squared, &(_, area))| [squared.sqrt(), area])
            .collect();
        found.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        found
    }
}

/// Area of the surface (length of the contour) at a corner, by which of the voxels around it are in the mask: bit 0 the one
/// behind it along all axes, bit 1 the one in front of it along columns, bit 2 along rows, bit 4 along slices.
fn areas(grid: Grid) -> [f64; 256] {
    let [between, row, column] = grid.spacing();
    let mut areas = [0.0; 256];
    if grid.is_picture() {
        let diagonal = 0.5 * row.hypot(column);
        for (code, area) in areas.iter_mut().enumerate().take(15).skip(1) {
            *area = match code {
                0b0011 | 0b1100 => column,
                0b0101 | 0b1010 => row,
                0b0110 | 0b1001 => 2.0 * diagonal,
                _ => diagonal,
            };
        }
        return areas;
    }
    for (area, normals) in areas.iter_mut().zip(&*NORMALS) {
        let of = |[slice, r, c]: &[f64; 3]| {
            let along = [slice * row * column, r * between * column, c * between * row];
            along.iter().map(|x| x * x).sum::<f64>().sqrt()
        };
        *area = normals.iter().map(of).sum();
    }
    areas
}

/// Of each of the 256 neighbourhoods the normals of the triangles that marching cubes puts there, for cubes of side 1, but
/// for their signs: as long as the triangle's area. From google-deepmind/surface-distance's table (Apache 2.0), which has them
/// along slices, rows and columns.
static NORMALS: LazyLock<Vec<Vec<[f64; 3]>>> = LazyLock::new(|| {
    let normal = |word: &str| -> [f64; 3] {
        let eighths: Vec<f64> = word.bytes().map(|digit| f64::from(digit - b'0') / 8.0).collect();
        [eighths[0], eighths[1], eighths[2]]
    };
    include_str!("surfels.txt")
        .lines()
        .map(|line| line.split_whitespace().map(normal).collect())
        .collect()
});
