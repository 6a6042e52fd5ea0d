//! What is said of the fits: who fits better otherwise, and is it more than chance?
//!
//! Patients are the units. From twelve on, the whole dataset is judged by the paired sign-flip test over its patients;
//! one patient, or few, by the size of the gain and by its ratio to the error of as many independent votes as the
//! border
//! has blocks. The limits were set on unaltered real scans, where no alternative came near them (docs/checks.md).

use super::alternatives::Other;
use super::{Fit, Fits, Gain};
use crate::checks::findings::Finding;
use vesalius_statistics::test::paired;

/// Standard error of the difference of two scores with one independent vote: ranks are uniform, signs random.
const ERROR: f64 = 0.82;
/// Gains below are of no interest in one patient.
const GAIN: f64 = 0.15;
/// Gain in standard errors that one patient must show, where the alternative then fits well …
const SURE: f64 = 2.5;
/// … which is this score …
const WELL: f64 = 0.4;
/// … and where it does not.
const VERY_SURE: f64 = 4.5;
/// The same of a moved mask, of which hundreds are tried.
const MOVED_GAIN: f64 = 0.25;
const MOVED_SURE: f64 = 4.0;
/// Moves that are looked at, in steps: less is how people draw.
const LEAST_MOVE: i32 = 2;
/// Patients from which on the dataset is tested over patients.
const TESTED: usize = 12;
/// Chance of a false claim about a dataset, over all alternatives.
const ALPHA: f64 = 0.01;
/// Mean gain over patients below which a claim is of no interest, however sure.
const DATASET_GAIN: f64 = 0.05;
/// Share of the patients who have to gain, for a claim about all.
const MOST: f64 = 0.75;
/// Share of other masks that fit better than the own: half of them where masks are mixed up.
const MIXED: f64 = 0.4;
/// The same for one patient whose slices are files of their own: organs of two people may well lie in one place.
const MIXED_PICTURES: f64 = 0.55;
/// Slices that are asked at least for it.
const ASKED: f64 = 8.0;

/// How the masks of a patient or dataset fit better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Better {
    /// In one of the usual ways.
    Otherwise(Other),
    /// Moved down and to the right, in steps of a share of the longer side.
    Moved([i32; 2], f64),
    /// No better than others' masks.
    Mixed,
}

impl Better {
    fn text(self) -> String {
        match self {
            Self::Otherwise(other) => {
                format!("fit their images better {}", other.text())
            }
            Self::Moved([down, right], step) => {
                let part = |by: i32, words: [&str; 2]| {
                    let percent = (f64::from(by.abs()) * 100.0 * step).round();
                    (by != 0)
                        .then(|| format!("{} by about {percent} %", words[usize::from(by > 0)]))
                };
                let parts =
                    [part(down, ["up", "down"]), part(right, ["to the left", "to the right"])];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                format!(
                    "fit their images better moved {} of the picture's longer side",
                    parts.join(" and ")
                )
            }
            Self::Mixed => "fit their images no better than masks of other slices do".to_owned(),
        }
    }

    const fn question(self) -> &'static str {
        match self {
            Self::Otherwise(other) => other.question(),
            Self::Moved(..) => "do they start at another corner than their images?",
            Self::Mixed => "are they in the order of the images, and do they belong to them?",
        }
    }
}

/// Warnings: one about the whole dataset, or one for each patient who fits better otherwise.
pub fn findings(fits: &Fits) -> Vec<Finding> {
    let told: Vec<(&String, &Fit)> =
        fits.patients().iter().filter(|(_, fit)| fit.own.steps > 0.0).collect();
    let patients: Vec<&Fit> = told.iter().map(|(_, fit)| *fit).collect();
    if let Some((better, of)) = dataset(&patients) {
        let (text, question) = (better.text(), better.question());
        let text = format!("the masks {text} (in {of} of {} patients): {question}", patients.len());
        return vec![Finding::warning("all patients", text)];
    }
    told.iter()
        .filter_map(|(name, fit)| {
            let better = patient(fit)?;
            let text = format!("the masks {}: {}", better.text(), better.question());
            Some(Finding::warning(*name, text))
        })
        .collect()
}

/// How one patient fits better.
pub fn patient(fit: &Fit) -> Option<Better> {
    let way = best(
        fit.others
            .iter()
            .filter(|(_, gain)| sure(fit, gain))
            .map(|(way, gain)| (Better::Otherwise(*way), gain.mean())),
    );
    let moved = best(moves().filter_map(|(entry, by)| {
        let gain = &fit.moved[entry];
        let holds = gain.mean() >= MOVED_GAIN && errors(fit, gain) >= MOVED_SURE;
        holds.then_some((Better::Moved(by, fit.step), gain.mean()))
    }));
    plainest(way, moved).or_else(|| {
        let limit = if fit.pictures > 0 { MIXED_PICTURES } else { MIXED };
        mixed(&[fit], limit).then_some(Better::Mixed)
    })
}

