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
    // Exact at the ends, where rounding would leave a trace.
    let low = if hits == 0 { 0.0 } else { ((centre - half) / scale).max(0.0) };
    let high = if share == 1.0 { 1.0 } else { ((centre + half) / scale).min(1.0) };
    Some([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_the_share_and_has_a_width_at_either_end() {
        // The numbers are scipy's: see `plausibility::golden`.
        for (hits, n) in [(0, 50), (7, 50), (50, 50)] {
            let [low, high] = wilson(hits, n).unwrap();
            let share = hits as f64 / n as f64;
            assert!(low <= share && share <= high + 1e-12 && high - low > 0.05, "{low} {high}");
        }
        assert_eq!(wilson(0, 0), None);
    }
}
