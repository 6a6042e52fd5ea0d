//! Lesions: connected pieces of a mask, and which of them were found.
//!
//! Counted as the ISLES 2022 challenge counts them (Hernandez Petzsche et al. 2022, doi:10.1038/s41597-022-01875-5;
//! `compute_lesion_f1_score` of its evaluation): voxels are neighbours across faces, edges and corners, a lesion is found
//! where one voxel of it was predicted, and a predicted piece that touches none of the reference is a false alarm.

use crate::grid::Mask;
use std::ops::Range;

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
            let mut touched = vec![false; pieces.of_runs.len()];
            for (run, &piece) in pieces.runs.iter().zip(&pieces.of_runs) {
                touched[piece] |= other[run.clone()].contains(&true);
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

/// Connected pieces of a mask of slices, rows, columns.
///
/// # Panics
/// When the mask has another number of voxels than the shape.
pub fn count(mask: Mask, shape: [usize; 3]) -> usize {
    Pieces::of(mask, shape).count
}

/// Connected pieces.
struct Pieces {
    /// Voxels of the mask that lie side by side in a row, in the order of the mask.
    runs: Vec<Range<usize>>,
    /// Of each run its piece: the number of the piece's first run.
    of_runs: Vec<usize>,
    count: usize,
}

impl Pieces {
    /// Two runs are neighbours where their rows are and their columns overlap or meet at a corner: runs, of which there
    /// are few, are joined instead of voxels.
    fn of(mask: Mask, shape: [usize; 3]) -> Self {
        assert_eq!(mask.len(), shape.iter().product::<usize>(), "voxels of a mask");
        let [_, rows, columns] = shape;
        let mut runs: Vec<Range<usize>> = Vec::new();
        // Where the runs of each row begin.
        let mut begins = Vec::with_capacity(mask.len() / columns.max(1) + 1);
        for (at, row) in mask.chunks_exact(columns.max(1)).enumerate() {
            begins.push(runs.len());
            let mut end = 0;
            while let Some(first) = row[end..].iter().position(|is| *is) {
                let start = end + first;
                end =
                    row[start..].iter().position(|is| !is).map_or(columns, |length| start + length);
                runs.push(at * columns + start..at * columns + end);
            }
        }
        begins.push(runs.len());
        let mut of_runs: Vec<usize> = (0..runs.len()).collect();
        for (at, begin) in begins.windows(2).enumerate().filter(|(_, ends)| ends[0] < ends[1]) {
            let (slice, row) = (at / rows, at % rows);
            // Of the rows around it those that come before it.
            let before = (row > 0).then(|| at - 1).into_iter();
            let below = (slice > 0).then(|| row.saturating_sub(1)..(row + 2).min(rows));
            let below = below.into_iter().flatten().map(|other| (slice - 1) * rows + other);
            for other in before.chain(below) {
                // As if both rows were one.
                let shift = (at - other) * columns;
                let mut first = begins[other];
                for run in begin[0]..begin[1] {
                    while first < begins[other + 1] && runs[first].end + shift < runs[run].start {
                        first += 1;
                    }
                    for neighbour in first..begins[other + 1] {
                        if runs[neighbour].start + shift > runs[run].end {
                            break;
                        }
                        join(&mut of_runs, run, neighbour);
                    }
                }
            }
        }
        for run in 0..of_runs.len() {
            of_runs[run] = root(&of_runs, run);
        }
        let count = of_runs.iter().enumerate().filter(|(run, piece)| run == *piece).count();
        Self { runs, of_runs, count }
    }
}

fn root(of_runs: &[usize], mut run: usize) -> usize {
    while of_runs[run] != run {
        run = of_runs[run];
    }
    run
}

/// The first run of both is that of all.
fn join(of_runs: &mut [usize], a: usize, b: usize) {
    let [a, b] = [a, b].map(|run| root(of_runs, run));
    of_runs[a.max(b)] = a.min(b);
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

    /// Pieces of a mask, by voxels that are visited one after the other.
    fn slow(mask: Mask, shape: [usize; 3]) -> usize {
        let place = |i: usize| [i / (shape[1] * shape[2]), i / shape[2] % shape[1], i % shape[2]];
        let near =
            |a: usize, b: usize| (0..3).all(|axis| place(a)[axis].abs_diff(place(b)[axis]) < 2);
        let mut left: Vec<usize> = (0..mask.len()).filter(|&i| mask[i]).collect();
        let mut count = 0;
        while let Some(first) = left.pop() {
            count += 1;
            let mut open = vec![first];
            while let Some(at) = open.pop() {
                let (joined, rest) = left.into_iter().partition(|&other| near(at, other));
                left = rest;
                open.extend::<Vec<usize>>(joined);
            }
        }
        count
    }

    #[test]
    fn runs_join_as_their_voxels_do() {
        for (shape, seed) in [([4, 6, 7], 3_u64), ([1, 9, 11], 5), ([5, 1, 8], 7), ([6, 5, 1], 11)]
        {
            for share in [3, 5, 8] {
                let count = shape.iter().product();
                let mut state = seed * share;
                let mask: Vec<bool> = (0..count)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (state >> 33) % share == 0
                    })
                    .collect();
                let found = Lesions::between(&mask, &mask, shape);
                assert_eq!(found.reference, slow(&mask, shape), "{shape:?}, 1 of {share}");
                assert_eq!((found.found, found.false_alarms), (found.reference, 0));
            }
        }
    }
}
