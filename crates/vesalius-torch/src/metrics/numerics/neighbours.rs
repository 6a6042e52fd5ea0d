//! Distances between feature sets, in blocks: what nearest-neighbour metrics read.
//!
//! Euclidean, in f64 through ‖x‖² + ‖y‖² − 2x·y after the common mean is taken off; who is nearest, and how near, is
//! then
//! decided by exact distances ([`super::exact`]), so that a copy of a sample is as far from everything as the sample.

use super::exact::{Rows, slack, squared_distance};
use crate::metrics::features::blocks;
use rayon::prelude::*;
use tch::{Kind, Tensor};

/// Rows of a block on the query side; with [`blocks`]' 1,024 on the other a block of distances has 8 MiB.
const QUERIES: i64 = 1024;
/// Points that are looked at beyond the k that products find nearest.
const SPARE: i64 = 4;
/// Rows of which candidates are copied out at once.
const GATHERED: i64 = 2048;

/// The `k` nearest points of each query.
#[derive(Debug)]
pub struct Nearest {
    /// Squared, ascending, exact: `[Q, k]`, f64.
    pub squared: Tensor,
    /// Their rows, `[Q, k]`, i64; of points equally far the first.
    pub indices: Tensor,
}

impl Nearest {
    /// Distances, ascending, `[Q, k]`, f64.
    pub fn distances(&self) -> Tensor {
        self.squared.sqrt()
    }

    /// Distance to the k-th (the last) neighbour `[Q]`.
    pub fn radius(&self) -> Tensor {
        self.squared_radius().sqrt()
    }

