//! Squared distances within one set between bounds: f32 products, and how far rounding can have moved them.
//!
//! f32 products take half the time of f64 ones. What they leave open, who is nearer than whom by less than the bounds
//! are apart, exact distances decide; so neither neighbours nor ranks depend on f32.

use super::neighbours::{Between, exclude_self, nearer, nearest};
use crate::metrics::features::blocks;
use tch::{Kind, Tensor};

/// Rows and columns of a block (16 MiB).
const SIDE: i64 = 2048;
/// Far below a squared distance that matters where the largest entry is 1 to 2, far above what underflow takes.
const TINY: f64 = 1e-30;

/// A set with what bounds its distances.
///
/// |x|² + |y|² - 2x·y of scaled rows x and y is a sum of the norms and D products, whose partial sums are at most
/// 2(|x|² + |y|²) in whatever order it is taken; D times half an ulp of that is the most it can be off (Higham 2002,
/// sections 3.1 and 4.2; without terms of higher order in D: Jeannerod and Rump 2013). Rounding the entries, the norms
/// and
/// the last sums takes less than 16 times as much. Each norm has its share of the bound taken off, so that what comes
/// out
/// is not above the true distance. Of products in f32 throughout: TF32 or bfloat16 inside them would break it.
#[derive(Debug)]
pub struct Bounds {
    /// Without the mean, divided by `scale`: `[N, D]`, f32.
    scaled: Tensor,
    /// Squared norms less `slack` `[N]`, f32.
    below: Tensor,
    /// What each row adds to the error of its distances `[N]`, f32.
    slack: Tensor,
    /// A power of two; the largest entry becomes 1 to 2.
    scale: f64,
}

/// Some rows of a set.
#[derive(Debug)]
pub struct Rows {
    scaled: Tensor,
    below: Tensor,
}

impl Rows {
    /// Squared distances to `others` `[rows, others]`, f32, none larger than the true one over `scale`².
    fn lower(&self, others: &Self) -> Tensor {
        (self.below.unsqueeze(1) + &others.below)
            .addmm_(&(&self.scaled * -2.0), &others.scaled.tr())
    }
}

impl Bounds {
    /// Of `points` `[N, D]`.
    pub fn new(points: &Tensor) -> Self {
        tch::no_grad(|| {
            let (count, width) = points.size2().expect("a matrix");
            let mean = blocks(points)
                .map(|block| block.sum_dim_intlist(&[0_i64][..], true, Kind::Double))
                .reduce(|a, b| a + b)
                .expect("at least one block")
                / count as f64;
            let parts: Vec<Tensor> =
                blocks(points).map(|block| (block - &mean).to_kind(Kind::Float)).collect();
            let mut scaled = Tensor::cat(&parts, 0);
            drop(parts);
            let largest = scaled.max().double_value(&[]).max(-scaled.min().double_value(&[]));
            // Where numbers are too large or too small for f32, bounds are NaN or TINY apart: all is left to exact
            // ones.
            let exponent =
                if largest > 0.0 { largest.log2().floor().clamp(-120.0, 120.0) } else { 0.0 };
            let scale = 2.0_f64.powi(exponent as i32);
            scaled /= scale;
            let norms: Vec<Tensor> = blocks(&scaled)
                .map(|block| block.square().sum_dim_intlist(1, false, Kind::Double))
                .collect();
            let norms = Tensor::cat(&norms, 0);
            let slack = &norms * ((width + 16) as f64 * f64::from(f32::EPSILON)) + TINY;
            let below = (norms - &slack).to_kind(Kind::Float);
            Self { scaled, below, slack: slack.to_kind(Kind::Float), scale }
        })
    }

    /// First row and number of rows of each block.
    fn parts(&self) -> Vec<(i64, i64)> {
        let count = self.below.size()[0];
        (0..count).step_by(SIDE as usize).map(|first| (first, SIDE.min(count - first))).collect()
    }

    fn part(&self, (first, count): (i64, i64)) -> Rows {
        Rows {
            scaled: self.scaled.narrow(0, first, count),
            below: self.below.narrow(0, first, count),
        }
    }

    /// Rows `indices` (i64).
    pub fn select(&self, indices: &Tensor) -> Rows {
        Rows {
            scaled: self.scaled.index_select(0, indices),
            below: self.below.index_select(0, indices),
        }
    }

    /// Calls `f(first point, lower bounds [rows, points])` for every block of points. Bounds are of squared distances,
    /// in units of [`Bounds::unit`]; twice [`Bounds::slack`] of both points above lies the upper bound.
    pub fn for_each_block(&self, rows: &Rows, f: &mut dyn FnMut(usize, Tensor)) {
        tch::no_grad(|| {
            for part in self.parts() {
                f(part.0 as usize, rows.lower(&self.part(part)));
            }
        });
    }

    /// What each row adds to the error of its squared distances, in units of [`Bounds::unit`].
    pub fn slack(&self) -> Vec<f32> {
        Vec::try_from(&self.slack).expect("a vector of f32")
    }

    /// The unit of squared distances, a power of two.
    pub fn unit(&self) -> f64 {
        self.scale * self.scale
    }
}

