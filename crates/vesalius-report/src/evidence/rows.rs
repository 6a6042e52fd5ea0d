//! Trainings of a set as rows of Dice over patients: runs that differ in their seed, each over all folds.

use super::lineage::training_packs;
use super::runs::Run;
use std::collections::{BTreeMap, BTreeSet};

/// Dice of patients.
pub type Dice = BTreeMap<String, f64>;

/// Trainings of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Dice of each training's patients; in folds a row is of one training in each.
    pub each: Vec<Dice>,
    /// How many segmenters each row is a mean of, where rows are other samples or trainings of a generator.
    pub of_each_sample: Option<usize>,
    /// Trainings that some folds have more of than others: they are in no row.
    pub left_out: usize,
}

/// The fold whose test patients judged a run; none without folds.
pub fn fold(run: &Run) -> Option<usize> {
    let test = run.result.inputs.iter().find(|input| input.role == "test")?;
    Some(test.fold()?.number)
}

/// Rows of runs of one training set, of `patients` or of all that they judged. None where a run lacks one of the
/// patients of its fold.
///
/// Trainings of different folds have nothing in common but their settings, so that it does not matter which ones make a
/// row: the first of each fold, the second, and so on.
pub fn rows(runs: &[&Run], patients: Option<&BTreeSet<&str>>) -> Option<Rows> {
    let mut folds: BTreeMap<Option<usize>, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        folds.entry(fold(run)).or_default().push(run);
    }
    let wanted = |dice: Dice| -> Dice {
        match patients {
            None => dice,
            Some(wanted) => {
                dice.into_iter().filter(|(name, _)| wanted.contains(name.as_str())).collect()
            }
        }
    };
    let mut of_each_sample = None;
    let mut blocks: Vec<Vec<Dice>> = vec![];
    for runs in folds.values() {
        let mut samples: BTreeMap<Vec<&str>, Vec<Dice>> = BTreeMap::new();
        for run in runs {
            samples.entry(training_packs(run)).or_default().push(wanted(run.patient_dice()));
        }
        if samples.values().flatten().all(BTreeMap::is_empty) {
            continue; // nobody of this fold is asked for
        }
        let block = if samples.len() > 1 {
            // Segmenters of one sample share its chance: their mean is one row.
            of_each_sample = samples.values().next().map(Vec::len);
            samples.values().map(|rows| mean(rows)).collect::<Option<Vec<_>>>()?
        } else {
            samples.into_values().next()?
        };
        let names: Vec<&String> = block.first()?.keys().collect();
        if block.iter().any(|row| !row.keys().eq(names.iter().copied())) {
            return None;
        }
        blocks.push(block);
    }
    let count = blocks.iter().map(Vec::len).min()?;
    let left_out = blocks.iter().map(|block| block.len() - count).sum();
    let row = |j: usize| blocks.iter().flat_map(|block| block[j].clone()).collect();
    Some(Rows { each: (0..count).map(row).collect(), of_each_sample, left_out })
}

/// Each patient's mean; none where rows are of other patients.
fn mean(rows: &[Dice]) -> Option<Dice> {
    let first = rows.first()?;
    first
        .keys()
        .map(|name| {
            let values: Option<Vec<f64>> = rows.iter().map(|row| row.get(name).copied()).collect();
            let values = values.filter(|_| rows.iter().all(|row| row.len() == first.len()))?;
            Some((name.clone(), super::measure::mean(&values)))
        })
        .collect()
}
