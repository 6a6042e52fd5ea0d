//! What a plan has to know of what was done.

use crate::task::Key;
use std::collections::{HashMap, HashSet};
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Outcome, RunResult};

/// What is left of a result that a plan needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Finished {
    /// When and how a training broke down.
    pub diverged: Option<String>,
    /// Least Fréchet distance during a training.
    pub distance: Option<f64>,
    /// Mean Dice of the validation patients of a U-Net, where there are some.
    pub validation: Option<f64>,
    /// Over all attempts.
    pub wall_secs: f64,
    /// Images it worked through.
    pub images: Option<u64>,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Results.
    pub finished: HashMap<Key, Finished>,
    /// Failed too often, or cancelled: there will be no result.
    pub given_up: HashSet<Key>,
    /// At work now.
    pub running: HashSet<Key>,
}

/// What a plan needs of a result.
pub fn finished(result: &RunResult) -> Finished {
    let score = |stage: &str, metric: &str, of: Option<&Part>| {
        let found = |score: &&Score| {
            score.metric == metric && of.is_none_or(|of| score.of.as_ref() == Some(of))
        };
        let own = Some(&result.scores).filter(|_| result.stage == stage)?;
        own.iter().find(found).map(|score| score.value)
    };
    Finished {
        diverged: match &result.outcome {
            Outcome::Diverged { reason } => Some(reason.clone()),
            Outcome::Finished => None,
        },
        distance: score("train", "frechet_distance", None),
        validation: score("segment", "dice", Some(&Part::Validation)),
        wall_secs: result.wall_secs,
        images: result.cost.images,
    }
}
