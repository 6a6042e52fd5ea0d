//! What is left of a study, from what finished tasks took: seconds, bytes.

use std::collections::HashMap;
use vesalius_study::plan::{Plan, Progress};
use vesalius_study::task::Stage;

/// Something that was measured of finished tasks.
#[derive(Debug, Default)]
pub struct Measured<'a>(HashMap<(Stage, Option<&'a str>), (f64, usize)>);

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

    /// For all that is left: the mean of the same stage and GAN, of the same stage where that GAN has none. `None`
    /// where a
    /// stage has none at all.
    pub fn left(&self, plan: &Plan, known: &Progress) -> Option<f64> {
        let mean = |stage: Stage, gan: Option<&str>| {
            let (sum, count) = self.0.get(&(stage, gan)).or_else(|| self.0.get(&(stage, ANY)))?;
            Some(sum / *count as f64)
        };
        let mut left = 0.0;
        for planned in &plan.tasks {
            if !known.finished.contains_key(&planned.key) && !known.given_up.contains(&planned.key)
            {
                left += mean(planned.task.stage, planned.gan.as_deref())?;
            }
        }
        for (stage, count) in plan.later.iter().filter(|(_, count)| **count > 0) {
            left += mean(*stage, ANY)? * *count as f64;
        }
        Some(left)
    }
}
