//! Fréchet distance between two feature sets (Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500):
//! ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½, in f64 throughout.
//!
//! tr (Σ₁Σ₂)^½ without a matrix square root. With fewer samples than dimensions on a side: let A and B hold the
//! centred samples divided by √(n − 1), so that Σ₁ = AᵀA and Σ₂ = BᵀB. The non-zero eigenvalues of Σ₁Σ₂ are those of
//! (ABᵀ)(ABᵀ)ᵀ, a matrix as large as the smaller sample. Otherwise: with Σ₁ = LLᵀ they are those of LᵀΣ₂L, which is
//! symmetric. Both are exact.

use super::features::FeatureSet;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use tch::{Kind, Tensor};

/// Divisor of the covariance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divisor {
    /// n − 1: pytorch-fid, clean-fid, torch-fidelity, and ours.
    Unbiased,
    /// n: NVIDIA's StyleGAN code.
    Biased,
}

/// What a distance is called: FID only in FID's own network, and only with the covariances of the packages whose
/// numbers
/// go by that name.
pub const fn name(is_fids: bool, divisor: Divisor) -> &'static str {
    if is_fids && matches!(divisor, Divisor::Unbiased) { "fid" } else { "frechet_distance" }
}

/// Distance of `real` `[N₁, D]` and `synthetic` `[N₂, D]`, any float kind.
///
/// # Errors
/// When the widths differ, a side has fewer than 2 samples, or a value is not finite.
pub fn frechet_distance(real: &Tensor, synthetic: &Tensor, divisor: Divisor) -> Result<f64> {
    let (real, synthetic) =
        (FeatureSet::new("real", real)?, FeatureSet::new("synthetic", synthetic)?);
    of_sets(&real, &synthetic, divisor)
}

/// The same of checked sets.
///
/// # Errors
/// When the widths differ.
pub fn of_sets(real: &FeatureSet, synthetic: &FeatureSet, divisor: Divisor) -> Result<f64> {
    real.same_width(synthetic)?;
    Ok(between(&Moments::new(real, divisor), &Moments::new(synthetic, divisor)))
}

/// A set with its mean and, once it was needed, its covariance: what is worth keeping when one side is compared with
/// many.
#[derive(Debug)]
pub struct Moments<'a> {
    set: &'a FeatureSet,
    /// `[1, D]`, f64.
    mean: Tensor,
    /// n − 1 or n.
    divisor: f64,
    /// Σ `[D, D]`, f64.
    covariance: OnceCell<Tensor>,
}

impl<'a> Moments<'a> {
    /// Reads the set in blocks.
    pub fn new(set: &'a FeatureSet, divisor: Divisor) -> Self {
        let n = set.len() as f64;
        let divisor = match divisor {
            Divisor::Unbiased => n - 1.0,
            Divisor::Biased => n,
        };
        Self { set, mean: set.mean(), divisor, covariance: OnceCell::new() }
    }

    /// Blocks of x − mean.
    fn centred(&self) -> impl Iterator<Item = Tensor> + '_ {
        self.set.blocks().map(|block| block - &self.mean)
    }

    /// Whether Σ is smaller than the samples it is made of.
    fn has_many(&self) -> bool {
        self.set.len() >= self.set.width()
    }

    fn covariance(&self) -> &Tensor {
        self.covariance.get_or_init(|| {
            let sum = self.centred().map(|block| gram(&block)).reduce(|a, b| a + b);
            sum.expect("at least one block") / self.divisor
        })
    }

    /// tr Σ.
    fn trace(&self) -> f64 {
        if let Some(covariance) = self.covariance.get() {
            return covariance.trace().double_value(&[]);
        }
        let squares = |block: Tensor| block.square().sum(Kind::Double).double_value(&[]);
        self.centred().map(squares).sum::<f64>() / self.divisor
    }
}

