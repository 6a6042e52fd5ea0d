//! Functional ANOVA over a random forest (Hutter, Hoos, Leyton-Brown 2014): which share of a score's variance over the
//! space of settings each setting explains alone.
//!
//! Every value of a setting weighs the same: the space is all combinations of the values that were tried. (The crate
//! `fanova` puts values on a number line from the least to the greatest, where those at the ends weigh half.)

use super::forest::{Leaf, MOST_LEVELS, Rows, Setting, bootstrapped};
use super::resample::quantile;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Trees, as Optuna's evaluator has them.
const TREES: usize = 64;
const SEED: u64 = 1;

/// What a setting explains alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Importance {
    /// Share of the variance, mean over the trees.
    pub share: f64,
    /// Standard deviation over the trees. Each saw another bootstrap sample of the rows, so this is what the choice of
    /// trials leaves open.
    pub deviation: f64,
}

/// Importance of each setting; nothing where the targets do not vary.
///
/// # Panics
/// When a row does not fit the settings, or a setting has no value or more than [`MOST_LEVELS`].
pub fn importance(rows: Rows) -> Option<Vec<Importance>> {
    assert!(rows.settings.iter().all(|setting| (1..=MOST_LEVELS).contains(&setting.levels)));
    let mut shares: Vec<Vec<f64>> = vec![];
    for tree in 0..TREES {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream(tree as u64);
        // A bootstrap sample without variance says nothing.
        shares.extend(shares_of(rows.settings, &bootstrapped(rows, &mut rng)));
    }
    if shares.is_empty() {
        return None;
    }
    let of = |setting: usize| {
        let all: Vec<f64> = shares.iter().map(|tree| tree[setting]).collect();
        let share = all.iter().sum::<f64>() / all.len() as f64;
        let squares: f64 = all.iter().map(|value| (value - share).powi(2)).sum();
        Importance { share, deviation: (squares / all.len() as f64).sqrt() }
    };
    Some((0..rows.settings.len()).map(of).collect())
}

/// Shares of a tree's variance; nothing for a tree without any.
fn shares_of(settings: &[Setting], leaves: &[Leaf]) -> Option<Vec<f64>> {
    let part = |leaf: &Leaf, setting: usize| {
        f64::from(leaf.allowed[setting].count_ones()) / settings[setting].levels as f64
    };
    let size = |leaf: &Leaf| (0..settings.len()).map(|s| part(leaf, s)).product::<f64>();
    let mean: f64 = leaves.iter().map(|leaf| size(leaf) * leaf.mean).sum();
    let variance: f64 = leaves.iter().map(|leaf| size(leaf) * (leaf.mean - mean).powi(2)).sum();
    if variance <= 1e-12 * mean * mean {
        return None;
    }
    let share = |setting: usize| {
        // Mean over all other settings, for each value of this one.
        let mut marginal = vec![0.0; settings[setting].levels];
        for leaf in leaves {
            let others = size(leaf) / part(leaf, setting);
            for (level, at) in marginal.iter_mut().enumerate() {
                if leaf.allowed[setting] >> level & 1 == 1 {
                    *at += others * leaf.mean;
                }
            }
        }
        let squares: f64 = marginal.iter().map(|at| (at - mean).powi(2)).sum();
        squares / marginal.len() as f64 / variance
    };
    Some((0..settings.len()).map(share).collect())
}

/// Numbers as values of a setting, in order: each its own, or bins of equally many distinct ones where there are more
/// than a leaf can
/// tell apart.
pub fn ordered_levels(numbers: &[f64]) -> (Setting, Vec<usize>) {
    let mut distinct = numbers.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let starts: Vec<f64> = if distinct.len() > MOST_LEVELS {
        let at = |i: usize| quantile(&distinct, i as f64 / MOST_LEVELS as f64);
        (0..MOST_LEVELS).map(at).collect()
    } else {
        distinct
    };
    let level = |number: &f64| starts.partition_point(|start| start <= number).saturating_sub(1);
    let setting = Setting { levels: starts.len(), ordered: true };
    (setting, numbers.iter().map(level).collect())
}

#[cfg(test)]
mod tests {
    use super::super::forest::tree;
    use super::*;
    use serde::Deserialize;

