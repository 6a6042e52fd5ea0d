//! What may be claimed of several differences at once.

use super::difference::Difference;
use crate::test::holm;

/// What may be said of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is above 0.
    Better,
    /// It is below 0.
    Worse,
    /// It is less than the margin to either side.
    Equivalent,
    /// None of these was shown.
    Undecided,
}

/// Claims about a family of differences of which at most a share `level` of studies makes a false one, each with its
/// p-value after Holm's correction.
///
/// Each difference brings the lesser of its two p-values, of a difference from 0 and of equivalence: the true difference
/// is never 0 and beyond the margin, so that at most one of the two can err.
pub fn claims(differences: &[&Difference], margin: f64, level: f64) -> Vec<(f64, Claim)> {
    let tested: Vec<[f64; 2]> =
        differences.iter().map(|found| [found.p(), found.p_equivalent(margin)]).collect();
    let least: Vec<f64> = tested.iter().map(|[p, equivalent]| p.min(*equivalent)).collect();
    let claim = |found: &Difference, [p, equivalent]: [f64; 2], corrected: f64| {
        if corrected >= level {
            Claim::Undecided
        } else if equivalent <= p {
            Claim::Equivalent
        } else if found.estimate > 0.0 {
            Claim::Better
        } else {
            Claim::Worse
        }
    };
    let corrected = holm(&least).into_iter();
    let all = differences.iter().zip(tested).zip(corrected);
    all.map(|((found, tested), p)| (p, claim(found, tested, p))).collect()
}
