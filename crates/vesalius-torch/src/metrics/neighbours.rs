//! Distances between feature sets, in blocks: what nearest-neighbour metrics read.
//!
//! Euclidean, in f64 through ‖x‖² + ‖y‖² − 2x·y after the common mean is taken off, which keeps the rounding of equal
//! samples at about 1e-7 of their norm.

use super::features::blocks;
use tch::{Kind, Tensor};

/// Rows of a block on the query side; with [`blocks`]' 4,096 on the other a block of distances has 32 MiB.
const QUERIES: i64 = 1024;

/// The `k` nearest points of each query.
#[derive(Debug)]
pub struct Nearest {
    /// Ascending, `[Q, k]`, f64.
    pub distances: Tensor,
    /// Their rows, `[Q, k]`, i64.
    pub indices: Tensor,
}

impl Nearest {
    /// Distance to the k-th (the last) neighbour `[Q]`.
    pub fn radius(&self) -> Tensor {
        self.distances.select(1, -1)
    }
}

/// Who is whose neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Queries and points are one and the same set: nobody is their own neighbour.
    OneSet,
    /// Two sets.
    TwoSets,
}

/// Finds the `k` nearest `points` `[P, D]` of each of `queries` `[Q, D]`; k must not be larger than the number of
/// neighbours there are.
pub fn nearest(queries: &Tensor, points: &Tensor, k: i64, between: Between) -> Nearest {
    let (mut distances, mut indices) = (Vec::new(), Vec::new());
    let mut best: Option<(Tensor, Tensor)> = None;
    let last = points.size()[0];
    for_each_block(queries, points, &mut |first_query, first_point, squared| {
        if between == Between::OneSet {
            exclude_self(squared, first_query, first_point);
        }
        let (values, at) = nearer(best.take(), squared, first_point, k);
        if first_point + squared.size()[1] == last {
            distances.push(values.sqrt());
            indices.push(at);
        } else {
            best = Some((values, at));
        }
    });
    Nearest { distances: Tensor::cat(&distances, 0), indices: Tensor::cat(&indices, 0) }
}

/// The `k` nearest of those found so far and of a block `[q, p]` whose columns are the points from `first` on: distances,
/// ascending, and points.
pub(super) fn nearer(
    so_far: Option<(Tensor, Tensor)>,
    block: &Tensor,
    first: i64,
    k: i64,
) -> (Tensor, Tensor) {
    let (values, at) = block.topk(k.min(block.size()[1]), 1, false, true);
    let at = at + first;
    let Some((so_far, rows)) = so_far else { return (values, at) };
    let (values, rows) = (Tensor::cat(&[so_far, values], 1), Tensor::cat(&[rows, at], 1));
    let (values, chosen) = values.topk(k.min(values.size()[1]), 1, false, true);
    (values, rows.gather(1, &chosen, false))
}

/// Calls `f(first query, first point, squared distances [q, p])` for every block; the points run fastest.
pub fn for_each_block(queries: &Tensor, points: &Tensor, f: &mut dyn FnMut(i64, i64, &mut Tensor)) {
    tch::no_grad(|| {
        let mean = blocks(points)
            .map(|block| block.sum_dim_intlist(&[0_i64][..], true, Kind::Double))
            .reduce(|a, b| a + b)
            .expect("at least one block")
            / points.size()[0] as f64;
        let count = queries.size()[0];
        for first_query in (0..count).step_by(QUERIES as usize) {
            let rows = QUERIES.min(count - first_query);
            let x = queries.narrow(0, first_query, rows).to_kind(Kind::Double) - &mean;
            let x_norm = x.square().sum_dim_intlist(1, true, Kind::Double);
            let mut first_point = 0;
            for block in blocks(points) {
                let y = block - &mean;
                let y_norm = y.square().sum_dim_intlist(1, false, Kind::Double);
                let mut squared = (y_norm + &x_norm).addmm_(&(&x * -2.0), &y.tr()).clamp_min_(0.0);
                f(first_query, first_point, &mut squared);
                first_point += y.size()[0];
            }
        }
    });
}

/// Sets the distance of every sample to itself to infinity in a block of one set with itself.
pub fn exclude_self(squared: &mut Tensor, first_query: i64, first_point: i64) {
    let (rows, columns) = squared.size2().expect("a block");
    let offset = first_query - first_point;
    if offset > -rows && offset < columns {
        let _ = squared.diagonal(offset, 0, 1).fill_(f64::INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn blocks_find_the_neighbours_that_the_whole_matrix_has() {
        tch::manual_seed(5);
        let options = (Kind::Float, Device::Cpu);
        let (a, b) = (Tensor::randn([1500, 6], options), Tensor::randn([5000, 6], options) + 0.3);
        let found = nearest(&a, &b, 4, Between::TwoSets);
        let exact = |a: &Tensor, b: &Tensor| {
            (a.to_kind(Kind::Double).unsqueeze(1) - b.to_kind(Kind::Double).unsqueeze(0))
                .square()
                .sum_dim_intlist(2, false, Kind::Double)
                .sqrt()
        };
        let rows = Tensor::from_slice(&[0_i64, 77, 1023, 1024, 1499]);
        let (values, at) = exact(&a.index_select(0, &rows), &b).topk(4, 1, false, true);
        assert_eq!(found.indices.index_select(0, &rows), at);
        let error = (found.distances.index_select(0, &rows) - values).abs().max();
        assert!(error.double_value(&[]) < 1e-7);

        let own = nearest(&b, &b, 1, Between::OneSet);
        let rows = Tensor::from_slice(&[0_i64, 4095, 4096, 4999]);
        let mut all = exact(&b.index_select(0, &rows), &b);
        for (row, own) in [0_i64, 4095, 4096, 4999].into_iter().enumerate() {
            let _ = all.get(row as i64).get(own).fill_(f64::INFINITY);
        }
        all = all.argmin(1, false);
        assert_eq!(own.indices.index_select(0, &rows).squeeze_dim(1), all);
    }
}
