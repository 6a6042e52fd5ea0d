//! Tests of "A is better than B": paired over patients, corrected for how many were asked.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Sign flips of the paired test, where there are too many patterns to try them all.
const FLIPS: usize = 20_000;
/// Pairs up to which every pattern of signs is tried.
const EXACT: usize = 14;

/// Two-sided p-value of the paired permutation test (Fisher's sign flips) on the differences of pairs: how often flipping
/// signs at random makes a mean at least as far from 0. Exact up to 14 pairs; beyond, the drawn patterns and the
/// observed one count. 1 without pairs.
pub fn paired(differences: &[f64], seed: u64) -> f64 {
    let observed = differences.iter().sum::<f64>().abs();
    let reaches = |sum: f64| sum.abs() >= observed * (1.0 - 1e-12);
    let n = differences.len();
    if n <= EXACT {
        let patterns = 1_usize << n;
        let hits = (0..patterns)
            .filter(|pattern| {
                let sign = |i: usize| if pattern >> i & 1 == 1 { -1.0 } else { 1.0 };
                reaches(differences.iter().enumerate().map(|(i, d)| d * sign(i)).sum())
            })
            .count();
        return hits as f64 / patterns as f64;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let hits = (0..FLIPS)
        .filter(|_| {
            reaches(differences.iter().map(|d| if rng.random::<bool>() { *d } else { -d }).sum())
        })
        .count();
    (hits + 1) as f64 / (FLIPS + 1) as f64
}

/// Holm's correction (1979): p-values, in the given order, such that those below α keep the chance of one false claim
/// among all below α.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least = 0.0_f64;
    for (done, &i) in order.iter().enumerate() {
        let left = (p_values.len() - done) as f64;
        least = least.max((p_values[i] * left).min(1.0));
        adjusted[i] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_wins_of_eight_have_the_p_value_of_two_patterns_in_256() {
        assert_eq!(paired(&[0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.4, 0.1], 1), 2.0 / 256.0);
        assert_eq!(paired(&[], 1), 1.0);
        let even: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(paired(&even, 1) > 0.9);
        assert!(paired(&[1.0; 40], 1) < 1e-4);
    }

    #[test]
    fn holms_correction_is_the_textbooks() {
        let found = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
}
