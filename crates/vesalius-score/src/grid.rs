//! Masks on a grid of slices, rows and columns.

/// Voxels of a volume, or pixels of one slice, with their size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Slices, rows, columns. One slice: a picture.
    pub shape: [usize; 3],
    /// Distance from one to the next along each of them, mm; `None` between slices: a picture, where contours count
    /// instead of surfaces.
    pub spacing_mm: (Option<f64>, [f64; 2]),
}

impl Grid {
    /// A volume.
    pub fn volume(shape: [usize; 3], spacing_mm: [f64; 3]) -> Self {
        let [between, row, column] = spacing_mm;
        Self { shape, spacing_mm: (Some(between), [row, column]) }
    }

    /// A picture of rows and columns.
    pub fn picture(shape: [usize; 2], spacing_mm: [f64; 2]) -> Self {
        Self { shape: [1, shape[0], shape[1]], spacing_mm: (None, spacing_mm) }
    }

    /// Voxels.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Spacing along slices, rows and columns; between the slices of a picture, of which there is one, anything.
    pub(crate) fn spacing(&self) -> [f64; 3] {
        let (between, [row, column]) = self.spacing_mm;
        [between.unwrap_or(1.0), row, column]
    }

    pub(crate) fn is_picture(&self) -> bool {
        self.spacing_mm.0.is_none()
    }
}

/// A mask: a value for each voxel, slice by slice, row by row.
pub type Mask<'a> = &'a [bool];

/// The smallest box that holds all voxels that are in one of two masks: first and last index along each axis.
pub(crate) fn bounds(masks: [Mask; 2], shape: [usize; 3]) -> Option<[[usize; 2]; 3]> {
    let mut found: Option<[[usize; 2]; 3]> = None;
    let [_, rows, columns] = shape;
    for (row, (a, b)) in masks[0].chunks(columns).zip(masks[1].chunks(columns)).enumerate() {
        let within = |(a, b): (&bool, &bool)| *a || *b;
        let Some(first) = a.iter().zip(b).position(within) else { continue };
        let last = a.iter().zip(b).rposition(within).expect("one was found");
        let (slice, row) = (row / rows, row % rows);
        let spans = [[slice; 2], [row; 2], [first, last]];
        found = Some(match found {
            None => spans,
            Some(so_far) => std::array::from_fn(|axis| {
                let ([a, b], [c, d]) = (so_far[axis], spans[axis]);
                [a.min(c), b.max(d)]
            }),
        });
    }
    found
}
