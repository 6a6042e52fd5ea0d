//! What a Fréchet distance would be with more samples, and what it is worth.

use super::draw::{Draw, SEED};
use super::features::FeatureSet;
use super::frechet::{Divisor, Moments, between};
use anyhow::{Result, bail};

/// Sizes of synthetic subsets that FD∞ looks at.
const SIZES: usize = 15;

/// FD∞ (Chong and Forsyth 2020, arXiv:1911.07023): distances of 15 synthetic subsets, from min(5000, n / 10) to all n
/// samples, to the whole real set; a least-squares line on 1 / size, read at 0. Sizes are those of dgm-eval
/// (`compute_FD_infinity`), subsets NumPy's legacy draws.
///
/// # Errors
/// When the widths differ, or there are fewer than 30 synthetic samples.
pub fn fd_infinity(real: &FeatureSet, synthetic: &FeatureSet) -> Result<f64> {
    const LEAST: i64 = 30;
    real.same_width(synthetic)?;
    let n = synthetic.len();
    if n < LEAST {
        bail!("FD∞: {n} synthetic samples, expected at least {LEAST}");
    }
    let real = Moments::new(real, Divisor::Unbiased);
    let mut draw = Draw::new(SEED);
    let smallest = (n / 10).clamp(2, 5000) as f64;
    let mut points = Vec::with_capacity(SIZES);
    for i in 0..SIZES {
        let size = smallest + (n as f64 - smallest) * i as f64 / (SIZES - 1) as f64;
        let size = size as usize;
        let subset = synthetic.select(&draw.choice(n as usize, size))?;
        let distance = between(&real, &Moments::new(&subset, Divisor::Unbiased));
        points.push((1.0 / size as f64, distance));
    }
    Ok(intercept(&points))
}

/// Distance relative to that of two random halves of the real set: 1 is as near as real data is to itself.
///
/// # Errors
/// When the widths differ, or there are fewer than 4 real samples.
pub fn relative_distance(real: &FeatureSet, synthetic: &FeatureSet) -> Result<f64> {
    real.same_width(synthetic)?;
    if real.len() < 4 {
        bail!("relative distance: {} real samples, expected at least 4", real.len());
    }
    let order = Draw::new(SEED).permutation(real.len() as usize);
    let (left, right) = order.split_at(order.len() / 2);
    let (left, right) = (real.select(left)?, real.select(right)?);
    let moments = |set| Moments::new(set, Divisor::Unbiased);
    let own = between(&moments(&left), &moments(&right));
    if own <= 0.0 {
        bail!(
            "relative distance: the halves of the real set are the same, expected samples that differ"
        );
    }
    Ok(between(&moments(real), &moments(synthetic)) / own)
}

/// Value at 0 of the least-squares line through (x, y).
fn intercept(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean_x = points.iter().map(|p| p.0).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let across: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let along: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    mean_y - across / along * mean_x
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    fn set(n: i64, shift: f64) -> FeatureSet {
        let x = Tensor::randn([n, 6], (Kind::Float, Device::Cpu)) + shift;
        FeatureSet::new("real", &x).unwrap()
    }

    #[test]
    fn extrapolated_distances_lose_the_bias_of_few_samples() {
        tch::manual_seed(9);
        let (real, same) = (set(4000, 0.0), set(600, 0.0));
        let plain = super::super::frechet::of_sets(&real, &same, Divisor::Unbiased).unwrap();
        let at_infinity = fd_infinity(&real, &same).unwrap();
        assert!(at_infinity.abs() < plain, "{at_infinity} {plain}");
        assert!(fd_infinity(&real, &set(20, 0.0)).is_err());
    }

    #[test]
    fn relative_distances_are_near_one_within_a_distribution() {
        tch::manual_seed(9);
        let (real, same, far) = (set(2000, 0.0), set(1000, 0.0), set(1000, 1.0));
        assert!(relative_distance(&real, &same).unwrap() < 3.0);
        assert!(relative_distance(&real, &far).unwrap() > 50.0);
    }
}
