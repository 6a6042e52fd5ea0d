//! The noise control of a study: a generator that knows training pairs by heart and hands them out perturbed. An audit
//! has to catch it, and its images are worth no more than the real ones shown again.

use crate::context::Context;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;
use vesalius_data::pack::Pack;
use vesalius_data::run::{Input, RunResult, Subject};
use vesalius_torch::metrics::audit::memory_gan;

/// The settings as a study's task holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Pairs.
    pub count: usize,
    /// Which training pairs, and how they are perturbed.
    pub seed: u64,
}

impl Task {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// Names the number and what was expected.
    pub fn check(&self) -> Result<()> {
        if self.count == 0 {
            bail!("count 0: expected at least 1");
        }
        Ok(())
    }
}

/// Writes `OUT/pack` and publishes the run in `out`.
///
/// # Errors
/// A pack without training slices, a damaged slice, a folder that cannot be written.
pub fn run(real: &Pack, task: &Task, out: &Path, context: &Context) -> Result<RunResult> {
    task.check()?;
    let meter = context.meter();
    let target = out.join("pack");
    memory_gan::write(real, &target, task.count, task.seed, context.command.clone())?;
    let subject = Subject {
        dataset: real.manifest().dataset.clone(),
        gan: Pack::open_any(&target)?.manifest().provenance.row(),
        trained_on: None,
    };
    let inputs = vec![Input::pack("pack", real)];
    let settings = serde_json::to_value(task)?;
    let images = Some(task.count as u64);
    let result = meter.result("memory", subject, vec![], inputs, images, settings);
    result.publish(out)?;
    Ok(result)
}
