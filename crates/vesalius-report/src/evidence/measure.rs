//! One number from one or several runs: value, interval, range, protocol.

use super::repetition::seed;
use super::rows::{Rows, fold};
use super::runs::Run;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use vesalius_data::run::score::Score;
use vesalius_data::text::count;
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

/// A score of one run among those that repeat it.
#[derive(Debug, Clone, PartialEq)]
pub struct Repetition<'r> {
    /// Its score.
    pub score: &'r Score,
    /// The run's seed, where its result says it.
    pub seed: Option<String>,
}

/// Seed of every interval of a report.
pub const SEED: u64 = 0;

impl Measure {
    /// Of one run.
    pub fn of_one(score: &Score) -> Self {
        Self {
            value: score.value,
            interval: score.interval,
            standard_error: score.standard_error,
            range: None,
            runs: 1,
            protocol: counted(score, &score.protocol),
        }
    }

    /// Of repeated runs; none without a score. One run keeps its own interval; of several the range is shown, because
    /// nothing but their values is known here.
    pub fn of(runs: &[Repetition]) -> Option<Self> {
        if let [only] = runs {
            return Some(Self::of_one(only.score));
        }
        let values: Vec<f64> = runs.iter().map(|run| run.score.value).collect();
        (!runs.is_empty()).then(|| Self {
            value: mean(&values),
            interval: None,
            standard_error: None,
            range: range(&values),
            runs: runs.len(),
            protocol: protocol(runs),
        })
    }

