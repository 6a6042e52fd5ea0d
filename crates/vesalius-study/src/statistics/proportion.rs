//! Intervals of a share: so many of so many.

/// 97.5th percentile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval (1927) of `hits` in `n` independent samples: has a width where none or all are hit, which a
/// bootstrap has not. None without samples.
pub fn wilson(hits: usize, n: usize) -> Option<[f64; 2]> {
    if n == 0 {
        return None;
    }
    let n = n as f64;
    let share = hits as f64 / n;
    let centre = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some([((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_scipys() {
        // scipy.stats.binomtest(k, n).proportion_ci(method="wilson"), 1.17.1.
        let expected = [
            (0, 1000, [0.0, 0.0038267584855551234]),
            (3, 20, [0.05236874589621662, 0.3604188647407569]),
            (20, 20, [0.8388748419471808, 1.0]),
        ];
        for (hits, n, expected) in expected {
            let found = wilson(hits, n).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{hits} of {n}: {found} {expected}");
            }
        }
        assert_eq!(wilson(0, 0), None);
    }
}
