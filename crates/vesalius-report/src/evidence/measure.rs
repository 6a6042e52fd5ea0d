//! One number from one or several runs: value, interval, range, protocol.

use std::collections::BTreeMap;
use vesalius_data::run::score::Score;
use vesalius_statistics::resample;

/// A number of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measure {
    /// Mean over the runs.
    pub value: f64,
    /// 95 % interval; the protocol says of what.
    pub interval: Option<[f64; 2]>,
    /// Standard error, of a value that is a mean over random subsets.
    pub standard_error: Option<f64>,
    /// Least and greatest of several runs.
    pub range: Option<[f64; 2]>,
    /// Number of runs.
    pub runs: usize,
    /// How it was measured.
    pub protocol: String,
}

/// Seed of every interval of a report.
pub const SEED: u64 = 0;

impl Measure {
    /// Of repeated runs; none without a score. One run keeps its own interval; of several the range is shown, because
    /// nothing but their values is known here.
    pub fn of(scores: &[&Score]) -> Option<Self> {
        let first = scores.first()?;
        let values: Vec<f64> = scores.iter().map(|score| score.value).collect();
        let single = scores.len() == 1;
        Some(Self {
            value: mean(&values),
            interval: first.interval.filter(|_| single),
            standard_error: first.standard_error.filter(|_| single),
            range: range(&values),
            runs: scores.len(),
            protocol: protocol(scores),
        })
    }

    /// Of the Dice of repeated U-Nets, with the Dice of each of their test patients where the results hold it. The
    /// interval of several runs draws runs and patients with replacement.
    pub fn of_dice(scores: &[&Score], patients: &[BTreeMap<String, f64>]) -> Option<Self> {
        let mut measure = Self::of(scores)?;
        if scores.len() == 1 {
            if measure.interval.is_some() {
                measure.protocol += "; interval: 95 % bootstrap over patients";
            }
            return Some(measure);
        }
        let shared = shared(patients);
        measure.interval = interval(measure.value, patients, &shared);
        measure.protocol += if measure.interval.is_some() {
            "; interval: 95 % bootstrap over patients and runs"
        } else {
            "; no interval over patients and runs: not every result holds the Dice of each patient"
        };
        Some(measure)
    }
}

/// 95 % interval of a mean over runs and patients, both drawn with replacement, placed around `value`.
fn interval(value: f64, runs: &[BTreeMap<String, f64>], shared: &[&str]) -> Option<[f64; 2]> {
    if shared.len() < 2 {
        return None;
    }
    let table: Vec<Vec<f64>> =
        runs.iter().map(|run| shared.iter().map(|name| run[*name]).collect()).collect();
    let all = mean(&table.iter().map(|row| mean(row)).collect::<Vec<_>>());
    let found = resample::crossed_interval_of_mean(&table, SEED)?;
    Some(found.map(|end| (value + end - all).clamp(0.0, 1.0)))
}

/// Names that every run has.
pub fn shared(runs: &[BTreeMap<String, f64>]) -> Vec<&str> {
    let Some((first, rest)) = runs.split_first() else { return vec![] };
    let everywhere = |name: &&String| rest.iter().all(|run| run.contains_key(*name));
    first.keys().filter(everywhere).map(String::as_str).collect()
}

/// Arithmetic mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn range(values: &[f64]) -> Option<[f64; 2]> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (values.len() > 1).then_some([least, greatest])
}

/// The protocols of several runs in one text: once where only seeds differ.
fn protocol(scores: &[&Score]) -> String {
    let mut texts: Vec<String> = vec![];
    let mut seeds: Vec<String> = vec![];
    for score in scores {
        let (text, seed) = without_seed(&full(score));
        if !texts.contains(&text) {
            texts.push(text);
        }
        seeds.extend(seed);
    }
    match (scores.len(), texts.len()) {
        (1, _) => full(scores[0]),
        (n, 1) if seeds.len() == n => {
            format!("{n} runs (seeds {}): {}", seeds.join(", "), texts[0])
        }
        (n, 1) => format!("{n} runs: {}", texts[0]),
        (n, _) => format!("{n} runs under different protocols: {}", texts.join(" | ")),
    }
}

fn full(score: &Score) -> String {
    let extractor = score.extractor.as_ref().map_or_else(String::new, |name| format!("{name}: "));
    let counts = match (score.real_count, score.synthetic_count) {
        (Some(real), Some(synthetic)) => format!(" ({real} real, {synthetic} synthetic)"),
        (Some(real), None) => format!(" ({real} units)"),
        _ => String::new(),
    };
    format!("{extractor}{}{counts}", score.protocol)
}

/// `U-Net, 2000 steps of 16 slices, seed 1; …` without its seed, and the seed.
fn without_seed(text: &str) -> (String, Option<String>) {
    let pattern = regex::Regex::new(r", seed (\d+)").expect("a pattern");
    let seed = pattern.captures(text).map(|found| found[1].to_owned());
    (pattern.replace(text, "").into_owned(), seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(value: f64, seed: u64) -> Score {
        Score::new("dice", value, format!("U-Net, 10 steps, seed {seed}; per volume"))
    }

    fn patients(values: [f64; 3]) -> BTreeMap<String, f64> {
        ["a", "b", "c"].map(ToOwned::to_owned).into_iter().zip(values).collect()
    }

    #[test]
    fn several_seeds_have_a_mean_a_range_and_an_interval_over_patients_and_runs() {
        let (one, two) = (score(0.70, 1), score(0.80, 2));
        let each = [patients([0.6, 0.7, 0.8]), patients([0.7, 0.8, 0.9])];
        let found = Measure::of_dice(&[&one, &two], &each).unwrap();
        assert!((found.value - 0.75).abs() < 1e-12);
        assert_eq!(found.range, Some([0.70, 0.80]));
        let [low, high] = found.interval.unwrap();
        // Wider than over runs alone (0.70 to 0.80) and than over patients alone.
        assert!(low < 0.70 && high > 0.80, "{low} {high}");
        assert!(found.protocol.starts_with("2 runs (seeds 1, 2): U-Net, 10 steps; per volume"));
    }

    #[test]
    fn results_without_patients_show_their_range_and_say_what_is_missing() {
        let (one, two) = (score(0.70, 1), score(0.80, 2));
        let found = Measure::of_dice(&[&one, &two], &[BTreeMap::new(), BTreeMap::new()]).unwrap();
        assert_eq!((found.interval, found.range), (None, Some([0.70, 0.80])));
        assert!(found.protocol.contains("no interval"));
    }

    #[test]
    fn different_protocols_are_not_passed_off_as_one() {
        let other = Score::new("dice", 0.5, "U-Net, 99 steps, seed 1; per volume".into());
        let found = Measure::of(&[&score(0.7, 1), &other]).unwrap();
        assert!(found.protocol.contains("different protocols") && found.protocol.contains("99"));
    }
}
