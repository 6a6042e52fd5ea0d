//! What is left of a study, from what finished tasks took: seconds, bytes.

use std::collections::{BTreeMap, HashMap};
use vesalius_study::plan::{Plan, Progress};
use vesalius_study::task::Stage;

/// Something that was measured of finished tasks.
#[derive(Debug, Default)]
pub struct Measured<'a>(HashMap<(Stage, Option<&'a str>), (f64, usize)>);

/// Tasks of one stage and GAN that are left.
#[derive(Debug, Clone, Copy)]
pub struct Left<'a> {
    pub stage: Stage,
    /// `None`: of no GAN, or of one that is not chosen yet.
    pub gan: Option<&'a str>,
    pub tasks: usize,
    /// What one takes.
    pub each: f64,
}

impl Left<'_> {
    /// What all of them take.
    pub fn all(&self) -> f64 {
        self.tasks as f64 * self.each
    }
}

/// A stage as a whole; `None` of stages with GANs is never a task's.
const ANY: Option<&str> = Some("");

impl<'a> Measured<'a> {
    /// A finished task took so much.
    pub fn add(&mut self, stage: Stage, gan: Option<&'a str>, amount: f64) {
        for gan in [gan, ANY] {
            let sum = self.0.entry((stage, gan)).or_default();
            *sum = (sum.0 + amount, sum.1 + 1);
        }
    }

    /// Tasks of a stage and GAN that were measured.
    pub fn count(&self, stage: Stage, gan: Option<&str>) -> usize {
        self.0.get(&(stage, gan)).map_or(0, |(_, count)| *count)
    }

    /// For all that is left, by stage and GAN: the mean of the same stage and GAN, of the same stage where that GAN has
    /// none. `None` where a stage has none at all.
    pub fn parts(&self, plan: &'a Plan, known: &Progress) -> Option<Vec<Left<'a>>> {
        let mean = |stage: Stage, gan: Option<&str>| {
            let (sum, count) = self.0.get(&(stage, gan)).or_else(|| self.0.get(&(stage, ANY)))?;
            Some(sum / *count as f64)
        };
        let mut counts: BTreeMap<(Stage, Option<&'a str>), usize> = BTreeMap::new();
        for planned in &plan.tasks {
            if !known.finished.contains_key(&planned.key) && !known.given_up.contains(&planned.key)
            {
                *counts.entry((planned.task.stage, planned.gan.as_deref())).or_default() += 1;
            }
        }
        for (stage, count) in plan.later.iter().filter(|(_, count)| **count > 0) {
            *counts.entry((*stage, ANY)).or_default() += count;
        }
        let part = |((stage, gan), tasks)| {
            let gan: Option<&str> = gan;
            Some(Left {
                stage,
                gan: gan.filter(|gan| !gan.is_empty()),
                tasks,
                each: mean(stage, gan)?,
            })
        };
        counts.into_iter().map(part).collect()
    }

    /// Of all parts together.
    pub fn left(&self, plan: &'a Plan, known: &Progress) -> Option<f64> {
        // From 0: the sum of nothing is -0, and would be said so.
        Some(self.parts(plan, known)?.iter().fold(0.0, |sum, part| sum + part.all()))
    }
}
