//! Trustworthiness of a map: whether neighbours on it were neighbours before (Venna and Kaski 2001).

use super::neighbours::{Between, for_each_block, nearest};
use anyhow::{Result, bail};
use rand::seq::index::sample;
use tch::{Kind, Tensor};

use crate::rng::{Purpose, keyed};

/// Points that are asked at most.
pub const MOST_ASKED: usize = 2000;

/// A map's trustworthiness, and how it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trustworthiness {
    /// 1: every neighbour on the map was one before; about 0.5 for a random map.
    pub value: f64,
    /// Points whose neighbours were looked at.
    pub asked: usize,
}

/// Looks at the `k` nearest points on `map` `[N, 2]` of each point: those that are not among its k nearest by `features`
/// `[N, D]` count by how far down their rank there is.
///
/// 1 − 2 / (m·k·(2N − 3k − 1)) · Σ max(0, rank − k) over m points and their k neighbours: scikit-learn's
/// `trustworthiness`, where m is N. Of more than [`MOST_ASKED`] points that many are asked, drawn by `seed`: the mean
/// over them estimates the mean over all.
///
/// # Errors
/// When the counts differ, or k is not below half of them.
pub fn trustworthiness(
    features: &Tensor,
    map: &Tensor,
    k: usize,
    seed: u64,
) -> Result<Trustworthiness> {
    let n = features.size()[0] as usize;
    if map.size()[0] as usize != n {
        bail!("{n} points and {} on the map, expected as many", map.size()[0]);
    }
    if k == 0 || 2 * k >= n {
        bail!("{k} neighbours of {n} points, expected 1 to less than half of them");
    }
    let asked: Vec<i64> = if n <= MOST_ASKED {
        (0..n as i64).collect()
    } else {
        let mut rng = keyed(seed, Purpose::Subset, 0);
        let mut drawn = sample(&mut rng, n, MOST_ASKED).into_vec();
        drawn.sort_unstable();
        drawn.into_iter().map(|i| i as i64).collect()
    };
    let rows = Tensor::from_slice(&asked);
    // One more than k, because a point is its own nearest.
    let near = nearest(&map.index_select(0, &rows), map, k as i64 + 1, Between::TwoSets).indices;
    let near: Vec<i64> = Vec::try_from(near.reshape(-1))?;
    let near: Vec<Vec<i64>> = near
        .chunks(k + 1)
        .zip(&asked)
        .map(|(row, own)| row.iter().copied().filter(|j| j != own).take(k).collect())
        .collect();
    let queries = features.index_select(0, &rows);
    let radii = squared_distances(&queries, features, &near)?;
    let mut ranks = vec![vec![1_usize; k]; asked.len()];
    for_each_block(&queries, features, &mut |first_query, first_point, squared| {
        let (q, p) = squared.size2().expect("a block");
        let block: Vec<f64> = Vec::try_from(squared.contiguous().view(-1)).expect("f64");
        let queries = first_query as usize..(first_query + q) as usize;
        for (i, row) in queries.zip(block.chunks_exact(p as usize)) {
            let own = asked[i] - first_point;
            let farthest = radii[i].iter().copied().fold(0.0, f64::max);
            for (at, &squared) in row.iter().enumerate() {
                if squared < farthest && at as i64 != own {
                    for (rank, &radius) in ranks[i].iter_mut().zip(&radii[i]) {
                        *rank += usize::from(squared < radius);
                    }
                }
            }
        }
    });
    let excess: usize = ranks.iter().flatten().map(|&rank| rank.saturating_sub(k)).sum();
    let scale = 2.0 / (asked.len() as f64 * k as f64 * (2.0 * n as f64 - 3.0 * k as f64 - 1.0));
    Ok(Trustworthiness { value: 1.0 - scale * excess as f64, asked: asked.len() })
}

/// Squared distances of each query to its own points. A trifle less than they are, so that a block's rounding does not
/// count a point as nearer than itself.
fn squared_distances(queries: &Tensor, points: &Tensor, own: &[Vec<i64>]) -> Result<Vec<Vec<f64>>> {
    own.iter()
        .enumerate()
        .map(|(i, own)| {
            let query = queries.get(i as i64).to_kind(Kind::Double);
            let points = points.index_select(0, &Tensor::from_slice(own)).to_kind(Kind::Double);
            let squared = (points - query).square().sum_dim_intlist(1, false, Kind::Double);
            Ok(Vec::try_from(squared * (1.0 - 1e-9))?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn a_faithful_map_is_trusted_and_a_shuffled_one_is_not() {
        tch::manual_seed(3);
        let plane = Tensor::randn([300, 2], (Kind::Float, Device::Cpu));
        let features = plane.matmul(&Tensor::randn([2, 9], (Kind::Float, Device::Cpu)));
        let of = |map: &Tensor| trustworthiness(&features, map, 15, 1).unwrap().value;
        // The linear map bends distances a little, so not exactly 1.
        assert!(of(&plane) > 0.97);
        assert!((of(&plane.flip([0])) - 0.5).abs() < 0.05);
        let error = trustworthiness(&features, &plane, 150, 1).unwrap_err().to_string();
        assert!(error.contains("150 neighbours of 300 points"), "{error}");
    }

    #[test]
    fn of_many_points_some_are_asked() {
        tch::manual_seed(4);
        let features = Tensor::randn([2500, 3], (Kind::Float, Device::Cpu));
        let map = features.narrow(1, 0, 2).contiguous();
        let some = trustworthiness(&features, &map, 15, 1).unwrap();
        let others = trustworthiness(&features, &map, 15, 2).unwrap();
        assert_eq!(some.asked, MOST_ASKED);
        assert_ne!(some.value, others.value);
        assert!((some.value - others.value).abs() < 0.01);
    }
}
