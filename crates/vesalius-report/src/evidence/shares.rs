//! Several shares of synthetic images in a batch: which one is the question's, as validation patients chose it.

use super::measure::mean;
use super::{Evidence, TrainingSet};
use vesalius_data::run::part::Part;

/// Mean Dice on the validation patients over the runs of a set; none where a run has none.
pub fn validated(set: &TrainingSet) -> Option<f64> {
    let found: Option<Vec<f64>> = set
        .judged
        .iter()
        .map(|run| run.score("dice", Some(&Part::Validation)).map(|score| score.value))
        .collect();
    found.filter(|found| !found.is_empty()).map(|found| mean(&found))
}

/// Sets that differ from one in their share only, that one among them.
fn rivals<'e, 'a>(evidence: &'e Evidence<'a>, set: &TrainingSet) -> Vec<&'e TrainingSet<'a>> {
    let alike = |other: &&TrainingSet| {
        let mut basis = other.basis.clone();
        basis.share.clone_from(&set.basis.share);
        basis == set.basis && !other.judged.is_empty()
    };
    evidence.sets.iter().filter(alike).collect()
}

/// Whether validation patients chose another share: the one with the most runs (a study repeats the one that was best
/// with its first seed), of equals the one with the best validation Dice. Without validation patients nothing is
/// passed over.
pub fn is_passed_over(evidence: &Evidence, set: &TrainingSet) -> bool {
    let rivals = rivals(evidence, set);
    let scored: Option<Vec<(usize, f64, &TrainingSet)>> =
        rivals.iter().map(|other| Some((other.trainings, validated(other)?, *other))).collect();
    let Some(scored) = scored.filter(|scored| scored.len() > 1) else { return false };
    let best = scored.iter().max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    best.is_some_and(|(.., best)| best.basis.share != set.basis.share)
}

/// The shares that one was chosen of, where there are several; `equal` is that of all packs.
pub fn chosen_of(evidence: &Evidence, set: &TrainingSet) -> Option<Vec<String>> {
    let rivals = rivals(evidence, set);
    let known = rivals.len() > 1 && rivals.iter().all(|other| validated(other).is_some());
    let share =
        |other: &&TrainingSet| other.basis.share.clone().unwrap_or_else(|| "equal".to_owned());
    known.then(|| rivals.iter().map(share).collect())
}
