//! An alarm that goes off when a value is unusually small, set on values that should not set it off; and how sure a
//! share is.

use super::rank::mann_whitney;

/// An alarm calibrated on values of innocent cases (conformal: Vovk et al. 2005). Small values are suspect.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Innocent values, ascending.
    innocent: Vec<f64>,
    /// Place of the threshold among them, from 1.
    place: usize,
}

impl Alarm {
    /// Sets the alarm so that a further innocent value sets it off at most at `rate`; with n innocent values the finest
    /// rate
    /// is 1/(n + 1), which is taken where `rate` is finer. `None` without values, or with one that is NaN.
    pub fn set(innocent: &[f64], rate: f64) -> Option<Self> {
        if innocent.is_empty() || innocent.iter().any(|value| value.is_nan()) {
            return None;
        }
        let mut innocent = innocent.to_vec();
        innocent.sort_by(f64::total_cmp);
        let place = (rate * (innocent.len() + 1) as f64 + 1e-9).floor() as usize;
        Some(Self { place: place.clamp(1, innocent.len()), innocent })
    }

    /// Values below it set the alarm off.
    pub fn threshold(&self) -> f64 {
        self.innocent[self.place - 1]
    }

    /// The rate that was attained.
    pub fn rate(&self) -> f64 {
        self.place as f64 / (self.innocent.len() + 1) as f64
    }

    /// Number of innocent values.
    pub fn calibration(&self) -> usize {
        self.innocent.len()
    }

    /// The smallest innocent value.
    pub fn least(&self) -> f64 {
        self.innocent[0]
    }

    /// Whether `value` sets it off.
    pub fn goes_off(&self, value: f64) -> bool {
        value < self.threshold()
    }

    /// Share of innocent values, this one among them, that are at most `value`: its p-value.
    pub fn p_value(&self, value: f64) -> f64 {
        let below = self.innocent.partition_point(|&innocent| innocent <= value);
        (below + 1) as f64 / (self.innocent.len() + 1) as f64
    }
}

/// 95 % interval of a share that was `hits` of `n` (Clopper and Pearson 1934): exact, never too narrow for independent
/// cases.
///
/// # Panics
/// When there are more hits than cases, or no case.
pub fn share_interval(hits: usize, n: usize) -> [f64; 2] {
    const TAIL: f64 = 0.025;
    assert!(hits <= n && n > 0, "{hits} of {n}");
    // P(X ≥ hits) grows with the share, P(X ≤ hits) falls.
    let low = if hits == 0 { 0.0 } else { solve(|p| 1.0 - at_most(hits - 1, n, p) > TAIL) };
    let high = if hits == n { 1.0 } else { solve(|p| at_most(hits, n, p) < TAIL) };
    [low, high]
}

/// The least share in [0, 1] at which `reached` holds, which stays true from there on.
fn solve(reached: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if reached(middle) { high = middle } else { low = middle }
    }
    f64::midpoint(low, high)
}

/// P(X ≤ k) of a binomial with `n` trials of chance `p`.
fn at_most(k: usize, n: usize, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return if k >= n { 1.0 } else { 0.0 };
    }
    let (log_p, log_q) = (p.ln(), (-p).ln_1p());
    let mut log_choose = 0.0;
    let mut sum = 0.0;
    for i in 0..=k {
        if i > 0 {
            log_choose += ((n - i + 1) as f64 / i as f64).ln();
        }
        sum += (log_choose + i as f64 * log_p + (n - i) as f64 * log_q).exp();
    }
    sum.min(1.0)
}

/// Chance that a value of `near` is smaller than one of `far`, ties counting half: the area under the ROC curve of
/// "smaller
/// means near". `None` when a side is empty.
pub fn auc_of_smaller(near: &[f64], far: &[f64]) -> Option<f64> {
    if near.is_empty() || far.is_empty() {
        return None;
    }
    Some(mann_whitney(far, near) / (near.len() * far.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_takes_the_finest_rate_that_its_values_allow() {
        let innocent: Vec<f64> = (1..=19).rev().map(f64::from).collect();
        let alarm = Alarm::set(&innocent, 0.1).unwrap();
        assert_eq!((alarm.threshold(), alarm.rate(), alarm.least()), (2.0, 0.1, 1.0));
        assert!(alarm.goes_off(1.5) && !alarm.goes_off(2.0));
        let fine = Alarm::set(&innocent, 0.001).unwrap();
        assert_eq!((fine.threshold(), fine.rate()), (1.0, 0.05));
        assert_eq!(fine.p_value(0.5), 0.05);
        assert_eq!(fine.p_value(3.0), 0.2);
        assert_eq!(Alarm::set(&[], 0.1), None);
        assert_eq!(Alarm::set(&[f64::NAN], 0.1), None);
    }

    #[test]
    fn intervals_of_shares_are_scipys() {
        // scipy.stats.binomtest(k, n).proportion_ci(method="exact") (1.17.1).
        for (hits, n, expected) in INTERVALS {
            let found = share_interval(hits, n);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{hits} of {n}: {found} {expected}");
            }
        }
    }

    const INTERVALS: [(usize, usize, [f64; 2]); 4] = [
        (0, 20, [0.0, 0.16843347098308548]),
        (3, 40, [0.015742179851041527, 0.20386474873289898]),
        (20, 20, [0.8315665290169145, 1.0]),
        (150, 10000, [0.012709673608544966, 0.01757875496119946]),
    ];

    #[test]
    fn the_area_counts_pairs() {
        assert_eq!(auc_of_smaller(&[1.0, 2.0], &[2.0, 3.0]), Some(3.5 / 4.0));
        assert_eq!(auc_of_smaller(&[1.0], &[1.0]), Some(0.5));
        assert_eq!(auc_of_smaller(&[], &[1.0]), None);
    }
}
