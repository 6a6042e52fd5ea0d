//! TPE in generations, with the crate `tpe` doing the estimating.

use super::random::bits;
use super::trial::{Known, Proposal, Share, Trial, keyed};
use crate::space::{Parameter, Point, Scale, Space};
use ::tpe::{TpeOptimizer, TpeOptimizerBuilder};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

/// See [`super::Sampler::Tpe`].
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub seed: u64,
    pub startup: usize,
    pub generation: usize,
    pub good_share: f64,
}

/// Tries to find a point that was not tried before.
const TRIES: usize = 50;

pub fn propose(
    space: Space,
    share: Share,
    settings: Settings,
    label: &str,
    known: &mut dyn FnMut(&[Trial], usize) -> Known,
) -> Proposal {
    let startup = settings.startup.clamp(1, share.trials.max(1));
    let first = super::random::points(space, startup.min(share.trials), settings.seed, label);
    let used_up = first.len() < startup.min(share.trials);
    let mut seen: HashSet<_> = first.iter().map(bits).collect();
    let mut trials = super::trial::whole(first, share.kimg).trials;
    loop {
        let left = share.trials - trials.len();
        if used_up || left == 0 {
            return Proposal { trials, later: 0 };
        }
        let scores: Vec<Known> = (0..trials.len()).map(|i| known(&trials, i)).collect();
        if scores.contains(&Known::Not) {
            return Proposal { trials, later: left };
        }
        let told: Vec<(Point, f64)> = trials
            .iter()
            .zip(&scores)
            .map(|(trial, known)| match known {
                Known::Score(score) => (trial.point.clone(), *score),
                _ => (trial.point.clone(), f64::INFINITY),
            })
            .collect();
        let before = trials.len();
        for index in before..before + left.min(settings.generation.max(1)) {
            let fresh = (0..TRIES)
                .map(|attempt| {
                    let mut rng = keyed(settings.seed, label, &format!("tpe/{attempt}"), index);
                    if attempt * 2 < TRIES {
                        ask(space, &told, settings.good_share, &mut rng)
                    } else {
                        space.draw(&mut rng) // what the estimators like was all tried
                    }
                })
                .find(|point| seen.insert(bits(point)));
            let Some(point) = fresh else { return Proposal { trials, later: 0 } };
            trials.push(Trial { point, kimg: share.kimg, continues: None });
        }
    }
}

fn ask(space: Space, told: &[(Point, f64)], good_share: f64, rng: &mut ChaCha8Rng) -> Point {
    space.point(|i, parameter| {
        let mut optimiser = optimiser(parameter, good_share);
        for (point, score) in told {
            let at = point[i].map_or(f64::NAN, |at| inner(parameter, at));
            optimiser.tell(at, *score).expect("a coordinate of this parameter");
        }
        let at = optimiser.ask(rng).expect("estimators of checked ranges");
        outer(parameter, at)
    })
}

fn optimiser(parameter: &Parameter, good_share: f64) -> TpeOptimizer {
    let (estimator, range) = if let Some(count) = parameter.cardinality() {
        (::tpe::histogram_estimator(), ::tpe::categorical_range(count))
    } else {
        let ([low, high], _) = parameter.ends().unwrap_or_default();
        let (low, high) = (inner(parameter, low), inner(parameter, high));
        // The crate's ranges exclude their end.
        let end = high + (high - low) * 1e-9;
        (::tpe::parzen_estimator(), ::tpe::range(low, end))
    };
    TpeOptimizerBuilder::new()
        .gamma(good_share)
        .build(estimator, range.expect("study::check refuses empty ranges"))
        .expect("study::check refuses other shares")
}

/// Where the estimator looks: logarithms of logarithmic ranges.
fn inner(parameter: &Parameter, at: f64) -> f64 {
    if parameter.choices.is_none() && parameter.scale == Scale::Log { at.ln() } else { at }
}

fn outer(parameter: &Parameter, at: f64) -> f64 {
    if let Some(count) = parameter.cardinality() {
        return at.floor().clamp(0.0, (count - 1) as f64);
    }
    let ([low, high], whole) = parameter.ends().unwrap_or_default();
    let at = if parameter.scale == Scale::Log { at.exp() } else { at };
    let at = if whole { at.round() } else { at };
    at.clamp(low, high)
}