/// How a dataset fits better, and in how many patients.
fn dataset(patients: &[&Fit]) -> Option<(Better, usize)> {
    if patients.len() < 2 {
        return None;
    }
    let way = best(Other::ALL.iter().filter_map(|way| {
        let gains = gains(patients, |fit| fit.others.get(way))?;
        let alternatives = Other::ALL.len() as f64;
        let holds = if gains.len() >= TESTED {
            // Only gains count, so half of the two-sided value.
            mean(&gains) >= DATASET_GAIN && paired(&gains, 1) / 2.0 * alternatives < ALPHA
        } else {
            let pooled = pooled(patients);
            sure(&pooled, pooled.others.get(way)?)
        };
        holds.then_some((Better::Otherwise(*way), mean(&gains)))
    }));
    let moved = best(moves().filter_map(|(entry, by)| {
        let gains = gains(patients, |fit| fit.moved.get(entry))?;
        if mean(&gains) < GAIN {
            return None;
        }
        let pooled = pooled_move(patients, entry);
        (errors(&pooled, &pooled.own) >= MOVED_SURE)
            .then_some((Better::Moved(by, pooled.step), mean(&gains)))
    }));
    let better =
        plainest(way, moved).or_else(|| mixed(patients, MIXED).then_some(Better::Mixed))?;
    let gains = |fit: &Fit| match better {
        Better::Otherwise(way) => fit.others.get(&way).is_some_and(|gain| gain.mean() > 0.0),
        Better::Moved(by, _) => {
            moves().any(|(entry, other)| other == by && fit.moved[entry].mean() > 0.0)
        }
        Better::Mixed => fit.strangers[0] >= MIXED * fit.strangers[1],
    };
    Some((better, patients.iter().filter(|fit| gains(fit)).count()))
}

/// Mean gains of the patients of whom most of the border was compared; `None` where those are few, or few of them gain.
fn gains<'a>(patients: &[&'a Fit], of: impl Fn(&'a Fit) -> Option<&'a Gain>) -> Option<Vec<f64>> {
    let known = patients
        .iter()
        .filter_map(|fit| of(fit).filter(|gain| 2.0 * gain.steps >= fit.own.steps).map(Gain::mean));
    let gains: Vec<f64> = known.collect();
    let gaining = gains.iter().filter(|gain| **gain > 0.0).count() as f64;
    (2 * gains.len() >= patients.len() && gaining >= MOST * gains.len() as f64 && gaining > 0.0)
        .then_some(gains)
}

/// Whether the gain of one patient, or of a few together, is more than chance.
fn sure(fit: &Fit, gain: &Gain) -> bool {
    let errors = errors(fit, gain);
    let fits_well = fit.own.mean() + gain.mean() >= WELL;
    // Of masks that were hardly compared nothing is said.
    2.0 * gain.steps >= fit.own.steps
        && gain.mean() >= GAIN
        && errors >= if fits_well { SURE } else { VERY_SURE }
}

/// Gain in standard errors.
fn errors(fit: &Fit, gain: &Gain) -> f64 {
    gain.mean() * (gain.steps / fit.block.max(1.0)).sqrt() / ERROR
}

/// Whether masks fit no better than others'.
fn mixed(patients: &[&Fit], limit: f64) -> bool {
    let asked: Vec<&&Fit> = patients.iter().filter(|fit| fit.strangers[1] > 0.0).collect();
    let all: f64 = asked.iter().map(|fit| fit.strangers[1]).sum();
    let shares: f64 = asked.iter().map(|fit| fit.strangers[0] / fit.strangers[1]).sum();
    all >= ASKED && shares >= limit * asked.len() as f64
}

fn pooled(patients: &[&Fit]) -> Fit {
    let mut all = Fit::default();
    for fit in patients {
        all.merge(fit);
    }
    all
}

/// One move of all patients, in `own`.
fn pooled_move(patients: &[&Fit], entry: usize) -> Fit {
    let mut all = Fit::default();
    for fit in patients {
        all.own.merge(&fit.moved[entry]);
        all.block = all.block.max(fit.block);
        all.step = all.step.max(fit.step);
    }
    all
}

/// Entries of `Fit::moved` that are looked at.
fn moves() -> impl Iterator<Item = (usize, [i32; 2])> {
    (0..Fit::default().moved.len())
        .map(|entry| (entry, Fit::moves(entry)))
        .filter(|(_, by)| by.iter().any(|by| by.abs() >= LEAST_MOVE))
}

fn best(all: impl Iterator<Item = (Better, f64)>) -> Option<(Better, f64)> {
    all.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// A mirrored mask of something round fits moved, too: moves explain only what nothing simpler does.
fn plainest(way: Option<(Better, f64)>, moved: Option<(Better, f64)>) -> Option<Better> {
    match (way, moved) {
        (Some((way, gain)), Some((_, more))) if gain + 0.1 >= more => Some(way),
        (way, moved) => moved.or(way).map(|(better, _)| better),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
