//! How the summary says numbers and names.

use crate::document::{fixed, p_said};
use crate::inference::compare::{Comparison, Decision};

/// `+0.046 Dice (95 % interval 0.031 to 0.060; p = 0.016)`: with chance in patients and trainings where that is known,
/// else of the networks at hand. The p-value is that of what was shown, where something was.
pub(super) fn change(comparison: &Comparison) -> String {
    let sign = if comparison.difference > 0.0 { "+" } else { "" };
    let known = comparison.study.is_some();
    let interval = if known { comparison.interval() } else { comparison.networks.interval };
    let interval = interval.map(|[low, high]| {
        let of = if known { "" } else { " over patients" };
        format!("95 % interval{of} {} to {}", fixed(low, 3), fixed(high, 3))
    });
    let shown =
        matches!(comparison.decision, Decision::Helps | Decision::Harms | Decision::Equivalent);
    let p = comparison.corrected.filter(|_| shown).map(p_said);
    let within: Vec<String> = interval.into_iter().chain(p).collect();
    let within =
        if within.is_empty() { String::new() } else { format!(" ({})", within.join("; ")) };
    format!("{sign}{} Dice{within}", fixed(comparison.difference, 3))
}

/// What a secondary comparison came to, after its numbers.
pub(super) fn decided(comparison: &Comparison) -> &'static str {
    match comparison.decision {
        Decision::Helps | Decision::Harms => "shown",
        Decision::Equivalent => "no difference that matters",
        Decision::Undecided => "undecided",
        Decision::OneRunEach => "not known, as each was tried once",
        Decision::FewPatients => "not known, with so few patients",
    }
}

pub(super) fn gan_name(comparison: &Comparison) -> String {
    comparison.subject.clone().unwrap_or_else(|| "?".to_owned())
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// 10000 → 10,000.
pub(in crate::pages::answers) fn thousands(count: u64) -> String {
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
