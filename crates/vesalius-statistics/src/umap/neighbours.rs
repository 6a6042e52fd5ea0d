//! Who is near whom: the exact nearest neighbours of every point, among candidates.
//!
//! Candidates come from wherever matrix products are fast, a few more than are wanted. Their distances are computed
//! again here, each by one thread in one order: neither ranks nor distances depend on how a product was split.

use super::points::Points;
use anyhow::{Result, bail};
use rayon::prelude::*;

/// For each point the same number of others, in any order.
#[derive(Debug)]
pub struct Candidates {
    indices: Vec<u32>,
    per_point: usize,
}

impl Candidates {
    /// `indices` `[N, per_point]`, row after row.
    ///
    /// # Errors
    /// When the rows are not whole.
    pub fn new(indices: Vec<u32>, per_point: usize) -> Result<Self> {
        if per_point == 0 || !indices.len().is_multiple_of(per_point) {
            bail!("{} candidates, expected rows of {per_point}", indices.len());
        }
        Ok(Self { indices, per_point })
    }

    /// All others, for sets small enough.
    pub fn everybody(points: usize) -> Self {
        let count = points as u32;
        let indices = (0..count).flat_map(|i| (0..count).filter(move |&j| j != i)).collect();
        Self { indices, per_point: points.saturating_sub(1).max(1) }
    }
}

/// The k nearest points of each, itself first.
#[derive(Debug)]
pub struct Neighbours {
    /// Points in a neighbourhood, the point itself among them.
    pub k: usize,
    /// `[N, k]`.
    pub indices: Vec<u32>,
    /// Euclidean, ascending, `[N, k]`; the first of each row is 0.
    pub distances: Vec<f32>,
}

impl Neighbours {
    /// Takes the nearest k − 1 candidates of each point; equally near ones by their index.
    ///
    /// # Errors
    /// When there are fewer candidates than that, or for another number of points.
    pub fn among(points: Points, candidates: &Candidates, k: usize) -> Result<Self> {
        let (n, per_point) = (points.len(), candidates.per_point);
        if candidates.indices.len() != n * per_point || per_point + 1 < k {
            bail!(
                "{per_point} candidates for each of {} points, expected {} or more for each of {n}",
                candidates.indices.len() / per_point,
                k - 1
            );
        }
        let rows: Vec<Vec<(f32, u32)>> = candidates
            .indices
            .par_chunks(per_point)
            .enumerate()
            .map(|(i, others)| {
                let mut row: Vec<(f32, u32)> = others
                    .iter()
                    .filter(|&&j| j as usize != i)
                    .map(|&j| (distance(points.row(i), points.row(j as usize)), j))
                    .collect();
                row.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                row.truncate(k - 1);
                row.insert(0, (0.0, i as u32));
                row
            })
            .collect();
        if rows.iter().any(|row| row.len() < k) {
            bail!("a point among its own candidates leaves too few, expected {} others", k - 1);
        }
        let (distances, indices) = rows.into_iter().flatten().unzip();
        Ok(Self { k, indices, distances })
    }

    /// N.
    pub fn len(&self) -> usize {
        self.indices.len() / self.k
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

/// Euclidean distance.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    squared_distance(a, b).sqrt() as f32
}

/// Squared Euclidean distance, summed in f64 over eight lanes in a fixed order.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let mut add = |a: &[f32], b: &[f32]| {
        for (lane, (x, y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            let difference = f64::from(*x) - f64::from(*y);
            *lane += difference * difference;
        }
    };
    // Eights of a length that the compiler knows become vector instructions.
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        add(a, b);
    }
    add(a_rest, b_rest);
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_taken_whatever_the_order_of_candidates() {
        let values = [0.0_f32, 1.0, 3.0, 3.0, 7.0];
        let points = Points::new(&values, 1).unwrap();
        let found = Neighbours::among(points, &Candidates::everybody(5), 3).unwrap();
        assert_eq!(found.indices, [0, 1, 2, 1, 0, 2, 2, 3, 1, 3, 2, 1, 4, 2, 3]);
        assert_eq!(found.distances[..6], [0.0, 1.0, 3.0, 0.0, 1.0, 2.0]);
        let backwards: Vec<u32> = Candidates::everybody(5)
            .indices
            .chunks(4)
            .flat_map(|row| row.iter().rev().copied())
            .collect();
        let again = Neighbours::among(points, &Candidates::new(backwards, 4).unwrap(), 3).unwrap();
        assert_eq!(again.indices, found.indices);
        let few = Candidates::new(vec![1, 0, 0, 0, 0], 1).unwrap();
        assert!(Neighbours::among(points, &few, 3).unwrap_err().to_string().contains("2 or more"));
    }
}
