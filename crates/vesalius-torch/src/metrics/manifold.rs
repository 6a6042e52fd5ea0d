//! Precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991), density and coverage (Naeem et al. 2020,
//! arXiv:2002.09797), as clovaai/generative-evaluation-prdc defines them: the radius of a sample is the distance to its
//! k-th neighbour in its own set, and inside is strictly less. Squared distances are compared with squared radii, and
//! exactly:
//! where samples stand in both sets, many lie on a ball, and a memorising generator's density hangs on them.

use super::features::FeatureSet;
use super::numerics::exact::settle;
use super::numerics::neighbours::{Between, for_each_block, nearest};
use anyhow::{Result, bail};
use tch::{Kind, Tensor};

/// Neighbours that make the radius.
pub const NEIGHBOURS: i64 = 5;

/// Per sample, so that intervals can be drawn over samples; the means are the scores.
#[derive(Debug)]
pub struct Manifold {
    /// Synthetic samples inside a real sample's ball, 0 or 1: mean is precision. `[M]`, f64.
    pub precise: Tensor,
    /// Real samples inside a synthetic sample's ball: mean is recall. `[N]`, f64.
    pub recalled: Tensor,
    /// Real balls that a synthetic sample is in, over k: mean is density. `[M]`, f64.
    pub density: Tensor,
    /// Real samples with a synthetic one in their ball: mean is coverage. `[N]`, f64.
    pub covered: Tensor,
}

impl Manifold {
    /// Names and values per sample.
    pub fn scores(&self) -> [(&'static str, &Tensor); 4] {
        [
            ("precision", &self.precise),
            ("recall", &self.recalled),
            ("density", &self.density),
            ("coverage", &self.covered),
        ]
    }
}

/// Measures both sets with radii of the `k`-th neighbour.
///
/// # Errors
/// When the widths differ, or a set has no k neighbours.
pub fn manifold(real: &FeatureSet, synthetic: &FeatureSet, k: i64) -> Result<Manifold> {
    real.same_width(synthetic)?;
    for set in [real, synthetic] {
        if k < 1 || k >= set.len() {
            bail!(
                "precision and recall: k = {k} neighbours among {} {} samples, expected 1 to {}",
                set.len(),
                set.side(),
                set.len() - 1
            );
        }
    }
    let radius = |x: &Tensor| nearest(x, x, k, Between::OneSet).squared_radius();
    let (n, m) = (real.len(), synthetic.len());
    let (real, synthetic) = (real.matrix(), synthetic.matrix());
    let (real_radius, synthetic_radius) = (radius(&real), radius(&synthetic));
    let options = (Kind::Double, real.device());
    let inside = Tensor::zeros([m], options);
    let recalled = Tensor::zeros([n], options);
    let covered = Tensor::zeros([n], options);
    for_each_block(&real, &synthetic, &mut |block| {
        let (row, column) = (block.first_query, block.first_point);
        let (rows, columns) = block.squared.size2().expect("a block");
        let ball = real_radius.narrow(0, row, rows).unsqueeze(1);
        let other_ball = synthetic_radius.narrow(0, column, columns);
        // Where products cannot tell which side of a ball a sample is on, exact distances do.
        let slack = block.slack[0].unsqueeze(1) + &block.slack[1];
        let near = |ball: &Tensor| (&block.squared - ball).abs_().le_tensor(&slack);
        let open = near(&ball).logical_or_(&near(&other_ball));
        let (x, y) = (real.narrow(0, row, rows), synthetic.narrow(0, column, columns));
        settle(&mut block.squared, &open, &x, &y);
        let squared = &block.squared;
        let in_real = squared.lt_tensor(&ball).to_kind(Kind::Double);
        let mut inside = inside.narrow(0, column, columns);
        let _ = inside.g_add_(&in_real.sum_dim_intlist(&[0_i64][..], false, Kind::Double));
        let mark = |of: &Tensor, hit: &Tensor| {
            let of = of.narrow(0, row, rows);
            of.shallow_clone().copy_(&of.maximum(hit));
        };
        mark(&covered, &in_real.amax(1, false));
        let in_synthetic = squared.lt_tensor(&other_ball);
        mark(&recalled, &in_synthetic.to_kind(Kind::Double).amax(1, false));
    });
    Ok(Manifold {
        precise: inside.gt(0.0).to_kind(Kind::Double),
        recalled,
        density: inside / k as f64,
        covered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn set(side: &'static str, x: &Tensor) -> FeatureSet {
        FeatureSet::new(side, x).unwrap()
    }

    fn means(manifold: &Manifold) -> [f64; 4] {
        manifold.scores().map(|(_, values)| values.mean(Kind::Double).double_value(&[]))
    }

    #[test]
    fn a_set_covers_a_copy_of_itself_and_nothing_far_away() {
        tch::manual_seed(8);
        let x = Tensor::randn([300, 4], (Kind::Float, Device::Cpu));
        let near = manifold(&set("real", &x), &set("synthetic", &x), 5).unwrap();
        let [precision, recall, density, coverage] = means(&near);
        // Of a sample's k neighbours the k-th lies on the ball, and the sample's copy is in it.
        assert_eq!([precision, recall, density, coverage], [1.0; 4]);
        let far = manifold(&set("real", &x), &set("synthetic", &(&x + 100.0)), 5).unwrap();
        assert_eq!(means(&far), [0.0; 4]);
    }

    #[test]
    fn more_neighbours_than_there_are_is_refused() {
        let x = Tensor::randn([6, 4], (Kind::Float, Device::Cpu));
        let error = manifold(&set("real", &x), &set("synthetic", &x), 6).unwrap_err().to_string();
        assert!(
            error.contains("k = 6 neighbours among 6 real samples, expected 1 to 5"),
            "{error}"
        );
    }
}
