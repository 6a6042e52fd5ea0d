//! What a plan is made of: tasks with what people want to know of them.

use super::progress::Progress;
use crate::task::{Key, Stage, Task};
use anyhow::Result;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A training that a study asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Name of the preset.
    pub preset: &'a str,
    /// `path=value`, in order.
    pub settings: &'a [String],
    /// Weights to start from.
    pub init_from: Option<&'a Path>,
    /// Length, thousands of images.
    pub kimg: f64,
    /// Key of its randomness.
    pub seed: u64,
}

/// A training as its stage understands it; opaque here.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Every setting.
    pub spec: Value,
    /// Whether its GAN paints masks and has to be given some.
    pub paints_masks: bool,
    /// Whether its samples can be truncated.
    pub truncates: bool,
    /// Whether an encoder of its generator can tell the styles of real images.
    pub encodes_styles: bool,
}

/// Makes specs of what a study says; the crates that do the stages know how.
pub trait Stages {
    /// Of a training.
    ///
    /// # Errors
    /// What is unknown, of the wrong type or out of range.
    fn training(&self, ask: &Ask) -> Result<Resolved>;

    /// Of another stage: `said`, and what holds where nothing is said.
    ///
    /// # Errors
    /// What is unknown, of the wrong type or out of range.
    fn settings(&self, stage: Stage, said: Value) -> Result<Value>;

    /// Whether a stage that looks at slices can be shown whole volumes as well, with settings as [`Self::settings`] gave
    /// them.
    ///
    /// # Errors
    /// Settings that are none of the stage.
    fn sees_volumes(&self, _stage: Stage, _settings: &Value) -> Result<bool> {
        Ok(false)
    }
}

/// A dataset of the study as it lies on the disk.
#[derive(Debug, Clone, PartialEq)]
pub struct PackInfo {
    /// What the study calls it.
    pub name: String,
    /// Absolute path.
    pub path: PathBuf,
    /// Of the pack.
    pub digest: String,
    /// Planes of its volumes; 1: it is of slices.
    pub planes: usize,
    /// Other programs' images that are judged by it.
    pub imported: Vec<ImportedInfo>,
    /// The same with fewer training patients.
    pub parts: Vec<PartInfo>,
}

/// A dataset with fewer training patients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartInfo {
    /// How many.
    pub patients: usize,
    /// Absolute path, which names the part.
    pub path: PathBuf,
    /// Of the part.
    pub digest: String,
}

/// A pack of another program's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedInfo {
    /// The generator.
    pub name: String,
    /// Absolute path.
    pub path: PathBuf,
    /// Of the pack.
    pub digest: String,
}

/// A task with what people want to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Its name.
    pub key: Key,
    /// What to do.
    pub task: Task,
    /// What the study calls the dataset.
    pub dataset: String,
    /// What the study calls the GAN, where one is involved.
    pub gan: Option<String>,
    /// Settings that the search chose, or what a U-Net is trained on.
    pub what: String,
}

/// The best run of one GAN on one dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct BestRun {
    /// What the study calls the dataset.
    pub dataset: String,
    /// What the study calls the GAN.
    pub gan: String,
    /// Its training.
    pub key: Key,
    /// Its distance.
    pub distance: f64,
    /// Whether the search of this group is over.
    pub last_word: bool,
    /// Settings that the search chose.
    pub what: String,
}

/// What a study needs as far as it can be told.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Tasks, finished or not, in the order in which they are best started.
    pub tasks: Vec<Arc<Planned>>,
    /// Tasks that can be named once more is known, by stage.
    pub later: BTreeMap<Stage, usize>,
    /// Trainings that the budget of hours does not pay for.
    pub withheld: usize,
    /// Points of `[dose]` that are left out: their U-Nets would see no more images than those of another point.
    pub needless: usize,
    /// The best runs so far.
    pub best: Vec<BestRun>,
}

impl Plan {
    /// Tasks that could start now.
    pub fn ready<'a>(&'a self, known: &'a Progress) -> impl Iterator<Item = &'a Arc<Planned>> {
        self.tasks.iter().filter(|planned| {
            let over = |key| known.finished.contains_key(key) || known.given_up.contains(key);
            let inputs = &planned.task.inputs;
            !over(&planned.key)
                && !known.running.contains(&planned.key)
                && inputs.iter().all(|input| known.finished.contains_key(&input.key))
        })
    }

    /// Tasks that wait for one that was given up, however far back.
    pub fn blocked(&self, known: &Progress) -> HashSet<Key> {
        let mut dead = known.given_up.clone();
        let mut blocked = HashSet::new();
        for planned in &self.tasks {
            // Inputs stand before what needs them, but for interleaved halving: those are of finished trials.
            let waits = planned.task.inputs.iter().any(|input| dead.contains(&input.key));
            if waits && !known.finished.contains_key(&planned.key) {
                dead.insert(planned.key.clone());
                blocked.insert(planned.key.clone());
            }
        }
        blocked
    }
}