/// Distance of two sets of the same width and divisor.
pub fn between(a: &Moments, b: &Moments) -> f64 {
    tch::no_grad(|| {
        let means = (&a.mean - &b.mean).square().sum(Kind::Double).double_value(&[]);
        // Ahead of the traces, which are there for nothing where covariances are.
        let root = trace_of_root(a, b);
        let distance = means + a.trace() + b.trace() - 2.0 * root;
        // Rounding below 0 counts as 0; `max` would make 0 of NaN too.
        if distance < 0.0 { 0.0 } else { distance }
    })
}

/// tr (AᵀA BᵀB)^½.
fn trace_of_root(a: &Moments, b: &Moments) -> f64 {
    let (few, many) = if a.set.len() <= b.set.len() { (a, b) } else { (b, a) };
    if !few.has_many() {
        let rows = Tensor::cat(&few.centred().collect::<Vec<_>>(), 0);
        let products = many.centred().map(|block| {
            let cross = rows.matmul(&block.tr()); // [n, block]
            cross.matmul(&cross.tr())
        });
        let sum = products.reduce(|a, b| a + b).expect("at least one block");
        return sum_of_roots(&(sum / (few.divisor * many.divisor)));
    }
    let (sigma, other) = (few.covariance(), many.covariance());
    let (l, info) = sigma.linalg_cholesky_ex(false, false);
    if info.int64_value(&[]) == 0 {
        return sum_of_roots(&congruent(&l, other));
    }
    // Dimensions that never vary make Σ singular: its symmetric root serves as well.
    let (values, vectors) = sigma.linalg_eigh("L");
    let root = vectors * values.clamp_min(0.0).sqrt();
    sum_of_roots(&root.tr().matmul(other).matmul(&root))
}

/// Parts of the symmetric products below: LibTorch has none of its own, so blocks on one side of the diagonal are made
/// only.
const PARTS: i64 = 8;

/// XᵀX `[D, D]`, in 9/16 of the work of a product.
fn gram(x: &Tensor) -> Tensor {
    let parts = x.chunk(PARTS, 1);
    let whole = Tensor::empty([x.size()[1], x.size()[1]], (x.kind(), x.device()));
    let mut start = 0;
    for (i, part) in parts.iter().enumerate() {
        let width = part.size()[1];
        let left = x.narrow(1, 0, start + width);
        let rows = part.tr().matmul(&left); // below the diagonal, and the block on it
        whole.narrow(0, start, width).narrow(1, 0, start + width).copy_(&rows);
        if i > 0 {
            let above = rows.narrow(1, 0, start).tr();
            whole.narrow(1, start, width).narrow(0, 0, start).copy_(&above);
        }
        start += width;
    }
    whole
}

/// The lower triangle of LᵀML of a lower triangular L and a symmetric M `[D, D]`; above it, zeros.
fn congruent(l: &Tensor, m: &Tensor) -> Tensor {
    let d = l.size()[0];
    let whole = l.zeros_like();
    let step = (d + PARTS - 1) / PARTS;
    for start in (0..d).step_by(step as usize) {
        let (width, rest) = (step.min(d - start), d - start);
        // Rows of this block of columns of L begin at the diagonal.
        let column = l.narrow(1, start, width).narrow(0, start, rest);
        let product = m.narrow(1, start, rest).narrow(0, start, rest).matmul(&column);
        for below in (start..d).step_by(step as usize) {
            let height = step.min(d - below);
            let left = l.narrow(1, below, height).narrow(0, below, d - below);
            let right = product.narrow(0, below - start, d - below);
            let block = left.tr().matmul(&right);
            whole.narrow(0, below, height).narrow(1, start, width).copy_(&block);
        }
    }
    whole
}

