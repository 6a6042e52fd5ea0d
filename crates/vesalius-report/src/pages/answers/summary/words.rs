//! How the summary says numbers and names.

use crate::document::{fixed, p_value};
use crate::inference::compare::Comparison;

/// `+0.046 Dice (95 % interval 0.031 to 0.060; p = 0.016)`.
pub(super) fn change(comparison: &Comparison, tests: usize) -> String {
    let sign = if comparison.difference > 0.0 { "+" } else { "" };
    let interval = comparison.interval.map_or_else(String::new, |[low, high]| {
        format!("95 % interval {} to {}; ", fixed(low, 3), fixed(high, 3))
    });
    let p = p_value(comparison.corrected);
    let p = if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") };
    let corrected =
        if tests > 1 { format!(", corrected for {tests} comparisons") } else { String::new() };
    format!("{sign}{} Dice ({interval}{p}{corrected})", fixed(comparison.difference, 3))
}

pub(super) fn gan_name(comparison: &Comparison) -> String {
    comparison.subject.clone().unwrap_or_else(|| "?".to_owned())
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// 10000 → 10,000.
pub(super) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `a, b and c`.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
