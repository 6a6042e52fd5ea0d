//! k-means (Lloyd 1982) from k-means++ starts (Arthur and Vassilvitskii 2007), the best of ten: the cells of C_T.

use super::neighbours::for_each_block;
use crate::rng::{Purpose, keyed};
use rand::RngExt as _;
use tch::{Kind, Tensor};

/// Starts, of which the one with the least inertia stays.
const STARTS: u64 = 10;
const ITERATIONS: usize = 300;
/// Centres that move by less, squared and in units of the mean variance of a dimension, have arrived (scikit-learn's).
const TOLERANCE: f64 = 1e-4;

/// Centres `[k, D]` of the rows of `x` `[N, D]`, f64; a function of `seed` and `index`.
pub fn centres(x: &Tensor, k: i64, seed: u64, index: u64) -> Tensor {
    let x = x.to_kind(Kind::Double);
    let variance = x.var_dim(&[0_i64][..], false, false).mean(Kind::Double).double_value(&[]);
    let starts = index * STARTS..(index + 1) * STARTS;
    let runs = starts.map(|start| lloyd(&x, plus_plus(&x, k, seed, start), TOLERANCE * variance));
    runs.min_by(|a, b| a.1.total_cmp(&b.1)).expect("at least one start").0
}

/// Row of the nearest centre of each row of `x`.
pub fn assign(x: &Tensor, centres: &Tensor) -> Tensor {
    closest(x, centres).1
}

/// Squared distance of each row of `x` to the nearest centre, and its row. By products: a tie of two centres may fall
/// to
/// either.
fn closest(x: &Tensor, centres: &Tensor) -> (Tensor, Tensor) {
    let (mut squared, mut rows) = (Vec::new(), Vec::new());
    for_each_block(x, centres, &mut |block| {
        let (least, at) = block.squared.min_dim(1, false);
        squared.push(least.clamp_min(0.0));
        rows.push(at);
    });
    (Tensor::cat(&squared, 0), Tensor::cat(&rows, 0))
}

/// Each next centre is a sample, drawn by its squared distance to the nearest centre so far.
fn plus_plus(x: &Tensor, k: i64, seed: u64, start: u64) -> Tensor {
    let mut rng = keyed(seed, Purpose::Subset, start);
    let n = x.size()[0];
    let mut chosen = vec![rng.random_range(0..n)];
    while (chosen.len() as i64) < k {
        let weight = closest(x, &x.index_select(0, &Tensor::from_slice(&chosen))).0;
        let sums = weight.cumsum(0, Kind::Double);
        let target = rng.random::<f64>() * sums.double_value(&[n - 1]);
        let at = sums.le(target).to_kind(Kind::Int64).sum(Kind::Int64).int64_value(&[]);
        chosen.push(at.min(n - 1));
    }
    x.index_select(0, &Tensor::from_slice(&chosen))
}

fn lloyd(x: &Tensor, mut centres: Tensor, tolerance: f64) -> (Tensor, f64) {
    let k = centres.size()[0];
    for _ in 0..ITERATIONS {
        let member = assign(x, &centres).one_hot(k).to_kind(Kind::Double); // [N, k]
        let counts = member.sum_dim_intlist(&[0_i64][..], false, Kind::Double).unsqueeze(1);
        let moved = member.tr().matmul(x) / counts.clamp_min(1.0);
        // A centre without samples stays where it is.
        let moved = moved.where_self(&counts.gt(0.0), &centres);
        let shift = (&moved - &centres).square().sum(Kind::Double).double_value(&[]);
        centres = moved;
        if shift <= tolerance {
            break;
        }
    }
    let inertia = closest(x, &centres).0.sum(Kind::Double).double_value(&[]);
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
        let found = centres(&x, 3, 1, 0);
        let (sorted, _) = found.select(1, 0).sort(0, false);
        let error = (sorted - Tensor::from_slice(&[0.0, 5.0, 9.0])).abs().max();
        assert!(error.double_value(&[]) < 0.1);
        let cells = assign(&x, &found);
        assert!(cells.get(0) != cells.get(60) && cells.get(60) != cells.get(140));
        assert_eq!(centres(&x, 3, 1, 0), found);
    }
}
