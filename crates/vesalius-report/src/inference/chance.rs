//! Which runs say how far trainings of a set lie apart, and for whom.

use crate::evidence::rows;
use crate::evidence::{Evidence, TrainingSet};
use vesalius_data::run::TrainedOn;
use vesalius_statistics::mrmc::{Difference, RunVariance, Trainings};

/// What chance the rows of a table hold: sets of one kind lend each other its variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// Whether no real images were trained on: such segmenters lie further apart.
    alone: bool,
    /// Whether masks were shuffled: what comes of that is another chance.
    shuffled: bool,
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
    let tables: Vec<Table> = alike(evidence, a).filter_map(|set| table(set, patients)).collect();
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
    let same = |other: &&TrainingSet| {
        is_alone(other) == is_alone(set) && other.basis.shuffled == set.basis.shuffled
    };
    alike(evidence, set).filter(same).count()
}

/// Sets that were judged as `set` was.
fn alike<'e>(
    evidence: &'e Evidence,
    set: &TrainingSet,
) -> impl Iterator<Item = &'e TrainingSet<'e>> {
    evidence.sets.iter().filter(|other| {
        other.is_original()
            && !other.judged.is_empty()
            && other.basis.settings == set.basis.settings
    })
}

fn is_alone(set: &TrainingSet) -> bool {
    set.trained_on == TrainedOn::Synthetic
}

/// None where a run lacks one of the patients.
fn table(set: &TrainingSet, patients: &[&str]) -> Option<Table> {
    let found = rows::rows(&set.judged, Some(&patients.iter().copied().collect()))?;
    let (alone, shuffled) = (is_alone(set), set.basis.shuffled);
    let kind = Kind { alone, shuffled, of_each_sample: found.of_each_sample };
    let row = |dice: &rows::Dice| -> Option<Vec<f64>> {
        patients.iter().map(|patient| dice.get(*patient).copied()).collect()
    };
    let rows = found.each.iter().map(row).collect::<Option<Vec<_>>>()?;
    Some(Table { kind, rows })
}

/// Patients that every run of both sets tested, in order.
pub(super) fn patients<'s>(a: &'s TrainingSet, b: &TrainingSet) -> Vec<&'s str> {
    a.patients.keys().filter(|name| b.patients.contains_key(*name)).map(String::as_str).collect()
}
