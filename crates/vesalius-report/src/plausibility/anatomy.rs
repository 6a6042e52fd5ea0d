//! What the rules look at in one mask: the shape of each class, and what it borders on.

use super::shape::{LabelMap, Regions, circularity};
use rayon::prelude::*;
use vesalius_data::pack::{Pack, PackError};

/// Regions of fewer pixels have no circularity: it would tell of the pixel grid.
const LEAST_AREA_PX: usize = 25;

/// Shape of one class in one mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassShape {
    /// Connected components.
    pub components: usize,
    /// Holes, over all components.
    pub holes: usize,
    /// Pixels, over all components.
    pub area_px: usize,
    /// 4πA/P² of the largest component; `None` below 25 pixels.
    pub circularity: Option<f64>,
}

/// One mask, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Anatomy {
    /// Of class 1, 2, …; `None` where it is absent.
    shapes: Vec<Option<ClassShape>>,
    /// Sides of class 1, 2, …'s pixels that touch another label 0, 1, …, K - 1 or, at index K, the image's edge.
    sides: Vec<Vec<u64>>,
}

impl Anatomy {
    /// Measures a mask whose labels are below `classes`.
    pub fn of(map: LabelMap, classes: usize) -> Self {
        let regions = Regions::of(map);
        let shapes = (1..classes).map(|class| shape(&regions, class)).collect();
        Self { shapes, sides: sides(map, classes) }
    }

    /// Shape of a class from 1; `None` where it is absent.
    pub fn shape(&self, class: usize) -> Option<ClassShape> {
        self.shapes[class - 1]
    }

    /// The classes that are present, background aside, ascending.
    pub fn present(&self) -> Vec<usize> {
        (1..=self.shapes.len()).filter(|&class| self.shape(class).is_some()).collect()
    }

    /// Share of the border of `class` that touches label `neighbour`, or the image's edge where `neighbour` is the
    /// number of classes. `None` where either is absent, or the class has no border.
    pub fn border_share(&self, class: usize, neighbour: usize) -> Option<f64> {
        let classes = self.sides.len() + 1;
        let there = neighbour == 0 || neighbour == classes || self.shape(neighbour).is_some();
        let sides = &self.sides[class - 1];
        let sum: u64 = sides.iter().sum();
        (there && sum > 0).then(|| sides[neighbour] as f64 / sum as f64)
    }
}

fn shape(regions: &Regions, class: usize) -> Option<ClassShape> {
    let own: Vec<usize> = (0..regions.all.len())
        .filter(|&index| usize::from(regions.all[index].class) == class)
        .collect();
    let area = |index: usize| regions.all[index].area_px;
    // The first of the largest.
    let largest = own.iter().copied().rev().max_by_key(|&index| area(index))?;
    Some(ClassShape {
        components: own.len(),
        holes: own.iter().map(|&index| regions.holes(index)).sum(),
        area_px: own.iter().map(|&index| area(index)).sum(),
        circularity: (area(largest) >= LEAST_AREA_PX)
            .then(|| circularity(area(largest), regions.perimeter_px(largest))),
    })
}

fn sides(map: LabelMap, classes: usize) -> Vec<Vec<u64>> {
    let mut sides = vec![vec![0_u64; classes + 1]; classes - 1];
    let [height, width] = map.size();
    for y in 0..height as isize {
        for x in 0..width as isize {
            let own = map.labels()[y as usize * width + x as usize];
            if own == 0 {
                continue;
            }
            for (y, x) in [(y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)] {
                match map.at(y, x) {
                    Some(other) if other == own => {}
                    other => {
                        sides[usize::from(own) - 1][other.map_or(classes, usize::from)] += 1;
                    }
                }
            }
        }
    }
    sides
}

/// Measures the masks of slices `indices` of a pack, in that order.
///
/// # Errors
/// When a slice was damaged on the disk.
pub fn measure(pack: &Pack, indices: &[usize]) -> Result<Vec<Anatomy>, PackError> {
    let slice_shape = pack.slice_shape();
    indices
        .par_iter()
        .map(|&i| {
            let map = LabelMap::new(pack.slice(i)?.labels, slice_shape.height, slice_shape.width);
            Ok(Anatomy::of(map, pack.classes()))
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A mask drawn in digits, `.` for the background.
    pub fn anatomy(rows: &[&str], classes: usize) -> Anatomy {
        let labels: Vec<u8> =
            rows.iter().flat_map(|row| row.bytes().map(|b| b.saturating_sub(b'0'))).collect();
        Anatomy::of(LabelMap::new(&labels, rows.len(), rows[0].len()), classes)
    }

    #[test]
    fn a_ring_around_a_disc_has_a_hole_and_all_of_the_discs_border() {
        let found = anatomy(&["......", ".1111.", ".1221.", ".1221.", ".1111.", "......"], 3);
        let ring = found.shape(1).unwrap();
        assert_eq!((ring.components, ring.holes, ring.area_px), (1, 1, 12));
        assert_eq!(ring.circularity, None, "12 pixels are too few");
        assert_eq!(found.border_share(2, 1), Some(1.0));
        assert_eq!(found.border_share(2, 0), Some(0.0));
        assert_eq!(found.border_share(1, 2), Some(8.0 / 24.0));
        assert_eq!(found.present(), [1, 2]);
    }

    #[test]
    fn a_broken_ring_has_no_hole_and_lets_the_disc_touch_the_background() {
        let found = anatomy(&["......", ".1111.", ".122..", ".1221.", ".1111.", "......"], 3);
        assert_eq!(found.shape(1).unwrap().holes, 0);
        assert_eq!(found.border_share(2, 0), Some(1.0 / 8.0));
    }

    #[test]
    fn two_blobs_are_two_components_and_the_edge_is_a_neighbour() {
        let found = anatomy(&["11...", "11...", ".....", "....1"], 2);
        let shape = found.shape(1).unwrap();
        assert_eq!((shape.components, shape.holes, shape.area_px), (2, 0, 5));
        assert_eq!(found.border_share(1, 2), Some(6.0 / 12.0));
    }

    #[test]
    fn an_absent_class_has_no_share() {
        let found = anatomy(&["1."], 3);
        assert_eq!(found.shape(2), None);
        assert_eq!((found.border_share(2, 0), found.border_share(1, 2)), (None, None));
        // Without any border at all: the whole image.
        assert_eq!(anatomy(&["1"], 3).border_share(1, 3), Some(1.0));
    }
}
