//! k-means (Lloyd 1982) from k-means++ starts (Arthur and Vassilvitskii 2007), the best of ten: the cells of C_T.

use super::neighbours::{Between, nearest};
use crate::rng::{Purpose, keyed};
use rand::RngExt as _;
use tch::{Kind, Tensor};

/// Starts, of which the one with the least inertia stays.
const STARTS: u64 = 10;
const ITERATIONS: usize = 300;

/// Centres `[k, D]` of the rows of `x` `[N, D]`, f64; a function of `seed`.
pub fn centres(x: &Tensor, k: i64, seed: u64) -> Tensor {
    let runs = (0..STARTS).map(|start| lloyd(x, plus_plus(x, k, seed, start)));
    runs.min_by(|a, b| a.1.total_cmp(&b.1)).expect("at least one start").0
}

/// Row of the nearest centre of each row of `x`.
pub fn assign(x: &Tensor, centres: &Tensor) -> Tensor {
    nearest(x, centres, 1, Between::TwoSets).indices.squeeze_dim(1)
}

/// Each next centre is a sample, drawn by its squared distance to the nearest centre so far.
fn plus_plus(x: &Tensor, k: i64, seed: u64, start: u64) -> Tensor {
    let mut rng = keyed(seed, Purpose::Subset, start);
    let n = x.size()[0];
    let mut chosen = vec![rng.random_range(0..n)];
    while (chosen.len() as i64) < k {
        let centres = x.index_select(0, &Tensor::from_slice(&chosen));
        let weight = nearest(x, &centres, 1, Between::TwoSets).distances.square().reshape([-1]);
        let sums = weight.cumsum(0, Kind::Double);
        let target = rng.random::<f64>() * sums.double_value(&[n - 1]);
        let at = sums.le(target).to_kind(Kind::Int64).sum(Kind::Int64).int64_value(&[]);
        chosen.push(at.min(n - 1));
    }
    x.index_select(0, &Tensor::from_slice(&chosen)).to_kind(Kind::Double)
}

fn lloyd(x: &Tensor, mut centres: Tensor) -> (Tensor, f64) {
    let k = centres.size()[0];
    let x = x.to_kind(Kind::Double);
    let mut inertia = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let found = nearest(&x, &centres, 1, Between::TwoSets);
        let now = found.distances.square().sum(Kind::Double).double_value(&[]);
        let member = found.indices.squeeze_dim(1).one_hot(k).to_kind(Kind::Double); // [N, k]
        let counts = member.sum_dim_intlist(&[0_i64][..], false, Kind::Double).unsqueeze(1);
        let moved = member.tr().matmul(&x) / counts.clamp_min(1.0);
        // A centre without samples stays where it is.
        centres = moved.where_self(&counts.gt(0.0), &centres);
        if now >= inertia * (1.0 - 1e-9) {
            return (centres, now);
        }
        inertia = now;
    }
    (centres, inertia)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn three_clouds_are_found() {
        tch::manual_seed(4);
        let cloud = |at: f64| Tensor::randn([50, 2], (Kind::Float, Device::Cpu)) * 0.1 + at;
        let x = Tensor::cat(&[cloud(0.0), cloud(5.0), cloud(9.0)], 0);
        let found = centres(&x, 3, 1);
        let (sorted, _) = found.select(1, 0).sort(0, false);
        let error = (sorted - Tensor::from_slice(&[0.0, 5.0, 9.0])).abs().max();
        assert!(error.double_value(&[]) < 0.1);
        let cells = assign(&x, &found);
        assert!(cells.get(0) != cells.get(60) && cells.get(60) != cells.get(140));
        assert_eq!(centres(&x, 3, 1), found);
    }
}