    /// Its square `[Q]`: what squared distances are compared with.
    pub fn squared_radius(&self) -> Tensor {
        self.squared.select(1, -1)
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
    let (mut squared, mut indices) = (Vec::new(), Vec::new());
    let mut best: Option<(Tensor, Tensor)> = None;
    let last = points.size()[0];
    for_each_block(queries, points, &mut |block| {
        // No true distance is below these; those of a row are all off by its own slack.
        block.squared -= &block.slack[1];
        if between == Between::OneSet {
            exclude_self(&mut block.squared, block.first_query, block.first_point);
        }
        let (lower, at) = nearer(best.take(), &block.squared, block.first_point, k + SPARE);
        if block.first_point + block.squared.size()[1] < last {
            best = Some((lower, at));
            return;
        }
        let found =
            Found { lower: lower - block.slack[0].unsqueeze(1), at, first: block.first_query };
        let (values, rows) = decide(queries, points, &found, k as usize, between);
        squared.push(values);
        indices.push(rows);
    });
    Nearest { squared: Tensor::cat(&squared, 0), indices: Tensor::cat(&indices, 0) }
}

/// Who may be among the nearest of some queries.
struct Found {
    /// Lower bounds of their squared distances, ascending `[q, k + SPARE]`, or all there are.
    lower: Tensor,
    /// Rows of the points.
    at: Tensor,
    /// The first of the queries.
    first: i64,
}

/// The k nearest of what was found. All others are at least as far as the last one's lower bound; where the k-th is
/// farther
/// than that, somebody may be missing, and all points are asked.
fn decide(
    queries: &Tensor,
    points: &Tensor,
    found: &Found,
    k: usize,
    between: Between,
) -> (Tensor, Tensor) {
    let (count, taken) = found.at.size2().expect("a matrix");
    let are_all = taken == points.size()[0];
    let mut decided: Vec<Vec<(f64, i64)>> = Vec::with_capacity(count as usize);
    let step = (GATHERED / taken).max(1);
    for start in (0..count).step_by(step as usize) {
        let rows = step.min(count - start);
        let at = found.at.narrow(0, start, rows).reshape(-1);
        let gathered = Rows::new(&points.index_select(0, &at));
        let at = Vec::<i64>::try_from(at).expect("indices");
        let lower = Vec::<f64>::try_from(found.lower.narrow(0, start, rows).reshape(-1));
        let lower = lower.expect("a dense tensor");
        let own = Rows::new(&queries.narrow(0, found.first + start, rows));
        let first = found.first + start;
        let of_query = |i: usize| {
            let query = first + i as i64;
            let others = (i * taken as usize..(i + 1) * taken as usize)
                .filter(|&j| between == Between::TwoSets || at[j] != query);
            let exact = others.map(|j| (squared_distance(own.row(i), gathered.row(j)), at[j]));
            let kept = least(exact.collect(), k);
            let farthest_looked_at = lower[(i + 1) * taken as usize - 1];
            let sure = are_all || kept.last().is_some_and(|last| last.0 <= farthest_looked_at);
            (sure && kept.len() == k).then_some(kept)
        };
        let sure: Vec<Option<Vec<(f64, i64)>>> =
            (0..rows as usize).into_par_iter().map(of_query).collect();
        decided.extend(sure.into_iter().enumerate().map(|(i, kept)| {
            let query = first + i as i64;
            kept.unwrap_or_else(|| among_all(own.row(i), points, k, between, query))
        }));
    }
    let of = |values: &Tensor| values.view([count, k as i64]).to_device(points.device());
    let flat: Vec<(f64, i64)> = decided.into_iter().flatten().collect();
    let squared: Vec<f64> = flat.iter().map(|(squared, _)| *squared).collect();
    let rows: Vec<i64> = flat.iter().map(|(_, row)| *row).collect();
    (of(&Tensor::from_slice(&squared)), of(&Tensor::from_slice(&rows)))
}

/// The k nearest of all points, one by one: where many are as far as the k-th.
fn among_all(
    query: &[f64],
    points: &Tensor,
    k: usize,
    between: Between,
    own: i64,
) -> Vec<(f64, i64)> {
    let mut kept = Vec::new();
    let mut first = 0;
    for block in blocks(points) {
        let count = block.size()[0];
        let rows = Rows::new(&block);
        let exact = (0..count)
            .into_par_iter()
            .map(|i| (squared_distance(query, rows.row(i as usize)), first + i))
            .filter(|&(_, row)| between == Between::TwoSets || row != own);
        kept.par_extend(exact);
        kept = least(kept, k);
        first += count;
    }
    kept
}

/// The k least, ascending; of equal ones the first rows.
fn least(mut found: Vec<(f64, i64)>, k: usize) -> Vec<(f64, i64)> {
    found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    found.truncate(k);
    found
}

/// The `k` nearest of those found so far and of a block `[q, p]` whose columns are the points from `first` on:
/// distances,
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

/// Distances of some queries to some points.
#[derive(Debug)]
pub struct Block {
    /// Row of the first query.
    pub first_query: i64,
    /// Row of the first point.
    pub first_point: i64,
    /// Squared distances `[q, p]`, f64, off by at most the slack of the query and that of the point; below 0 by no
    /// more.
    pub squared: Tensor,
    /// Slack of each query `[q]` and of each point `[p]`.
    pub slack: [Tensor; 2],
}

/// Calls `f` for every block; the points run fastest.
pub fn for_each_block(queries: &Tensor, points: &Tensor, f: &mut dyn FnMut(&mut Block)) {
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
            let x_slack = slack(&x);
            let mut first_point = 0;
            for block in blocks(points) {
                let y = block - &mean;
                let y_norm = y.square().sum_dim_intlist(1, false, Kind::Double);
                let squared = (y_norm + &x_norm).addmm_(&(&x * -2.0), &y.tr());
                let slack = [x_slack.shallow_clone(), slack(&y)];
                let mut block = Block { first_query, first_point, squared, slack };
                f(&mut block);
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
        let error = (found.distances().index_select(0, &rows) - values).abs().max();
        assert!(error.double_value(&[]) < 1e-12);

        let own = nearest(&b, &b, 1, Between::OneSet);
        let rows = Tensor::from_slice(&[0_i64, 4095, 4096, 4999]);
        let mut all = exact(&b.index_select(0, &rows), &b);
        for (row, own) in [0_i64, 4095, 4096, 4999].into_iter().enumerate() {
            let _ = all.get(row as i64).get(own).fill_(f64::INFINITY);
        }
        all = all.argmin(1, false);
        assert_eq!(own.indices.index_select(0, &rows).squeeze_dim(1), all);
    }

    #[test]
    fn a_copy_is_at_no_distance_however_far_from_the_mean() {
        tch::manual_seed(6);
        let x = Tensor::randn([300, 7], (Kind::Float, Device::Cpu)) + 1e4;
        let found = nearest(&x.narrow(0, 90, 40), &x, 1, Between::TwoSets);
        assert_eq!(found.squared.max().double_value(&[]), 0.0);
        assert_eq!(
            found.indices.squeeze_dim(1),
            Tensor::arange_start(90, 130, (Kind::Int64, Device::Cpu))
        );
    }

    #[test]
    fn of_many_that_are_equally_near_the_first_are_taken() {
        // 2,100 points on 12 places, so that hundreds share the k-th distance, over the end of a block.
        let at = Tensor::arange(2100, (Kind::Int64, Device::Cpu)).remainder(12);
        let x = at.one_hot(12).to_kind(Kind::Double) * 0.3;
        let found = nearest(&x, &x, 3, Between::OneSet);
        assert_eq!(found.squared.max().double_value(&[]), 0.0);
        let first = Vec::<i64>::try_from(found.indices.get(13)).unwrap();
        assert_eq!(first, [1, 25, 37]);
        let far = nearest(&x.narrow(0, 0, 1), &x.narrow(0, 1, 11), 4, Between::TwoSets);
        assert_eq!(Vec::<i64>::try_from(far.indices.get(0)).unwrap(), [0, 1, 2, 3]);
    }
}
