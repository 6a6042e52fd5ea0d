//! Lesions: connected pieces of a mask, and which of them were found.
//!
//! Counted as the ISLES 2022 challenge counts them (Hernandez Petzsche et al. 2022, doi:10.1038/s41597-022-01875-5;
//! `compute_lesion_f1_score` of its evaluation): voxels are neighbours across faces, edges and corners, a lesion is found
//! where one voxel of it was predicted, and a predicted piece that touches none of the reference is a false alarm.

use crate::grid::Mask;

/// Counts of one mask against its reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lesions {
    /// Pieces of the reference.
    pub reference: usize,
    /// Pieces of the prediction.
    pub predicted: usize,
    /// Pieces of the reference of which a voxel was predicted.
    pub found: usize,
    /// Pieces of the prediction without a voxel of the reference.
    pub false_alarms: usize,
}

impl Lesions {
    /// Of masks of slices, rows, columns.
    ///
    /// # Panics
    /// When a mask has another number of voxels than the shape.
    pub fn between(reference: Mask, prediction: Mask, shape: [usize; 3]) -> Self {
        let [in_reference, in_prediction] =
            [reference, prediction].map(|mask| Pieces::of(mask, shape));
        let touched = |pieces: &Pieces, other: Mask| {
            let mut touched = vec![false; pieces.count];
            for (&piece, &other) in pieces.of_voxels.iter().zip(other) {
                if piece != 0 && other {
                    touched[piece as usize - 1] = true;
                }
            }
            touched.into_iter().filter(|touched| *touched).count()
        };
        let found = touched(&in_reference, prediction);
        Self {
            reference: in_reference.count,
            predicted: in_prediction.count,
            found,
            false_alarms: in_prediction.count - touched(&in_prediction, reference),
        }
    }

    /// F1 of found pieces; `None` where there is none on either side.
    pub fn f1(&self) -> Option<f64> {
        let missed = self.reference - self.found;
        let all = 2 * self.found + missed + self.false_alarms;
        (all > 0).then(|| 2.0 * self.found as f64 / all as f64)
    }

    /// How far the numbers of pieces are apart.
    pub fn count_difference(&self) -> usize {
        self.reference.abs_diff(self.predicted)
    }
}

/// Connected pieces.
struct Pieces {
    /// 0, or the number of the piece from 1 on, of each voxel.
    of_voxels: Vec<u32>,
    count: usize,
}

impl Pieces {
    fn of(mask: Mask, shape: [usize; 3]) -> Self {
        assert_eq!(mask.len(), shape.iter().product::<usize>(), "voxels of a mask");
        let [slices, rows, columns] = shape;
        let mut of_voxels = vec![0; mask.len()];
        let mut count = 0;
        let mut open = Vec::new();
        for start in 0..mask.len() {
            if !mask[start] || of_voxels[start] != 0 {
                continue;
            }
            count += 1;
            of_voxels[start] = count;
            open.push(start);
            while let Some(at) = open.pop() {
                let (slice, row, column) =
                    (at / (rows * columns), at / columns % rows, at % columns);
                let around = |at: usize, end: usize| at.saturating_sub(1)..(at + 2).min(end);
                for slice in around(slice, slices) {
                    for row in around(row, rows) {
                        for column in around(column, columns) {
                            let next = (slice * rows + row) * columns + column;
                            if mask[next] && of_voxels[next] == 0 {
                                of_voxels[next] = count;
                                open.push(next);
                            }
                        }
                    }
                }
            }
        }
        Self { of_voxels, count: count as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        shape: [usize; 3],
        reference: Vec<u8>,
        prediction: Vec<u8>,
        f1: f64,
        count_difference: usize,
    }

    #[test]
    fn counts_are_those_of_the_challenge() {
        let text = include_str!("../../../golden/lesions.json");
        let cases: Vec<Golden> = serde_json::from_str(text).unwrap();
        assert!(cases.len() > 20);
        for (i, case) in cases.iter().enumerate() {
            let mask = |values: &[u8]| values.iter().map(|value| *value != 0).collect::<Vec<_>>();
            let found =
                Lesions::between(&mask(&case.reference), &mask(&case.prediction), case.shape);
            // The challenge gives 1 where both are empty; here such a volume is not counted.
            let f1 = found.f1().unwrap_or(1.0);
            assert!((f1 - case.f1).abs() < 1e-12, "case {i}: {f1}, expected {}", case.f1);
            assert_eq!(found.count_difference(), case.count_difference, "case {i}");
        }
    }

    #[test]
    fn corners_join_and_gaps_part() {
        let shape = [2, 2, 3];
        // A voxel in each slice that meet at a corner, and one apart.
        let mut mask = vec![false; 12];
        (mask[0], mask[10], mask[2]) = (true, true, true);
        let found = Lesions::between(&mask, &[false; 12], shape);
        assert_eq!((found.reference, found.found, found.f1()), (1, 0, Some(0.0)));
        let found = Lesions::between(&[false; 12], &[false; 12], shape);
        assert_eq!(found.f1(), None);
    }
}
