//! Tests of "A is better than B": paired over patients, corrected for how many were asked.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Sign flips of the paired test, where there are too many patterns to try them all.
const FLIPS: usize = 20_000;
/// Pairs up to which every pattern of signs is tried.
const EXACT: usize = 14;

/// Two-sided p-value of the paired permutation test (Fisher's sign flips) on the differences of pairs: how often
/// flipping
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

/// Least p-value that [`paired`] can give with `pairs` pairs, all of one sign; 1 without pairs.
pub fn least_paired(pairs: usize) -> f64 {
    if pairs == 0 {
        1.0
    } else if pairs <= EXACT {
        2.0 / (1_u64 << pairs) as f64
    } else {
        1.0 / (FLIPS + 1) as f64
    }
}

/// Orders of the rank test, where there are too many to try them all.
const ORDERS: usize = 10_000;
/// Pairs up to which every order is tried: 5,040.
const ALL_ORDERS: usize = 7;

/// Two-sided p-value of a rank correlation (`statistic`) by permutation of one side: how often an order drawn at random
/// correlates at least as much. Every order up to 7 pairs; beyond, the drawn orders and the observed one count. None
/// where the correlation is not defined.
pub fn correlation(
    a: &[f64],
    b: &[f64],
    statistic: impl Fn(&[f64], &[f64]) -> Option<f64>,
    seed: u64,
) -> Option<f64> {
    let observed = statistic(a, b)?.abs();
    let reaches = |b: &[f64]| statistic(a, b).is_some_and(|found| found.abs() >= observed - 1e-12);
    let mut order = b.to_vec();
    if b.len() <= ALL_ORDERS {
        let (mut hits, mut all) = (0_u32, 0_u32);
        permute(&mut order, 0, &mut |order| {
            all += 1;
            hits += u32::from(reaches(order));
        });
        return Some(f64::from(hits) / f64::from(all));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut hits = 1;
    for _ in 0..ORDERS {
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        hits += usize::from(reaches(&order));
    }
    Some(hits as f64 / (ORDERS + 1) as f64)
}

/// Calls `visit` with every order of `values` from `start` on.
fn permute(values: &mut [f64], start: usize, visit: &mut dyn FnMut(&[f64])) {
    if start == values.len() {
        return visit(values);
    }
    for i in start..values.len() {
        values.swap(start, i);
        permute(values, start + 1, visit);
        values.swap(start, i);
    }
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
    fn p_values_are_scipys_and_statsmodels() {
        let text = include_str!("../../../golden/statistics.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let list = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let close = |found: f64, expected: &serde_json::Value| {
            let expected = expected.as_f64().unwrap();
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        };
        for case in golden["paired"].as_array().unwrap() {
            close(paired(&list(&case["differences"]), 0), &case["p"]);
        }
        for case in golden["correlation"].as_array().unwrap() {
            use crate::rank::{kendall, spearman};
            let (a, b) = (list(&case["a"]), list(&case["b"]));
            close(spearman(&a, &b).unwrap(), &case["spearman"]);
            close(kendall(&a, &b).unwrap(), &case["kendall"]);
            close(correlation(&a, &b, spearman, 0).unwrap(), &case["p"]);
        }
        for case in golden["holm"].as_array().unwrap() {
            let found = holm(&list(&case["p"]));
            for (found, expected) in found.iter().zip(case["corrected"].as_array().unwrap()) {
                close(*found, expected);
            }
        }
    }

    #[test]
    fn the_least_p_value_is_what_a_clean_sweep_gets() {
        for pairs in [1, 3, 8, 14] {
            assert_eq!(paired(&vec![0.1; pairs], 1), least_paired(pairs));
        }
        assert!(paired(&[0.1; 20], 1) < 3.0 * least_paired(20));
        assert_eq!(least_paired(0), 1.0);
    }

    #[test]
    fn rank_correlations_are_tested_by_every_order() {
        use crate::rank::spearman;
        // 2 of the 120 orders of five are perfect.
        let a = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(correlation(&a, &a, spearman, 1), Some(2.0 / 120.0));
        assert_eq!(correlation(&a, &[1.0; 5], spearman, 1), None);
        let long: Vec<f64> = (0..12).map(f64::from).collect();
        assert!(correlation(&long, &long, spearman, 1).unwrap() < 0.001);
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
