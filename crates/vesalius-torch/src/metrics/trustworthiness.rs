//! Trustworthiness of a map: whether neighbours on it were neighbours before (Venna and Kaski 2001).

use super::numerics::bounds::Bounds;
use super::numerics::neighbours::{Between, nearest};
use anyhow::{Result, bail};
use rand::seq::index::sample;
use rayon::prelude::*;
use tch::{Kind, Tensor};
use vesalius_statistics::umap::neighbours::squared_distance;

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

/// Looks at the `k` nearest points on `map` `[N, 2]` of each point: those that are not among its k nearest by
/// `features`
/// `[N, D]` count by how far down their rank there is.
///
/// 1 − 2 / (m·k·(2N − 3k − 1)) · Σ max(0, rank − k) over m points and their k neighbours: scikit-learn's
/// `trustworthiness`, where m is N. Of more than [`MOST_ASKED`] points that many are asked, drawn by `seed`: the mean
/// over them estimates the mean over all.
///
/// Features are taken as f32. Ranks are those of exact distances: f32 products bound them, and where the bounds of two
/// points overlap the distance is computed by itself.
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
    let features = features.to_kind(Kind::Float);
    let width = features.size()[1] as usize;
    let values: Vec<f32> = Vec::try_from(features.contiguous().view(-1))?;
    let exact = |i: i64, j: i64| {
        let [a, b] = [i, j].map(|at| &values[at as usize * width..][..width]);
        squared_distance(a, b)
    };
    let radii: Vec<Vec<f64>> = near
        .par_iter()
        .zip(&asked)
        .map(|(near, &own)| near.iter().map(|&j| exact(own, j)).collect())
        .collect();
    let bounds = Bounds::new(&features);
    let (unit, slack) = (bounds.unit(), bounds.slack());
    let mut ranks = vec![vec![1_usize; k]; asked.len()];
    bounds.for_each_block(&bounds.select(&rows), &mut |first, lower| {
        let points = lower.size()[1] as usize;
        let lower: Vec<f32> = Vec::try_from(lower.view(-1)).expect("a block of f32");
        let rows = lower.par_chunks_exact(points).zip(ranks.par_iter_mut());
        rows.zip(&radii).zip(&asked).for_each(|(((lower, ranks), radii), &own)| {
            let farthest = radii.iter().copied().fold(0.0, f64::max);
            for (j, &lower) in (first..).zip(lower) {
                let lower = f64::from(lower) * unit;
                // Bounds that are no numbers go on to the exact distance.
                if lower > farthest || j as i64 == own {
                    continue;
                }
                let upper = lower + 2.0 * unit * f64::from(slack[own as usize] + slack[j]);
                let mut found = None;
                for (rank, &radius) in ranks.iter_mut().zip(radii) {
                    let nearer = if upper < radius {
                        true
                    } else if lower > radius {
                        false
                    } else {
                        *found.get_or_insert_with(|| exact(own, j as i64)) < radius
                    };
                    *rank += usize::from(nearer);
                }
            }
        });
    });
    let excess: usize = ranks.iter().flatten().map(|&rank| rank.saturating_sub(k)).sum();
    let scale = 2.0 / (asked.len() as f64 * k as f64 * (2.0 * n as f64 - 3.0 * k as f64 - 1.0));
    Ok(Trustworthiness { value: 1.0 - scale * excess as f64, asked: asked.len() })
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
    fn ranks_are_those_of_exact_distances() {
        const N: usize = 400;
        const K: usize = 7;
        tch::manual_seed(5);
        let options = (Kind::Float, Device::Cpu);
        let spread = Tensor::randn([N as i64, 6], options);
        let map = Tensor::randn([N as i64, 2], options);
        // The second is a crowd that f32 products see as one point, from whose mean a lone point keeps it away.
        let far = &spread * 0.01 + 900.0;
        let _ = far.narrow(0, 0, 1).fill_(-90000.0);
        for features in [spread, far] {
            let distances = |x: &Tensor, i: usize| -> Vec<f64> {
                let x: Vec<Vec<f32>> = Vec::try_from(x).unwrap();
                x.iter().map(|other| squared_distance(&x[i], other)).collect()
            };
            let mut excess = 0;
            for i in 0..N {
                let (before, after) = (distances(&features, i), distances(&map, i));
                let mut others: Vec<usize> = (0..N).filter(|&j| j != i).collect();
                others.sort_by(|&a, &b| after[a].total_cmp(&after[b]));
                for &j in &others[..K] {
                    let nearer = others.iter().filter(|&&l| before[l] < before[j]).count();
                    excess += (nearer + 1).saturating_sub(K);
                }
            }
            let scale = 2.0 / (N * K * (2 * N - 3 * K - 1)) as f64;
            let found = trustworthiness(&features, &map, K, 1).unwrap().value;
            assert!((found - (1.0 - scale * excess as f64)).abs() < 1e-12);
        }
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
