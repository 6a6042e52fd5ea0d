//! Kernel distance, KID on Inception features (Binkowski et al. 2018, arXiv:1801.01401): the unbiased squared maximum
//! mean discrepancy under the kernel (x·y / D + 1)³, over subsets drawn without replacement.

use super::features::FeatureSet;
use super::numerics::draw::{Draw, SEED};
use anyhow::{Result, bail};
use tch::{Kind, Tensor};

/// Subsets that are averaged.
pub const SUBSETS: usize = 100;
/// Samples in a subset, where the sets are large enough.
pub const SUBSET_SIZE: usize = 1000;

/// Mean over the subsets, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelDistance {
    /// Mean of the subsets' estimates.
    pub mean: f64,
    /// Standard deviation over the subsets, as torch-fidelity prints it (divided by their number).
    pub deviation: f64,
    /// Samples in each subset.
    pub subset: usize,
}

impl KernelDistance {
    /// Standard error of the mean over the subsets.
    pub fn standard_error(&self) -> f64 {
        self.deviation / (SUBSETS as f64).sqrt()
    }
}

/// How many samples a subset has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subset {
    /// 1,000, or half of the smaller set if that is less: a subset as large as the set never varies, and its spread
    /// means nothing.
    Ours,
    /// torch-fidelity's 1,000 (or another fixed number).
    Fixed(usize),
}

/// Kernel distance of two sets, with the subsets that torch-fidelity draws.
///
/// # Errors
/// When the widths differ, or a set is smaller than a subset.
pub fn kernel_distance(
    real: &FeatureSet,
    synthetic: &FeatureSet,
    subset: Subset,
) -> Result<KernelDistance> {
    real.same_width(synthetic)?;
    let smaller = real.len().min(synthetic.len()) as usize;
    let subset = match subset {
        Subset::Ours => SUBSET_SIZE.min(smaller / 2),
        Subset::Fixed(size) => size,
    };
    if subset < 2 || smaller < subset {
        bail!(
            "kernel distance: subsets of {subset} samples out of {} real and {} synthetic, expected at least 4 samples \
             on either side and subsets no larger than the sets",
            real.len(),
            synthetic.len()
        );
    }
    let mut draw = Draw::new(SEED);
    let mut take = |set: &FeatureSet| {
        let chosen = Tensor::from_slice(&draw.choice(set.len() as usize, subset));
        set.matrix().index_select(0, &chosen).to_kind(Kind::Double)
    };
    let estimates: Vec<f64> = (0..SUBSETS)
        .map(|_| {
            // The generated set is torch-fidelity's input1 (its Inception Score is input1's), and input1 draws first.
            let fake = take(synthetic);
            squared_discrepancy(&take(real), &fake)
        })
        .collect();
    let mean = estimates.iter().sum::<f64>() / SUBSETS as f64;
    // Estimates are sixth powers of features, which f64 holds; their squares it may not.
    let farthest = estimates.iter().map(|e| (e - mean).abs()).fold(0.0, f64::max);
    let unit = if farthest > 0.0 { farthest } else { 1.0 };
    let squares: f64 = estimates.iter().map(|e| ((e - mean) / unit).powi(2)).sum();
    Ok(KernelDistance { mean, deviation: unit * (squares / SUBSETS as f64).sqrt(), subset })
}

/// Unbiased MMD² of two subsets of the same size m.
fn squared_discrepancy(a: &Tensor, b: &Tensor) -> f64 {
    let (m, d) = a.size2().expect("a matrix");
    let kernel = |x: &Tensor, y: &Tensor| {
        let base = x.matmul(&y.tr()) / d as f64 + 1.0;
        base.pow_tensor_scalar(3)
    };
    let sum = |t: &Tensor| t.sum(Kind::Double).double_value(&[]);
    let within = |x: &Tensor| {
        let k = kernel(x, x);
        sum(&k) - k.trace().double_value(&[])
    };
    let m = m as f64;
    (within(a) + within(b)) / (m * (m - 1.0)) - 2.0 * sum(&kernel(a, b)) / (m * m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn set(n: i64, shift: f64) -> FeatureSet {
        let x = Tensor::randn([n, 8], (Kind::Float, Device::Cpu)) + shift;
        FeatureSet::new("real", &x).unwrap()
    }

    #[test]
    fn two_draws_of_one_distribution_are_near_zero_and_a_shifted_one_is_not() {
        tch::manual_seed(3);
        let (a, b, c) = (set(400, 0.0), set(300, 0.0), set(300, 1.0));
        let near = kernel_distance(&a, &b, Subset::Ours).unwrap();
        let far = kernel_distance(&a, &c, Subset::Ours).unwrap();
        assert_eq!(near.subset, 150);
        assert!(near.mean.abs() < 0.05 && far.mean > 1.0, "{near:?} {far:?}");
        assert!(near.deviation > 0.0);
    }

    #[test]
    fn subsets_larger_than_a_set_are_refused() {
        let error = kernel_distance(&set(40, 0.0), &set(40, 0.0), Subset::Fixed(1000)).unwrap_err();
        assert!(error.to_string().contains("subsets of 1000 samples out of 40 real"), "{error}");
        assert!(kernel_distance(&set(3, 0.0), &set(40, 0.0), Subset::Ours).is_err());
    }
}
