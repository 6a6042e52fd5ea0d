//! How much neighbouring planes of a volume differ: what a stack of slices that were made one by one gets wrong.

use anyhow::Result;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::PixelType;

/// What is measured between neighbouring planes, of each class.
pub(super) const OF_CLASSES: [&str; 4] = ["overlap", "area change", "centre shift", "gaps"];
/// And of the image.
pub(super) const OF_IMAGE: &str = "image change";

/// Consecutive slices of a pack, as one volume.
pub(super) struct Stack<'a> {
    pub(super) slices: &'a Pack,
    /// The first of them.
    pub(super) first: usize,
    pub(super) planes: usize,
    /// Sides of a voxel, mm: planes, rows, columns.
    pub(super) spacing_mm: [f64; 3],
}

/// A class in one plane.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Area {
    pixels: f64,
    /// Sums of rows and of columns.
    sums: [f64; 2],
}

impl Stack<'_> {
    /// Of each class (without the background), in the order of [`OF_CLASSES`], and of the image: means over neighbouring
    /// planes of
    /// - Dice of the class in one plane with itself in the next (0 where it is in one of them only);
    /// - |a − b| / (a + b) of its areas;
    /// - the distance of its centres, mm, where both have it;
    /// - how often it ends and begins again;
    /// - the mean absolute difference of grey values, 0 to 1.
    ///
    /// A class that is in no plane overlaps nowhere and changes wholly.
    ///
    /// # Errors
    /// When a slice was damaged.
    pub(super) fn neighbours(&self, classes: usize) -> Result<Vec<f64>> {
        let shape = self.slices.slice_shape();
        let [mut overlap, mut change, mut shift] = [0, 1, 2].map(|_| vec![vec![]; classes]);
        let mut runs = vec![0_usize; classes];
        let mut image = Vec::new();
        let mut before: Option<(Vec<Area>, &[u8], &[u8])> = None;
        for plane in self.first..self.first + self.planes {
            let slice = self.slices.slice(plane)?;
            let areas = areas(slice.labels, shape.width, classes);
            if let Some((last, labels, pixels)) = &before {
                let mut both = vec![0.0; classes];
                for (a, b) in labels.iter().zip(slice.labels).filter(|(a, b)| a == b) {
                    debug_assert_eq!(a, b);
                    both[usize::from(*a)] += 1.0;
                }
                for class in 1..classes {
                    let (a, b) = (last[class], areas[class]);
                    let sum = a.pixels + b.pixels;
                    if sum > 0.0 {
                        overlap[class].push(2.0 * both[class] / sum);
                        change[class].push((a.pixels - b.pixels).abs() / sum);
                    }
                    if a.pixels > 0.0 && b.pixels > 0.0 {
                        shift[class].push(self.apart(a, b));
                    }
                }
                image.push(difference(pixels, slice.pixels, shape.pixel_type));
            }
            for class in 1..classes {
                let begins = before.as_ref().is_none_or(|(last, ..)| last[class].pixels == 0.0);
                runs[class] += usize::from(areas[class].pixels > 0.0 && begins);
            }
            before = Some((areas, slice.labels, slice.pixels));
        }
        let mean = |values: &[f64], none: f64| {
            if values.is_empty() { none } else { values.iter().sum::<f64>() / values.len() as f64 }
        };
        let mut numbers = Vec::new();
        for class in 1..classes {
            numbers.push(mean(&overlap[class], 0.0));
            numbers.push(mean(&change[class], 1.0));
            numbers.push(mean(&shift[class], 0.0));
            numbers.push(runs[class].saturating_sub(1) as f64);
        }
        numbers.push(mean(&image, 0.0));
        Ok(numbers)
    }

    /// Distance of centres, mm.
    fn apart(&self, a: Area, b: Area) -> f64 {
        let centre =
            |area: Area, axis: usize| area.sums[axis] / area.pixels * self.spacing_mm[axis + 1];
        [0, 1].map(|axis| (centre(a, axis) - centre(b, axis)).powi(2)).iter().sum::<f64>().sqrt()
    }
}

fn areas(labels: &[u8], width: usize, classes: usize) -> Vec<Area> {
    let mut areas = vec![Area::default(); classes];
    for (at, label) in labels.iter().enumerate() {
        let area = &mut areas[usize::from(*label)];
        area.pixels += 1.0;
        area.sums[0] += (at / width) as f64;
        area.sums[1] += (at % width) as f64;
    }
    areas
}

/// Mean absolute difference of pixels, 0 to 1.
fn difference(a: &[u8], b: &[u8], kind: PixelType) -> f64 {
    let values = |bytes: &[u8]| -> Vec<f64> {
        match kind {
            PixelType::U8 => bytes.iter().map(|v| f64::from(*v)).collect(),
            PixelType::U16 => {
                bytes.chunks_exact(2).map(|v| f64::from(u16::from_le_bytes([v[0], v[1]]))).collect()
            }
        }
    };
    let (a, b) = (values(a), values(b));
    let sum: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum();
    sum / a.len().max(1) as f64 / f64::from(kind.max())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_data::pack::PackWriter;
    use vesalius_data::pack::manifest::{
        CaseRecord, Manifest, Provenance, SliceRecord, SliceShape, Split,
    };

    #[test]
    fn neighbours_are_compared_class_by_class() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let shape =
            SliceShape { channels: 1, planes: 1, height: 2, width: 4, pixel_type: PixelType::U8 };
        let mut writer = PackWriter::create(&path, shape).unwrap();
        // Class 1: two pixels, the same moved by one, nothing, again.
        let labels: [[u8; 8]; 4] = [
            [1, 1, 0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 1],
        ];
        for (position, labels) in labels.iter().enumerate() {
            let grey = [51 * position as u8; 8];
            writer.push(&grey, labels, SliceRecord { case: 0, position }).unwrap();
        }
        let classes = ["background", "organ", "lesion"].map(str::to_owned).to_vec();
        let manifest = Manifest::new("test", classes, shape, Provenance::real("folder", "seed 1"));
        let cases = vec![CaseRecord::new("a", "a", Split::Train)];
        writer.finish(Manifest { cases, ..manifest }).unwrap();
        let slices = Pack::open(&path).unwrap();
        let stack = Stack { slices: &slices, first: 0, planes: 4, spacing_mm: [10.0, 5.0, 2.0] };
        let found = stack.neighbours(3).unwrap();
        let third = 1.0 / 3.0;
        let expected = [
            // Dice 2·1/4, 0, 0; areas 2 and 2, 2 and 0, 0 and 1; centres 0.5 and 1.5 columns.
            0.5 * third,
            2.0 * third,
            2.0,
            1.0,
            // A class that is nowhere.
            0.0,
            1.0,
            0.0,
            0.0,
            0.2,
        ];
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        // Five pixels of class 1 in two pieces, 0.1 ml each; none of class 2.
        assert_eq!(stack.anatomy(3).unwrap(), [2.0, 0.5, 0.0, 0.0]);
    }
}
