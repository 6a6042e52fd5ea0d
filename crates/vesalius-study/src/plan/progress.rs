//! What a plan has to know of what was done.

use crate::task::Key;
use std::collections::{HashMap, HashSet};
use vesalius_data::run::{Outcome, RunResult};

/// What is left of a result that a plan needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Finished {
    /// When and how a training broke down.
    pub diverged: Option<String>,
    /// Least Fréchet distance during a training.
    pub distance: Option<f64>,
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
    let distance = result
        .scores
        .iter()
        .find(|score| score.metric == "frechet_distance" && result.stage == "train");
    Finished {
        diverged: match &result.outcome {
            Outcome::Diverged { reason } => Some(reason.clone()),
            Outcome::Finished => None,
        },
        distance: distance.map(|score| score.value),
        wall_secs: result.wall_secs,
        images: result.cost.images,
    }
}