/// Σ √λ over the eigenvalues of a symmetric positive semi-definite matrix; rounding below 0 counts as 0.
fn sum_of_roots(matrix: &Tensor) -> f64 {
    matrix.linalg_eigvalsh("L").clamp_min(0.0).sqrt().sum(Kind::Double).double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;
    use crate::sample::latents;

    /// A function of its arguments: LibTorch's own generator is shared with the tests beside this one.
    fn draw(n: i64, d: i64, scale: f64, shift: f64) -> Tensor {
        latents(n as u64, Purpose::Latent, 0, n as usize, d).to_kind(Kind::Double) * scale + shift
    }

    #[test]
    fn of_a_set_and_itself_it_is_zero_and_of_a_shifted_copy_the_shift_squared() {
        // Fewer samples than dimensions: roots of what rounding leaves of zero.
        for (n, limit) in [(6, 1e-5), (40, 1e-9)] {
            let x = draw(n, 10, 2.0, 0.0);
            let same = frechet_distance(&x, &x, Divisor::Unbiased).unwrap();
            assert!(same < limit, "{same}");
            let moved = frechet_distance(&x, &(&x + 0.5), Divisor::Unbiased).unwrap();
            assert!((moved - 10.0 * 0.25).abs() < limit, "{moved}");
        }
    }

    #[test]
    fn both_ways_to_the_trace_agree() {
        let (a, b) = (draw(12, 12, 1.0, 0.0), draw(30, 12, 2.0, 1.0));
        let whole = frechet_distance(&a, &b, Divisor::Unbiased).unwrap();
        // Appended dimensions that never vary change nothing, but make n < D.
        let wide = |x: &Tensor| x.constant_pad_nd([0, 50]);
        let gram = frechet_distance(&wide(&a), &wide(&b), Divisor::Unbiased).unwrap();
        assert!((whole - gram).abs() < 1e-8 * whole, "{whole} {gram}");
        // And with n ≥ D and a singular covariance.
        // A width that no number of parts divides.
        let (a, b) = (draw(80, 13, 1.0, 0.0), draw(90, 13, 2.0, 1.0));
        let whole = frechet_distance(&a, &b, Divisor::Unbiased).unwrap();
        let singular = frechet_distance(&wide(&a), &wide(&b), Divisor::Unbiased).unwrap();
        assert!((whole - singular).abs() < 1e-8 * whole, "{whole} {singular}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let error = |a: &Tensor, b: &Tensor| {
            frechet_distance(a, b, Divisor::Unbiased).unwrap_err().to_string()
        };
        assert!(error(&draw(5, 3, 1.0, 0.0), &draw(5, 4, 1.0, 0.0)).contains("3 dimensions"));
        assert!(error(&draw(1, 3, 1.0, 0.0), &draw(5, 3, 1.0, 0.0)).contains("1 real samples"));
        assert!(error(&(draw(4, 3, 1.0, 0.0) / 0.0), &draw(5, 3, 1.0, 0.0)).contains("NaN"));
        let large = draw(5, 3, 1e100, 0.0);
        assert!(error(&large, &draw(5, 3, 1.0, 0.0)).contains("real features as large as"));
        assert!(error(&draw(5, 3, 1.0, 0.0), &large).contains("synthetic features as large as"));
    }

    #[test]
    fn in_whatever_unit_features_come_the_distance_is_its_square_times_as_large() {
        // Few samples, many samples, and a dimension that never varies.
        for (n, m, d) in [(6, 9, 12), (40, 30, 5), (25, 60, 24)] {
            let (a, b) = (draw(n, d, 1.0, 0.0), draw(m, d, 1.5, 0.3));
            let still = |x: Tensor| {
                let _ = x.select(1, 0).fill_(1.0);
                x
            };
            let (a, b) = if d == 24 { (still(a), still(b)) } else { (a, b) };
            let expected = frechet_distance(&a, &b, Divisor::Unbiased).unwrap();
            for unit in [1e37, 1e20, 1e-20, 1e-35] {
                let found =
                    frechet_distance(&(&a * unit), &(&b * unit), Divisor::Unbiased).unwrap();
                assert!(
                    (found / unit / unit - expected).abs() < 1e-6 * expected,
                    "{unit}: {found}"
                );
            }
        }
    }
}
