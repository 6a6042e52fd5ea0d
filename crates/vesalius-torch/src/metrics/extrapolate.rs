//! What a Fréchet distance would be with more samples, and what it is worth.

use super::features::FeatureSet;
use super::frechet::{Divisor, Moments, between};
use super::numerics::draw::{Draw, SEED};
use anyhow::{Result, bail};

/// Sizes of synthetic subsets that FD∞ looks at.
const SIZES: usize = 15;
/// Synthetic samples from which on one draw of the subsets is enough: Chong and Forsyth's smallest subset is 5,000.
const ENOUGH: i64 = 10_000;
/// Draws that are averaged at most.
const MOST_DRAWS: i64 = 20;

/// FD∞, and how much it hangs on the draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Infinity {
    /// FD∞ of each draw of the subsets.
    pub draws: Vec<f64>,
    /// Samples in the smallest subset.
    pub smallest: usize,
}

impl Infinity {
    /// Mean over the draws.
    pub fn value(&self) -> f64 {
        self.draws.iter().sum::<f64>() / self.draws.len() as f64
    }

    /// Standard deviation of a single draw; none of one.
    pub fn deviation(&self) -> Option<f64> {
        let mean = self.value();
        let squares: f64 = self.draws.iter().map(|draw| (draw - mean).powi(2)).sum();
        (self.draws.len() > 1).then(|| (squares / (self.draws.len() - 1) as f64).sqrt())
    }

    /// Standard error of the mean over the draws; none of one.
    pub fn standard_error(&self) -> Option<f64> {
        Some(self.deviation()? / (self.draws.len() as f64).sqrt())
    }
}

/// Draws that are averaged of `n` synthetic samples: 20 up to 500, one from 10,000 on. A set's smallest subset is a
/// tenth of it;
/// the fewer samples that is, the more one draw differs from the next, and the less a draw costs.
pub fn draws(n: i64) -> usize {
    (ENOUGH / n.max(1)).clamp(1, MOST_DRAWS) as usize
}

/// FD∞ (Chong and Forsyth 2020, arXiv:1911.07023): distances of 15 synthetic subsets, from min(5000, n / 10) to all n
/// samples, to the whole real set; a least-squares line on 1 / size, read at 0. Sizes are those of dgm-eval
/// (`compute_FD_infinity`), the subsets of draw i those of NumPy's legacy generator with the seed 2020 + i. The
/// references take
/// one draw; ours is repeated `draws` times.
///
/// # Errors
/// When the widths differ, or there are fewer than 30 synthetic samples.
pub fn fd_infinity(real: &FeatureSet, synthetic: &FeatureSet, draws: usize) -> Result<Infinity> {
    const LEAST: i64 = 30;
    real.same_width(synthetic)?;
    let n = synthetic.len();
    if n < LEAST {
        bail!("FD∞: {n} synthetic samples, expected at least {LEAST}");
    }
    let real = Moments::new(real, Divisor::Unbiased);
    let to_real = |set: &FeatureSet| between(&real, &Moments::new(set, Divisor::Unbiased));
    // The last subset of every draw is the set.
    let of_all = to_real(synthetic);
    let smallest = (n / 10).clamp(2, 5000) as f64;
    let size = |i: usize| smallest + (n as f64 - smallest) * i as f64 / (SIZES - 1) as f64;
    let mut found = Vec::with_capacity(draws);
    for draw in 0..draws.max(1) {
        let mut subsets = Draw::new(SEED + draw as u32);
        let mut points = vec![(1.0 / n as f64, of_all)];
        for size in (0..SIZES - 1).map(|i| size(i) as usize) {
            let subset = synthetic.select(&subsets.choice(n as usize, size))?;
            points.push((1.0 / size as f64, to_real(&subset)));
        }
        found.push(intercept(&points));
    }
    Ok(Infinity { draws: found, smallest: smallest as usize })
}

/// Fewest samples that can be halved: two on either side.
const HALVED: i64 = 4;

/// Distance between two random halves of a set.
fn of_halves(real: &FeatureSet, divisor: Divisor) -> Result<f64> {
    let order = Draw::new(SEED).permutation(real.len() as usize);
    let (left, right) = order.split_at(order.len() / 2);
    let (left, right) = (real.select(left)?, real.select(right)?);
    Ok(between(&Moments::new(&left, divisor), &Moments::new(&right, divisor)))
}

/// What the distance of two random halves of the real set is, for people who see a bare distance; `None` where there are
/// too few samples. A half is smaller than the set, and distances grow as samples get fewer.
///
/// # Errors
/// When samples cannot be selected.
pub fn real_against_real(real: &FeatureSet, divisor: Divisor) -> Result<Option<String>> {
    if real.len() < HALVED {
        return Ok(None);
    }
    let own = of_halves(real, divisor)?;
    Ok(Some(format!("real against real, {} each: {own:.4}", real.len() / 2)))
}

/// Distance relative to that of two random halves of the real set: 1 is as near as real data is to itself.
///
/// # Errors
/// When the widths differ, or there are fewer than 4 real samples.
pub fn relative_distance(real: &FeatureSet, synthetic: &FeatureSet) -> Result<f64> {
    real.same_width(synthetic)?;
    if real.len() < HALVED {
        bail!("relative distance: {} real samples, expected at least {HALVED}", real.len());
    }
    let moments = |set| Moments::new(set, Divisor::Unbiased);
    let own = of_halves(real, Divisor::Unbiased)?;
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
        let at_infinity = fd_infinity(&real, &same, 1).unwrap().value();
        assert!(at_infinity.abs() < plain, "{at_infinity} {plain}");
        assert!(fd_infinity(&real, &set(20, 0.0), 1).is_err());
    }

    #[test]
    fn of_few_samples_the_mean_of_many_draws_hangs_less_on_the_draw_than_one_does() {
        assert_eq!([30, 500, 1000, 9_999, 50_000].map(draws), [20, 20, 10, 1, 1]);
        tch::manual_seed(10);
        let (real, synthetic) = (set(300, 0.0), set(120, 0.3));
        let found = fd_infinity(&real, &synthetic, 20).unwrap();
        assert_eq!(found, fd_infinity(&real, &synthetic, 20).unwrap());
        assert_eq!(found.draws[..3], fd_infinity(&real, &synthetic, 3).unwrap().draws);
        assert_eq!((found.draws.len(), found.smallest), (20, 12));
        let (deviation, error) = (found.deviation().unwrap(), found.standard_error().unwrap());
        // Two halves of the draws agree to within their errors.
        let half = |draws: &[f64]| draws.iter().sum::<f64>() / 10.0;
        let apart = (half(&found.draws[..10]) - half(&found.draws[10..])).abs();
        assert!(deviation > 0.01 && apart < 4.0 * 2.0 * error, "{deviation} {apart} {error}");
        assert_eq!(fd_infinity(&real, &synthetic, 1).unwrap().standard_error(), None);
    }

    #[test]
    fn relative_distances_are_near_one_within_a_distribution() {
        tch::manual_seed(9);
        let (real, same, far) = (set(2000, 0.0), set(1000, 0.0), set(1000, 1.0));
        assert!(relative_distance(&real, &same).unwrap() < 3.0);
        assert!(relative_distance(&real, &far).unwrap() > 50.0);
    }
}