/// What [`candidates`] found.
#[derive(Debug)]
pub struct Found {
    /// `[N, count]`, i64, in no order that matters; a point may be among its own.
    pub indices: Tensor,
    /// Points whose candidates had to be found by f64 products.
    pub again: usize,
}

/// For each of `points` `[N, D]` `count` of them, among which its `wanted` nearest others are: wanted < count < N - 1.
///
/// Those with the least lower bounds are taken. All others are at least as far as the last one's lower bound; so where
/// `wanted` of those taken have upper bounds below that, nobody is missing. Where not, f64 products decide.
pub fn candidates(points: &Tensor, wanted: i64, count: i64) -> Found {
    tch::no_grad(|| {
        let bounds = Bounds::new(points);
        let parts = bounds.parts();
        let mut best: Vec<Option<(Tensor, Tensor)>> = parts.iter().map(|_| None).collect();
        for (i, &own) in parts.iter().enumerate() {
            let rows = bounds.part(own);
            // What is a row's distance to a column is the column's to the row.
            for (j, &other) in parts.iter().enumerate().skip(i) {
                let mut lower = rows.lower(&bounds.part(other));
                exclude_self(&mut lower, own.0, other.0);
                best[i] = Some(nearer(best[i].take(), &lower, other.0, count));
                if j > i {
                    let turned = lower.tr().contiguous();
                    best[j] = Some(nearer(best[j].take(), &turned, own.0, count));
                }
            }
        }
        let (lower, indices): (Vec<Tensor>, Vec<Tensor>) = best.into_iter().flatten().unzip();
        let (lower, mut indices) = (Tensor::cat(&lower, 0), Tensor::cat(&indices, 0));
        let slack = bounds.slack.unsqueeze(1) + bounds.slack.take(&indices);
        let upper = &lower + slack * 2.0;
        let farthest_wanted = upper.topk(wanted, 1, false, true).0.select(1, -1);
        // NaN is not less, either.
        let sure = farthest_wanted.lt_tensor(&lower.select(1, -1));
        let open = sure.logical_not().nonzero().squeeze_dim(1);
        let again = open.size()[0] as usize;
        if again > 0 {
            let rows = points.index_select(0, &open);
            let found = nearest(&rows, points, count, Between::TwoSets).indices;
            let _ = indices.index_copy_(0, &open, &found);
        }
        Found { indices, again }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;
    use vesalius_statistics::umap::Points;
    use vesalius_statistics::umap::neighbours::{Candidates, Neighbours, squared_distance};

    const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn plain(x: &Tensor) -> Vec<f32> {
        Vec::try_from(x.contiguous().view(-1)).unwrap()
    }

    #[test]
    fn distances_lie_between_their_bounds() {
        tch::manual_seed(6);
        let points = Tensor::randn([2100, 40], OPTIONS);
        for points in [&points * 1.0, &points * 1e-6 + 30.0, &points * 1e30, &points * 1e-30] {
            let (bounds, values) = (Bounds::new(&points), plain(&points));
            let (slack, unit) = (bounds.slack(), bounds.unit());
            let rows = [0_i64, 77, 2099];
            bounds.for_each_block(
                &bounds.select(&Tensor::from_slice(&rows)),
                &mut |first, lower| {
                    let count = lower.size()[1] as usize;
                    for (row, lower) in rows.iter().zip(plain(&lower).chunks_exact(count)) {
                        let row = *row as usize;
                        for (j, &lower) in (first..).zip(lower) {
                            let [a, b] = [row, j].map(|i| &values[40 * i..40 * (i + 1)]);
                            let exact = squared_distance(a, b) / unit;
                            let lower = f64::from(lower);
                            let upper = lower + 2.0 * f64::from(slack[row] + slack[j]);
                            assert!(lower <= exact && exact <= upper, "{lower} {exact} {upper}");
                            // Close enough to be of use.
                            assert!(
                                row == j || upper - lower < 1e-3 * exact,
                                "{lower} {exact} {upper}"
                            );
                        }
                    }
                },
            );
        }
    }

    #[test]
    fn the_nearest_are_among_the_candidates_however_little_f32_sees_of_them() {
        const K: usize = 15;
        let exact = |points: &Tensor, candidates: &Candidates| {
            let width = points.size()[1] as usize;
            let values = plain(points);
            Neighbours::among(Points::new(&values, width).unwrap(), candidates, K).unwrap().indices
        };
        tch::manual_seed(8);
        let plane = Tensor::randn([2300, 9], OPTIONS);
        // Two crowds so far apart that f32 products cannot tell who is near whom in one.
        let crowds = &plane * 0.1;
        let _ = crowds.narrow(0, 0, 1100).g_add_scalar_(1000.0);
        for (points, open) in [(plane, 0), (crowds, 2300)] {
            let found = candidates(&points, K as i64 - 1, 30);
            assert_eq!(found.again, open);
            let indices: Vec<i64> = Vec::try_from(found.indices.reshape(-1)).unwrap();
            let indices = indices.into_iter().map(|i| i as u32).collect();
            let found = exact(&points, &Candidates::new(indices, 30).unwrap());
            assert!(found == exact(&points, &Candidates::everybody(2300)));
        }
    }
}
