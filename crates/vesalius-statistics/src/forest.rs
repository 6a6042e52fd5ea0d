//! Regression trees on bootstrap samples (Breiman 2001), over settings with few values each: what functional ANOVA
//! needs
//! of a random forest, which is its leaves as boxes.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// A setting: its values are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// How many values it has, at most [`MOST_LEVELS`].
    pub levels: usize,
    /// Whether the numbers are in an order that means something. A split is then at most against more, else one value
    /// against all others, as with one column per value.
    pub ordered: bool,
}

/// Values of a setting that a leaf can tell apart.
pub const MOST_LEVELS: usize = 64;

/// A leaf: which values of each setting lead to it, as bits, and the mean there.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// By setting.
    pub allowed: Vec<u64>,
    /// Mean of the targets.
    pub mean: f64,
}

/// Rows of a table: the number of the value of each setting, and what came of them.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// By setting.
    pub settings: &'a [Setting],
    /// By row, then setting.
    pub values: &'a [Vec<usize>],
    /// By row.
    pub targets: &'a [f64],
}

/// A full-grown tree on a bootstrap sample.
pub fn bootstrapped(rows: Rows, rng: &mut ChaCha8Rng) -> Vec<Leaf> {
    let n = rows.targets.len();
    let mut sample: Vec<usize> = (0..n).map(|_| rng.random_range(0..n)).collect();
    tree(rows, &mut sample, rng)
}

/// A full-grown tree on some rows: split until their targets are equal or their settings are.
pub fn tree(rows: Rows, sample: &mut [usize], rng: &mut ChaCha8Rng) -> Vec<Leaf> {
    let all = |setting: &Setting| u64::MAX >> (MOST_LEVELS - setting.levels);
    let mut leaves = vec![];
    let allowed = rows.settings.iter().map(all).collect();
    grow(rows, sample, allowed, rng, &mut leaves);
    leaves
}

fn grow(
    rows: Rows,
    sample: &mut [usize],
    allowed: Vec<u64>,
    rng: &mut ChaCha8Rng,
    leaves: &mut Vec<Leaf>,
) {
    let Some((setting, left)) = best_split(rows, sample, &allowed, rng) else {
        let sum: f64 = sample.iter().map(|&row| rows.targets[row]).sum();
        leaves.push(Leaf { allowed, mean: sum / sample.len() as f64 });
        return;
    };
    // Those of the left side first.
    sample.sort_by_key(|&row| left >> rows.values[row][setting] & 1 == 0);
    let on_left = |row: &usize| left >> rows.values[*row][setting] & 1 == 1;
    let (one, other) = sample.split_at_mut(sample.iter().filter(|row| on_left(row)).count());
    for (part, mask) in [(one, left), (other, !left)] {
        let mut inside = allowed.clone();
        inside[setting] &= mask;
        grow(rows, part, inside, rng, leaves);
    }
}

/// The split that leaves the least squared error: a setting and the values of the left side.
fn best_split(
    rows: Rows,
    sample: &[usize],
    allowed: &[u64],
    rng: &mut ChaCha8Rng,
) -> Option<(usize, u64)> {
    let first = rows.targets[*sample.first()?];
    if sample.iter().all(|&row| rows.targets[row] == first) {
        return None;
    }
    // Of equal splits the first is taken, so their order must not favour a setting.
    let mut order: Vec<usize> = (0..rows.settings.len()).collect();
    order.shuffle(rng);
    let total: f64 = sample.iter().map(|&row| rows.targets[row]).sum();
    let count = sample.len() as f64;
    let mut best: Option<(f64, usize, u64)> = None;
    for setting in order {
        let Setting { levels, ordered } = rows.settings[setting];
        let (mut sums, mut counts) = (vec![0.0; levels], vec![0.0; levels]);
        for &row in sample {
            sums[rows.values[row][setting]] += rows.targets[row];
            counts[rows.values[row][setting]] += 1.0;
        }
        let (mut sum, mut n) = (0.0, 0.0);
        let seen: Vec<usize> = (0..levels).filter(|&level| counts[level] > 0.0).collect();
        for (i, &level) in seen.iter().enumerate() {
            let mask = if ordered {
                (sum, n) = (sum + sums[level], n + counts[level]);
                // The threshold is half-way to the next value that the sample has.
                let next = seen.get(i + 1).map_or(level, |next| usize::midpoint(level, *next));
                u64::MAX >> (MOST_LEVELS - 1 - next)
            } else {
                (sum, n) = (sums[level], counts[level]);
                1 << level
            };
            if n == count {
                continue;
            }
            // Squared error falls by this, up to a constant.
            let rest = total - sum;
            let gain = sum * sum / n + rest * rest / (count - n);
            if best.is_none_or(|(most, ..)| gain > most + 1e-12 * most.abs()) {
                best = Some((gain, setting, mask & allowed[setting]));
            }
        }
    }
    best.map(|(_, setting, mask)| (setting, mask))
}
