//! Trainings with their settings and what they reached: what Fig. 4 and its like are drawn from.

use super::lineage::training;
use super::measure::mean;
use super::runs::Run;
use super::settings::flatten;
use super::sorted::Evidence;
use std::collections::{BTreeMap, BTreeSet};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::{Outcome, TrainedOn};

/// A training with its settings and what it reached.
#[derive(Debug)]
pub struct Trial<'a> {
    /// Its GAN.
    pub gan: &'a RowId,
    /// Its settings by path.
    pub settings: BTreeMap<String, String>,
    /// Fréchet distance at its best checkpoint.
    pub distance: Option<f64>,
    /// Mean Dice of the U-Nets trained on its images alone.
    pub dice: Option<f64>,
    /// Whether it broke down.
    pub diverged: bool,
    /// Wall-clock seconds of the training, over all attempts.
    pub secs: f64,
}

/// All trainings.
pub fn trials<'a>(evidence: &Evidence<'a>) -> Vec<Trial<'a>> {
    let mut dice: BTreeMap<&std::path::Path, Vec<f64>> = BTreeMap::new();
    for run in evidence.usual_sets(TrainedOn::Synthetic).flat_map(|set| &set.judged) {
        if let (Some(score), Some(made)) = (run.dice(), training(&evidence.runs, run)) {
            dice.entry(&made.path).or_default().push(score.value);
        }
    }
    evidence
        .stage("train")
        .filter_map(|run: &'a Run| {
            Some(Trial {
                gan: run.gan()?,
                settings: flatten(&run.result.settings),
                distance: run.distance(),
                dice: dice.get(run.path.as_path()).map(|values| mean(values)),
                diverged: matches!(run.result.outcome, Outcome::Diverged { .. }),
                secs: run.result.wall_secs,
            })
        })
        .collect()
}

/// Paths that vary within a GAN, and those that vary between GANs only.
pub fn varying(trials: &[Trial]) -> (Vec<String>, Vec<String>) {
    let mut by_gan: BTreeMap<(&RowId, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut having: BTreeMap<&str, usize> = BTreeMap::new();
    for trial in trials {
        for (path, value) in &trial.settings {
            by_gan.entry((trial.gan, path)).or_default().insert(value);
            all.entry(path).or_default().insert(value);
            *having.entry(path).or_default() += 1;
        }
    }
    let within: BTreeSet<&str> =
        by_gan.iter().filter(|(_, values)| values.len() > 1).map(|((_, path), _)| *path).collect();
    // Between GANs only what every training has: the rest is a family's own.
    let between = all.iter().filter(|(path, values)| {
        values.len() > 1 && !within.contains(*path) && having[*path] == trials.len()
    });
    let between = between.map(|(path, _)| (*path).to_owned()).collect();
    (within.into_iter().map(ToOwned::to_owned).collect(), between)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use crate::evidence::fixture::evidence;
    use serde_json::json;

    #[test]
    fn what_varies_within_a_gan_is_told_from_what_only_differs_between_gans() {
        let mut fixture = Fixture::new();
        let spec = |filters: u32, loss: &str| json!({"filters": filters, "loss": loss, "same": 1});
        fixture.training("lsgan", spec(32, "ls"), Some(1.0));
        fixture.training("lsgan", spec(64, "ls"), Some(2.0));
        fixture.training("hinge", spec(64, "hinge"), Some(3.0));
        let runs = fixture.runs();
        let evidence = &evidence(&runs).unwrap()[0];
        let (within, between) = varying(&trials(evidence));
        assert_eq!((within, between), (vec!["filters".to_owned()], vec!["loss".to_owned()]));
    }
}