    /// All combinations of three settings, and a function of them.
    fn factorial(of: impl Fn(&[usize]) -> f64) -> (Vec<Setting>, Vec<Vec<usize>>, Vec<f64>) {
        let settings = [(2, true), (3, false), (4, true)];
        let settings = settings.map(|(levels, ordered)| Setting { levels, ordered }).to_vec();
        let all = (0..24).map(|i| vec![i % 2, i / 2 % 3, i / 6]);
        let values: Vec<Vec<usize>> = all.collect();
        let targets = values.iter().map(|row| of(row)).collect();
        (settings, values, targets)
    }

    #[test]
    fn a_tree_of_a_whole_factorial_gives_the_textbook_analysis_of_variance() {
        // Sums of squares by hand: 3 x0 has variance 9/4; [0, 0, 2] of x1 8/9; x2 5/4; x0 x2 as a product has parts in
        // all: (x0 - 1/2)(x2 - 3/2) is pure interaction, variance 1/4 * 5/4.
        let of = |row: &[usize]| {
            let [a, c] = [row[0] as f64, row[2] as f64];
            3.0 * a + [0.0, 0.0, 2.0][row[1]] + c + (a - 0.5) * (c - 1.5)
        };
        let (settings, values, targets) = factorial(of);
        let rows = Rows { settings: &settings, values: &values, targets: &targets };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let leaves = tree(rows, &mut (0..24).collect::<Vec<_>>(), &mut rng);
        let shares = shares_of(&settings, &leaves).unwrap();
        let parts = [9.0 / 4.0, 8.0 / 9.0, 5.0 / 4.0];
        let all = parts.iter().sum::<f64>() + 5.0 / 16.0;
        for (share, part) in shares.iter().zip(parts) {
            assert!((share - part / all).abs() < 1e-12, "{shares:?}");
        }
    }

    #[test]
    fn nothing_is_important_where_nothing_varies() {
        let (settings, values, targets) = factorial(|_| 2.0);
        let rows = Rows { settings: &settings, values: &values, targets: &targets };
        assert_eq!(importance(rows), None);
    }

    #[test]
    fn many_numbers_are_binned_and_few_are_not() {
        let (setting, levels) = ordered_levels(&[0.5, 0.1, 0.5, 2.0]);
        assert_eq!((setting.levels, levels), (3, vec![1, 0, 1, 2]));
        let (setting, levels) = ordered_levels(&(0..1000).map(f64::from).collect::<Vec<_>>());
        assert_eq!(setting.levels, MOST_LEVELS);
        assert_eq!((levels[0], levels[999]), (0, MOST_LEVELS - 1));
    }

    #[derive(Deserialize)]
    struct Golden {
        levels: Vec<usize>,
        ordered: Vec<bool>,
        values: Vec<Vec<usize>>,
        targets: Vec<f64>,
        share: Vec<f64>,
        deviation: Vec<f64>,
        /// Least and greatest of 32 forests of 64 trees.
        deviation_range: Vec<[f64; 2]>,
    }

    /// `golden/fanova.py`: scikit-learn's forest, its variance decomposed by going through every combination.
    #[test]
    fn importance_is_that_of_scikit_learns_forest() {
        let text = include_str!("../../../golden/fanova.json");
        let cases: Vec<Golden> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 3);
        for golden in cases {
            let settings = golden.levels.iter().zip(&golden.ordered);
            let settings: Vec<Setting> =
                settings.map(|(&levels, &ordered)| Setting { levels, ordered }).collect();
            let rows =
                Rows { settings: &settings, values: &golden.values, targets: &golden.targets };
            let found = importance(rows).unwrap();
            for (i, one) in found.iter().enumerate() {
                // Two forests of 64 trees with other random numbers: means differ by a few standard errors.
                let error = golden.deviation[i] / (TREES as f64).sqrt();
                let close = (one.share - golden.share[i]).abs() < 5.0 * error + 0.005;
                assert!(close, "setting {i}: {one:?}, {} ± {error}", golden.share[i]);
                let [least, most] = golden.deviation_range[i];
                let inside = (0.8 * least..1.25 * most).contains(&one.deviation);
                assert!(inside, "setting {i}: {one:?}, deviation {least} to {most}");
            }
        }
    }
}
