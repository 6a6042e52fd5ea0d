//! Synthetic pairs from a trained generator, as a pack.

use crate::context::Context;
use crate::overlap::settle;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vesalius_data::checks::overlap::masks_and_test;
use vesalius_data::pack::Pack;
use vesalius_data::run::meter::Meter;
use vesalius_data::run::precision::Precision;
use vesalius_data::run::{Input, RunResult, Subject};
use vesalius_torch::pairs::masks::Masks;
use vesalius_torch::pairs::styles::Styles;
use vesalius_torch::sample::{Sampling, Trained};

/// The stage: how many pairs of which run, painted on which masks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Run of a training.
    pub run: PathBuf,
    /// Pack to write; must not exist yet.
    pub out: PathBuf,
    /// Pairs.
    pub count: usize,
    /// Seed of the latents.
    pub seed: u64,
    /// Pack whose masks are painted, for generators that paint masks.
    pub masks: Option<PathBuf>,
    /// Warp each mask a little before it is painted.
    pub warp: bool,
    /// The pack that the generator was trained on, whose training images lend their styles; N(0, 1) where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub styles: Option<PathBuf>,
    /// Truncation ψ, 0 to 1.
    pub truncation: f64,
    /// Slices that are stacked to a volume, of which `count` are made; 1: none are.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stack: usize,
    /// Pairs made at once; changes memory and speed, not the pairs.
    pub batch: usize,
    /// In what arithmetic.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Go on although patients stand on both sides.
    pub allow_overlap: bool,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_one(stack: &usize) -> bool {
    *stack == 1
}

/// Pairs made at once where nobody says.
pub const BATCH: usize = 32;

/// The settings as a study's task holds them; which run and which masks are its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// See [`Sample::count`].
    pub count: usize,
    /// See [`Sample::seed`].
    pub seed: u64,
    /// See [`Sample::truncation`].
    pub truncation: f64,
    /// What is painted.
    pub masks: TaskMasks,
    /// Whether training images lend their styles.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub training_styles: bool,
    /// See [`Sample::stack`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stack: usize,
    /// See [`Sample::precision`].
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

/// What a task's generator paints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskMasks {
    /// Nothing: it makes its own masks.
    None,
    /// The masks of the training patients.
    Training,
    /// The same, warped.
    Warped,
    /// Those of the task's input `masks`.
    Sampled,
}

impl Task {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// Names the number and what was expected.
    pub fn check(&self) -> Result<()> {
        check(self.count, self.truncation)
    }
}

fn check(count: usize, truncation: f64) -> Result<()> {
    if count == 0 {
        bail!("--count 0: expected at least 1");
    }
    if !(0.0..=1.0).contains(&truncation) {
        bail!("--truncation {truncation}: expected 0 to 1");
    }
    Ok(())
}

/// A pack that was sampled.
#[derive(Debug)]
pub struct Sampled {
    /// The pack.
    pub pack: Pack,
    /// The preset of its generator.
    pub preset: String,
}

/// Samples.
///
/// # Errors
/// Numbers out of range, a run without a generator, masks that do not fit or overlap with test patients, a folder that
/// exists or cannot be written.
pub fn run(stage: &Sample, context: &Context) -> Result<Sampled> {
    check(stage.count, stage.truncation)?;
    if stage.batch == 0 {
        bail!("--batch 0: expected at least 1");
    }
    let trained = Trained::load(&stage.run, context.device, stage.precision)?;
    let Sample { count, seed, batch, truncation, stack, .. } = *stage;
    let sampling = Sampling { count, seed, batch, truncation, stack };
    let masks = stage.masks.as_deref().map(Pack::open_any).transpose()?;
    if let Some(pack) = &masks {
        pack.annotated()?;
        settle(&masks_and_test(pack, &trained.template), stage.allow_overlap)?;
    }
    let painted = match &masks {
        Some(pack) => Some(Masks::new(pack, stage.warp, seed)?),
        None => None,
    };
    let lending = stage.styles.as_deref().map(Pack::open_any).transpose()?;
    let styles = match &lending {
        Some(pack) => Some(Styles::new(pack, trained.trained_on(), seed)?),
        None => None,
    };
    let (masks, styles) = (painted.as_ref(), styles.as_ref());
    let mut bar = (context.progress)("sampling", count as u64, "pairs");
    let command = context.command.clone();
    trained.sample_pack(&stage.out, &sampling, masks, styles, command, |done| {
        bar.set(done as u64, "");
    })?;
    bar.finish();
    Ok(Sampled { pack: Pack::open_any(&stage.out)?, preset: trained.spec.preset.clone() })
}

impl Sampled {
    /// The run of a study's task: `real` trained the generator, `painted` are the masks of another one.
    ///
    /// # Errors
    /// When the settings cannot be written.
    pub fn result(
        &self,
        task: &Task,
        real: &Pack,
        painted: Option<&Pack>,
        meter: &Meter,
    ) -> Result<RunResult> {
        let subject = Subject {
            dataset: real.manifest().dataset.clone(),
            gan: self.pack.manifest().provenance.row(),
            trained_on: None,
        };
        let inputs = [("pack", Some(real)), ("masks", painted)];
        let inputs = inputs.into_iter().filter_map(|(role, pack)| Some(Input::pack(role, pack?)));
        let images = Some(self.pack.len() as u64);
        let settings = serde_json::to_value(task)?;
        Ok(meter.result("sample", subject, vec![], inputs.collect(), images, settings))
    }
}
