//! Are two samples of vectors from one distribution? The energy distance (Székely and Rizzo 2013, "Energy statistics: A
//! class of statistics based on distances") with a permutation test, which is exact whatever the distribution.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// Permutations of the test.
pub const PERMUTATIONS: usize = 1999;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// 2·E|X−Y| − E|X−X'| − E|Y−Y'|, of features scaled to a standard deviation of 1 over both samples: 0 for equal
    /// distributions, greater for others.
    pub distance: f64,
    /// Share of permutations with a distance at least as great, the samples as they are among them.
    pub p: f64,
}

/// Compares two samples of vectors of one length, whose members are independent.
///
/// `None` with fewer than 2 in either.
///
/// # Panics
/// When vectors differ in length.
pub fn compare(left: &[Vec<f64>], right: &[Vec<f64>], seed: u64) -> Option<Energy> {
    if left.len() < 2 || right.len() < 2 {
        return None;
    }
    let all = scaled(left.iter().chain(right));
    let count = all.len();
    let between = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    };
    let mut distances = vec![0.0_f64; count * count];
    for i in 0..count {
        for j in 0..i {
            let distance = between(&all[i], &all[j]);
            (distances[i * count + j], distances[j * count + i]) = (distance, distance);
        }
    }
    let of = |order: &[usize]| -> f64 {
        let (x, y) = order.split_at(left.len());
        let sum = |a: &[usize], b: &[usize]| -> f64 {
            a.iter().map(|&i| b.iter().map(|&j| distances[i * count + j]).sum::<f64>()).sum()
        };
        let (n, m) = (x.len() as f64, y.len() as f64);
        2.0 * sum(x, y) / (n * m) - sum(x, x) / (n * n) - sum(y, y) / (m * m)
    };
    let mut order: Vec<usize> = (0..count).collect();
    let distance = of(&order);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Rounding must not make the samples as they are less than themselves.
    let least = distance - 1e-12 * distance.abs().max(1.0);
    let mut as_great = 1;
    for _ in 0..PERMUTATIONS {
        order.shuffle(&mut rng);
        as_great += usize::from(of(&order) >= least);
    }
    Some(Energy { distance, p: as_great as f64 / (PERMUTATIONS + 1) as f64 })
}

/// Each feature divided by its standard deviation over both samples; one that never changes stays.
fn scaled<'a>(vectors: impl Iterator<Item = &'a Vec<f64>>) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = vectors.cloned().collect();
    let (count, width) = (all.len() as f64, all[0].len());
    assert!(all.iter().all(|vector| vector.len() == width), "vectors of one length");
    for feature in 0..width {
        let mean = all.iter().map(|vector| vector[feature]).sum::<f64>() / count;
        let variance =
            all.iter().map(|vector| (vector[feature] - mean).powi(2)).sum::<f64>() / count;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        for vector in &mut all {
            vector[feature] /= deviation;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution as _, StandardNormal};

    fn sample(count: usize, shift: f64, spread: f64, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        let mut one = || -> f64 { StandardNormal.sample(rng) };
        (0..count).map(|_| vec![shift + spread * one(), one() * 40.0, one().exp()]).collect()
    }

    #[test]
    fn the_distance_is_that_of_its_formula() {
        let (x, y) = (vec![vec![0.0], vec![2.0]], vec![vec![1.0], vec![5.0], vec![6.0]]);
        let deviation = {
            let all = [0.0, 2.0, 1.0, 5.0, 6.0];
            let mean = 2.8;
            (all.iter().map(|v: &f64| (v - mean).powi(2)).sum::<f64>() / 5.0).sqrt()
        };
        // E|X-Y| = (1+5+6+1+3+4)/6, E|X-X'| = (0+2+2+0)/4, E|Y-Y'| = 2·(4+5+1)/9.
        let expected = (2.0 * 20.0 / 6.0 - 1.0 - 20.0 / 9.0) / deviation;
        let found = compare(&x, &y, 1).unwrap();
        assert!((found.distance - expected).abs() < 1e-12, "{found:?}");
        assert_eq!(compare(&x[..1], &y, 1), None);
    }

    /// Samples of one distribution, skewed and of unequal sizes: 5 % of the tests may say otherwise.
    #[test]
    fn equal_distributions_are_told_apart_as_often_as_the_level_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let studies = 300;
        let wrong = (0..studies)
            .filter(|study| {
                let (x, y) = (sample(12, 0.0, 1.0, &mut rng), sample(30, 0.0, 1.0, &mut rng));
                compare(&x, &y, *study).unwrap().p <= 0.05
            })
            .count();
        // 15 expected; four standard errors above are 30.
        assert!((3..=30).contains(&wrong), "{wrong} of {studies}");
    }

    #[test]
    fn other_places_and_other_spreads_are_found() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for (shift, spread) in [(1.5, 1.0), (0.0, 6.0)] {
            let found = (0..20)
                .filter(|study| {
                    let x = sample(48, 0.0, 1.0, &mut rng);
                    let y = sample(150, shift, spread, &mut rng);
                    compare(&x, &y, *study).unwrap().p <= 0.05
                })
                .count();
            assert!(found >= 18, "{found} of 20 with {shift}, {spread}");
        }
        let alike = vec![vec![1.0, 2.0]; 5];
        assert_eq!(compare(&alike, &alike, 1), Some(Energy { distance: 0.0, p: 1.0 }));
    }
}
