//! Bootstrap intervals (Efron 1979): over patients, over samples.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Resamples that make an interval.
pub const RESAMPLES: usize = 2000;

/// 95 % percentile interval of the mean of `values`; none with fewer than 2.
pub fn interval_of_mean(values: &[f64], seed: u64) -> Option<[f64; 2]> {
    interval(values.len(), seed, |drawn| {
        Some(drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64)
    })
}

/// 95 % percentile interval of a statistic of units (patients, samples) drawn with replacement: `statistic` is called
/// with the indices drawn. Draws it cannot judge (`None`) are left out; none when those are more than one in ten.
pub fn interval(
    units: usize,
    seed: u64,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<[f64; 2]> {
    if units < 2 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = vec![0; units];
    let mut found: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            drawn.fill_with(|| rng.random_range(0..units));
            statistic(&drawn)
        })
        .collect();
    if found.len() * 10 < RESAMPLES * 9 {
        return None;
    }
    found.sort_by(f64::total_cmp);
    Some([quantile(&found, 0.025), quantile(&found, 0.975)])
}

/// 95 % percentile interval of the mean of a full table `[runs][patients]`, both drawn with replacement (the pigeonhole
/// bootstrap, Owen 2007): it covers chance in either. With two or three runs it is too narrow on their side; none with
/// fewer than 2 patients.
///
/// # Panics
/// When rows differ in length.
pub fn crossed_interval_of_mean(table: &[Vec<f64>], seed: u64) -> Option<[f64; 2]> {
    let patients = table.first()?.len();
    assert!(table.iter().all(|row| row.len() == patients), "a full table");
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7275_6e73); // not the patients' stream
    interval(patients, seed, |drawn| {
        let sum: f64 = table
            .iter()
            .map(|_| {
                let row = &table[rng.random_range(0..table.len())];
                drawn.iter().map(|&i| row[i]).sum::<f64>()
            })
            .sum();
        Some(sum / (table.len() * patients) as f64)
    })
}

/// Quantile of sorted values, linear between neighbours (NumPy's default).
///
/// # Panics
/// Without values.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_about_two_standard_errors_either_side() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let [low, high] = interval_of_mean(&values, 1).unwrap();
        assert!((low - 0.451).abs() < 0.01 && (high - 0.549).abs() < 0.01, "{low} {high}");
        assert_eq!(interval_of_mean(&values, 1), interval_of_mean(&values, 1));
        assert_eq!(interval_of_mean(&[1.0], 1), None);
    }

    #[test]
    fn runs_widen_the_interval_of_patients() {
        let patients: Vec<f64> = (0..40).map(|i| f64::from(i % 2)).collect();
        let same = vec![patients.clone(), patients.clone()];
        let [low, high] = crossed_interval_of_mean(&same, 1).unwrap();
        let [plain_low, plain_high] = interval_of_mean(&patients, 1).unwrap();
        assert_eq!((low, high), (plain_low, plain_high));
        let apart: Vec<f64> = patients.iter().map(|value| value + 1.0).collect();
        let [low, high] = crossed_interval_of_mean(&[patients, apart], 1).unwrap();
        // Both runs drawn the same happens half of the time: the ends are those of one run.
        assert!(low < 0.5 && high > 1.5, "{low} {high}");
        assert_eq!(crossed_interval_of_mean(&[vec![0.5], vec![0.6]], 1), None);
    }

    #[test]
    fn quantiles_are_numpys() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.5), 3.0);
        assert!((quantile(&[1.0, 2.0, 4.0, 8.0], 0.9) - 6.8).abs() < 1e-12);
    }
}
