//! Which runs say how far trainings of a set lie apart, and for whom.

use crate::evidence::runs::Run;
use crate::evidence::{Evidence, TrainingSet, training_packs};
use std::collections::BTreeMap;
use vesalius_data::run::TrainedOn;
use vesalius_statistics::mrmc::{Difference, RunVariance, Trainings};

/// What chance the rows of a table hold: sets of one kind lend each other its variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// Whether no real images were trained on: such segmenters lie further apart.
    alone: bool,
    /// How many segmenters each row is a mean of, where rows are other samples or trainings of the GAN.
    of_each_sample: Option<usize>,
}

/// Dice `[trainings][patients]` of a training set.
struct Table {
    kind: Kind,
    rows: Vec<Vec<f64>>,
}

/// The difference of two sets with chance in patients and in trainings: none where no set of the kind of either was
/// repeated.
pub(super) fn difference(
    evidence: &Evidence,
    a: &TrainingSet,
    b: &TrainingSet,
    patients: &[&str],
) -> Option<Difference> {
    let (of_a, of_b) = (table(a, patients)?, table(b, patients)?);
    // Judged in the same way, on the same patients.
    let like = evidence.sets.iter().filter(|set| {
        set.is_original() && set.basis.settings == a.basis.settings && !set.judged.is_empty()
    });
    let tables: Vec<Table> = like.filter_map(|set| table(set, patients)).collect();
    let pooled = |kind: Kind| {
        let own = tables.iter().filter(|table| table.kind == kind);
        RunVariance::pooled(own.map(|table| table.rows.as_slice()))
    };
    let trainings = if of_a.kind == of_b.kind {
        Trainings::Alike(pooled(of_a.kind)?)
    } else {
        Trainings::Apart([pooled(of_a.kind)?, pooled(of_b.kind)?])
    };
    Difference::new(&of_a.rows, &of_b.rows, trainings)
}

/// How many sets lend each other the chance of `set`.
pub(super) fn lenders(evidence: &Evidence, set: &TrainingSet) -> usize {
    let alone = |set: &TrainingSet| set.trained_on == TrainedOn::Synthetic;
    let like = |other: &&TrainingSet| {
        other.is_original()
            && !other.judged.is_empty()
            && other.basis.settings == set.basis.settings
            && alone(other) == alone(set)
    };
    evidence.sets.iter().filter(like).count()
}

/// None where a run lacks one of the patients.
fn table(set: &TrainingSet, patients: &[&str]) -> Option<Table> {
    let dice = |run: &&Run| -> Option<Vec<f64>> {
        let known = run.patient_dice();
        patients.iter().map(|patient| known.get(*patient).copied()).collect()
    };
    let mut samples: BTreeMap<Vec<&str>, Vec<Vec<f64>>> = BTreeMap::new();
    for run in &set.judged {
        samples.entry(training_packs(run)).or_default().push(dice(run)?);
    }
    let alone = set.trained_on == TrainedOn::Synthetic;
    let [first, _, ..] = samples.values().collect::<Vec<_>>()[..] else {
        let rows = samples.into_values().next()?;
        return Some(Table { kind: Kind { alone, of_each_sample: None }, rows });
    };
    // Segmenters of one sample share its chance: their mean is one row.
    let kind = Kind { alone, of_each_sample: Some(first.len()) };
    let mean = |rows: &Vec<Vec<f64>>| -> Vec<f64> {
        let of = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / rows.len() as f64;
        (0..patients.len()).map(of).collect()
    };
    Some(Table { kind, rows: samples.values().map(mean).collect() })
}

/// Patients that every run of both sets tested, in order.
pub(super) fn patients<'s>(a: &'s TrainingSet, b: &TrainingSet) -> Vec<&'s str> {
    a.patients.keys().filter(|name| b.patients.contains_key(*name)).map(String::as_str).collect()
}
