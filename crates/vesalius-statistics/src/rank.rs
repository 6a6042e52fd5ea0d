//! Ranks, and what stands on them: Mann-Whitney's U, Spearman's ρ, Kendall's τ-b.

/// Ranks from 1 on; equal values share the mean of theirs.
///
/// # Panics
/// With a NaN among the values.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].partial_cmp(&values[b]).expect("no NaN"));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let end = start
            + order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count();
        let shared = (start + 1 + end) as f64 / 2.0;
        for &i in &order[start..end] {
            ranks[i] = shared;
        }
        start = end;
    }
    ranks
}

/// Mann-Whitney's U of `a` against `b`: how many pairs have a > b, ties counting half.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let sum: f64 = ranks(&all)[..a.len()].iter().sum();
    let n = a.len() as f64;
    sum - n * (n + 1.0) / 2.0
}

/// Spearman's ρ; none when a side never varies or there are fewer than 3 pairs.
///
/// # Panics
/// When the sides differ in length.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "pairs");
    if a.len() < 3 {
        return None;
    }
    pearson(&ranks(a), &ranks(b))
}

/// Pearson's r; none when a side never varies.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let product = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(&x, &y)| f(x - mean_a, y - mean_b)).sum()
    };
    let scale = (product(&|x, _| x * x) * product(&|_, y| y * y)).sqrt();
    (scale > 0.0).then(|| product(&|x, y| x * y) / scale)
}

/// Kendall's τ-b; none when a side never varies or there are fewer than 3 pairs.
///
/// # Panics
/// When the sides differ in length.
pub fn kendall(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "pairs");
    let (mut agree, mut only_a, mut only_b) = (0.0, 0.0, 0.0);
    for i in 0..a.len() {
        for j in 0..i {
            let (x, y) = ((a[i] - a[j]).signum_or_zero(), (b[i] - b[j]).signum_or_zero());
            agree += x * y;
            only_a += x.abs();
            only_b += y.abs();
        }
    }
    let scale = (only_a * only_b).sqrt();
    (a.len() >= 3 && scale > 0.0).then(|| agree / scale)
}

trait Sign {
    fn signum_or_zero(self) -> f64;
}

impl Sign for f64 {
    fn signum_or_zero(self) -> f64 {
        if self == 0.0 { 0.0 } else { self.signum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }

    #[test]
    fn u_counts_pairs() {
        assert_eq!(mann_whitney(&[3.0, 4.0], &[1.0, 3.0]), 1.0 + 0.5 + 2.0);
        assert_eq!(mann_whitney(&[1.0], &[2.0, 3.0]), 0.0);
    }

    #[test]
    fn correlations_are_scipys() {
        // scipy.stats.spearmanr, kendalltau (1.17.1) of these.
        let (a, b) = ([1.0, 2.0, 2.0, 4.0, 5.0, 3.5], [2.0, 1.0, 4.0, 3.0, 6.0, 6.0]);
        let close = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} {expected}");
        };
        close(spearman(&a, &b), SPEARMAN);
        close(kendall(&a, &b), KENDALL);
        assert_eq!(spearman(&[1.0; 4], &[1.0, 2.0, 3.0, 4.0]), None);
        assert_eq!(kendall(&[1.0, 2.0], &[1.0, 2.0]), None);
    }

    const SPEARMAN: f64 = 0.6470588235294118;
    const KENDALL: f64 = 0.5;
}
