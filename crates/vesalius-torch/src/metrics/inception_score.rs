//! Inception Score (Salimans et al. 2016, arXiv:1606.03498): exp of the mean KL divergence between the class
//! probabilities of an image and their mean over a split, averaged over splits.

use super::numerics::draw::{Draw, SEED};
use anyhow::{Result, bail};
use tch::{Kind, Tensor};

/// Splits that are averaged.
pub const SPLITS: i64 = 10;

/// Mean and spread over the splits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InceptionScore {
    /// Mean.
    pub mean: f64,
    /// Standard deviation over the splits, divided by their number.
    pub deviation: f64,
}

/// Score of logits `[N, K]` (of FID's network: without the bias), shuffled as torch-fidelity shuffles them.
///
/// # Errors
/// When there are fewer samples than splits, a single class, or values that are not finite.
pub fn inception_score(logits: &Tensor) -> Result<InceptionScore> {
    let size = logits.size();
    let &[n, classes] = size.as_slice() else {
        bail!("logits of shape {size:?}, expected [samples, classes]");
    };
    if n < SPLITS || classes < 2 {
        bail!(
            "Inception Score: {n} samples of {classes} classes, expected at least {SPLITS} samples and 2 classes"
        );
    }
    if logits.isfinite().all().int64_value(&[]) == 0 {
        bail!("Inception Score: logits hold NaN or infinity, expected finite numbers");
    }
    let order = Tensor::from_slice(&Draw::new(SEED).permutation(n as usize));
    let log_p = logits.index_select(0, &order).to_kind(Kind::Double).log_softmax(1, Kind::Double);
    let scores: Vec<f64> = (0..SPLITS)
        .map(|i| {
            let (start, end) = (i * n / SPLITS, (i + 1) * n / SPLITS);
            let log_p = log_p.narrow(0, start, end - start);
            let p = log_p.exp();
            let log_mean = p.mean_dim(&[0_i64][..], true, Kind::Double).log();
            // p log p is 0 at p = 0, which logits far apart have: not 0 times infinity.
            let terms = (&p * (&log_p - log_mean)).masked_fill(&p.eq(0.0), 0.0);
            let divergence = terms.sum_dim_intlist(1, false, Kind::Double);
            divergence.mean(Kind::Double).exp().double_value(&[])
        })
        .collect();
    let mean = scores.iter().sum::<f64>() / SPLITS as f64;
    let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    Ok(InceptionScore { mean, deviation: (squares / SPLITS as f64).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn equal_images_score_one_and_sure_different_classes_their_number() {
        let same = Tensor::ones([40, 5], (Kind::Float, Device::Cpu));
        assert!((inception_score(&same).unwrap().mean - 1.0).abs() < 1e-12);
        let classes = Tensor::arange(4000, (Kind::Int64, Device::Cpu)).remainder(5);
        let sure = classes.one_hot(5).to_kind(Kind::Float) * 100.0;
        assert!((inception_score(&sure).unwrap().mean - 5.0).abs() < 0.1);
    }

    #[test]
    fn logits_so_far_apart_that_probabilities_are_zero_have_a_score() {
        let classes = Tensor::arange(400, (Kind::Int64, Device::Cpu)).remainder(4);
        // A fifth class that no image has: its mean probability is 0 too.
        let sure = classes.one_hot(5).to_kind(Kind::Double);
        for scale in [800.0, 1e5, 1e37, 1e300] {
            let found = inception_score(&(&sure * scale)).unwrap();
            assert!((found.mean - 4.0).abs() < 0.2, "{scale}: {found:?}");
            assert!(inception_score(&(&sure * -scale)).unwrap().mean.is_finite());
        }
    }

    #[test]
    fn too_few_samples_and_nan_are_refused() {
        let few = Tensor::ones([9, 5], (Kind::Float, Device::Cpu));
        assert!(inception_score(&few).unwrap_err().to_string().contains("at least 10"));
        let nan = Tensor::ones([20, 5], (Kind::Float, Device::Cpu)) * f64::NAN;
        assert!(inception_score(&nan).unwrap_err().to_string().contains("NaN"));
    }
}