    /// Of the Dice of repeated U-Nets, with the Dice of each of their test patients where the results hold it. The
    /// interval of several runs draws runs and patients with replacement.
    pub fn of_dice(runs: &[Repetition], patients: &[BTreeMap<String, f64>]) -> Option<Self> {
        let mut measure = Self::of(runs)?;
        if runs.len() == 1 {
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

impl Measure {
    /// Of the Dice of U-Nets of several folds: mean over all their patients, then over the trainings; the interval draws
    /// both with replacement. None without patients.
    pub fn of_folds(trained: &Rows, judged: &[&Run]) -> Option<Self> {
        let table: Vec<Vec<f64>> =
            trained.each.iter().map(|row| row.values().copied().collect()).collect();
        let patients = table.first()?.len();
        let each: Vec<f64> = table.iter().map(|row| mean(row)).collect();
        let runs: Vec<Repetition> = judged
            .iter()
            .filter_map(|run| Some(Repetition { score: run.dice()?, seed: seed(run) }))
            .collect();
        let folds: BTreeSet<usize> = judged.iter().filter_map(|run| fold(run)).collect();
        let mut protocol = protocol(&runs);
        let _ = write!(
            protocol,
            "; mean over {} who test in {}; interval: 95 % bootstrap over patients and trainings",
            count::of(patients, "patient"),
            count::of(folds.len(), "fold")
        );
        if trained.left_out > 0 {
            let _ = write!(
                protocol,
                "; {} left out: other folds have fewer",
                count::of(trained.left_out, "run")
            );
        }
        Some(Self {
            value: mean(&each),
            interval: resample::crossed_interval_of_mean(&table, SEED),
            standard_error: None,
            range: range(&each),
            runs: each.len(),
            protocol,
        })
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
fn protocol(runs: &[Repetition]) -> String {
    let mut texts: Vec<String> = vec![];
    for Repetition { score, seed } in runs {
        // Without a seed of its own a run has nothing that could be said beside its protocol.
        let known = seed.is_some().then_some(score.seedless.as_ref()).flatten();
        let text = counted(score, known.unwrap_or(&score.protocol));
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let of_seed = |run: &Repetition| run.seed.clone().filter(|_| run.score.seedless.is_some());
    let seeds: Option<Vec<String>> = runs.iter().map(of_seed).collect();
    // Whatever order folders are read in: rows of the same seeds share a note.
    let seeds = seeds.map(|mut seeds| {
        seeds.sort_by_key(|seed| (seed.parse::<u64>().ok(), seed.clone()));
        seeds
    });
    let count = runs.len();
    match (texts.len(), seeds) {
        (1, Some(seeds)) => format!("{count} runs (seeds {}): {}", seeds.join(", "), texts[0]),
        (1, None) => format!("{count} runs: {}", texts[0]),
        _ => format!("{count} runs under different protocols: {}", texts.join(" | ")),
    }
}

/// A protocol with the extractor before it and the numbers of samples behind it.
fn counted(score: &Score, protocol: &str) -> String {
    let extractor = score.extractor.as_ref().map_or_else(String::new, |name| format!("{name}: "));
    let counts = match (score.real_count, score.synthetic_count) {
        (Some(real), Some(synthetic)) => format!(" ({real} real, {synthetic} synthetic)"),
        (Some(real), None) => format!(" ({real} units)"),
        _ => String::new(),
    };
    format!("{extractor}{protocol}{counts}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(value: f64, seed: u64) -> Score {
        Score {
            seedless: Some("U-Net, 10 steps; per volume".into()),
            ..Score::new("dice", value, format!("seeded with {seed}: a U-Net of 10 steps"))
        }
    }

    fn repeated<'r>(scores: &[&'r Score]) -> Vec<Repetition<'r>> {
        let seeded = scores.iter().zip(1..);
        seeded
            .map(|(&score, seed): (_, u8)| Repetition { score, seed: Some(seed.to_string()) })
            .collect()
    }

    fn patients(values: [f64; 3]) -> BTreeMap<String, f64> {
        ["a", "b", "c"].map(ToOwned::to_owned).into_iter().zip(values).collect()
    }

    #[test]
    fn several_seeds_have_a_mean_a_range_and_an_interval_over_patients_and_runs() {
        let (one, two) = (score(0.70, 1), score(0.80, 2));
        let each = [patients([0.6, 0.7, 0.8]), patients([0.7, 0.8, 0.9])];
        let found = Measure::of_dice(&repeated(&[&one, &two]), &each).unwrap();
        assert!((found.value - 0.75).abs() < 1e-12);
        assert_eq!(found.range, Some([0.70, 0.80]));
        let [low, high] = found.interval.unwrap();
        // Wider than over runs alone (0.70 to 0.80) and than over patients alone.
        assert!(low < 0.70 && high > 0.80, "{low} {high}");
        assert!(found.protocol.starts_with("2 runs (seeds 1, 2): U-Net, 10 steps; per volume"));
        let turned = Measure::of_dice(&repeated(&[&two, &one]), &each).unwrap();
        assert_eq!(turned.protocol, found.protocol, "whatever order they are read in");
    }

    #[test]
    fn results_without_patients_show_their_range_and_say_what_is_missing() {
        let (one, two) = (score(0.70, 1), score(0.80, 2));
        let none = [BTreeMap::new(), BTreeMap::new()];
        let found = Measure::of_dice(&repeated(&[&one, &two]), &none).unwrap();
        assert_eq!((found.interval, found.range), (None, Some([0.70, 0.80])));
        assert!(found.protocol.contains("no interval"));
    }

    #[test]
    fn different_protocols_are_not_passed_off_as_one() {
        let seedless = Some("U-Net, 99 steps; per volume".into());
        let other = Score { seedless, ..score(0.5, 2) };
        let found = Measure::of(&repeated(&[&score(0.7, 1), &other])).unwrap();
        assert!(found.protocol.contains("different protocols") && found.protocol.contains("99"));
    }

    #[test]
    fn seeds_are_those_of_the_settings_and_none_is_read_out_of_a_sentence() {
        let said = |value: f64, seed: u64| {
            let protocol = format!("U-Net, 10 steps, seed {seed}; per volume");
            Score::new("dice", value, protocol)
        };
        let (one, two, same) = (said(0.7, 1), said(0.8, 2), said(0.9, 1));
        let found = Measure::of(&repeated(&[&one, &two])).unwrap();
        assert!(found.protocol.starts_with("2 runs under different protocols: "));
        let found = Measure::of(&repeated(&[&one, &same])).unwrap();
        assert_eq!(found.protocol, "2 runs: U-Net, 10 steps, seed 1; per volume");
        // A result that says no seed.
        let (one, two) = (score(0.7, 1), score(0.8, 2));
        let mut runs = repeated(&[&one, &two]);
        runs[1].seed = None;
        assert!(Measure::of(&runs).unwrap().protocol.starts_with("2 runs under different"));
    }

    #[test]
    fn one_run_has_its_own_protocol_with_its_seed() {
        let found = Measure::of(&repeated(&[&score(0.7, 5)])).unwrap();
        assert_eq!(found.protocol, "seeded with 5: a U-Net of 10 steps");
        assert_eq!(Measure::of(&[]), None);
    }
}
