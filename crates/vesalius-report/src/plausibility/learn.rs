//! Learning the rules of a dataset, and choosing their margin so that about a stated share of real masks breaks one.

use super::anatomy::Anatomy;
use super::rules::{Example, Ranges, Rules, WITNESSES};
use anyhow::{Result, bail};
use std::collections::BTreeSet;

/// Groups of patients; each is judged by rules of the others.
const FOLDS: usize = 5;
/// Real patients without whom nothing can be held out.
const LEAST_PATIENTS: usize = 3;
/// Real masks of a class without which its ranges mean nothing.
const LEAST_MASKS: usize = 10;
/// Largest margin, in widths of the tails. Where it does not suffice, more than the asked share breaks a rule, and the
/// rules say so.
const MAX_MARGIN: f64 = 5.0;

/// Learns the rules of real masks; `target`: the share of real masks of other patients that may break one.
///
/// The margin is the conformal one (Vovk et al. 2005): ranges are learned from four fifths of the patients, each mask
/// of the others needs some margin to pass, and the margin taken is that which a share of 1 − `target` of all n masks
/// needs at most, counted as ⌈(1 − target)(n + 1)⌉ of n.
///
/// # Errors
/// When there are too few patients, or too few masks of a class; the line names the class.
pub fn learn(classes: &[String], examples: &[Example], target: f64) -> Result<Rules> {
    if classes.len() < 2 {
        bail!("no class beside the background, expected masks to learn from");
    }
    let patients: BTreeSet<&str> = examples.iter().map(|example| example.patient).collect();
    if patients.len() < LEAST_PATIENTS {
        bail!("{} training patients, expected at least {LEAST_PATIENTS}", patients.len());
    }
    for (class, name) in classes.iter().enumerate().skip(1) {
        let having: Vec<&Example> =
            examples.iter().filter(|example| example.anatomy.shape(class).is_some()).collect();
        let of: BTreeSet<&str> = having.iter().map(|example| example.patient).collect();
        if having.len() < LEAST_MASKS || of.len() < WITNESSES {
            bail!(
                "class `{name}` is in {} training masks of {} patients, expected at least {LEAST_MASKS} of {WITNESSES}",
                having.len(),
                of.len()
            );
        }
    }
    let order: Vec<&str> = patients.iter().copied().collect();
    let folds = FOLDS.min(order.len());
    let fold = |patient: &str| order.binary_search(&patient).map_or(0, |at| at % folds);
    let mut needed = Vec::with_capacity(examples.len());
    for held_out in 0..folds {
        let (judged, learned): (Vec<Example>, Vec<Example>) =
            examples.iter().copied().partition(|example| fold(example.patient) == held_out);
        let ranges = Ranges::learn(classes.len(), &learned);
        needed.extend(judged.iter().map(|example| ranges.excess(example.anatomy)));
    }
    needed.sort_by(f64::total_cmp);
    let rank = ((1.0 - target) * (needed.len() + 1) as f64).ceil() as usize;
    let margin = needed[rank.clamp(1, needed.len()) - 1].min(MAX_MARGIN);
    let outside = needed.iter().filter(|&&needed| needed > margin).count();
    Ok(Rules {
        classes: classes.to_vec(),
        ranges: Ranges::learn(classes.len(), examples),
        margin,
        target,
        cross_validated: outside as f64 / needed.len() as f64,
        masks: examples.len(),
        patients: order.len(),
    })
}

/// Pairs masks with their patients.
pub fn examples<'a>(patients: &[&'a str], anatomies: &'a [Anatomy]) -> Vec<Example<'a>> {
    let pairs = patients.iter().zip(anatomies);
    pairs.map(|(patient, anatomy)| Example { patient, anatomy }).collect()
}
