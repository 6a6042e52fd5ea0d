//! Several seeds as one command: a run for each, and one of their mean prediction.

use super::{Judge, Made, Opened, Segment};
use crate::context::Context;
use crate::predict;
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use vesalius_data::run::{Input, RESULT, RunResult, refuse_finished};
use vesalius_data::say;
use vesalius_torch::segment::Segmenter;

/// Runs of one training set that differ in their seed, and their ensemble.
#[derive(Debug)]
pub struct Seeds {
    /// Of each seed, in this order.
    pub runs: Vec<RunResult>,
    /// Of the mean of their probabilities.
    pub ensemble: RunResult,
}

/// Runs `seed-N` and `ensemble` in the stage's folder; none where it was asked to stop. Seeds that are finished already stay
/// as they are. Predictions are the ensemble's.
///
/// # Errors
/// Fewer than two seeds, one of them twice; runs of these seeds that were trained otherwise; those of [`super::run`].
pub fn of_seeds(stage: &Segment, seeds: &[u64], context: &Context) -> Result<Option<Seeds>> {
    if seeds.len() < 2 {
        bail!("--seeds: {} of them, expected two or more (--seed takes one)", seeds.len());
    }
    let mut sorted = seeds.to_vec();
    sorted.sort_unstable();
    if let Some((twice, _)) = sorted.iter().zip(&sorted[1..]).find(|(a, b)| a == b) {
        bail!("--seeds: {twice} twice, expected each once");
    }
    let out = stage.out.join("ensemble");
    refuse_finished(&out)?;
    let opened = Opened::of(stage, context)?;
    let predictions = opened.predictions(stage.predictions.as_deref())?;
    let Some(mut opened) = opened.settled(stage, context)? else { return Ok(None) };
    let (mut runs, mut segmenters) = (Vec::new(), Vec::new());
    for &seed in seeds {
        let Some((result, segmenter)) = of_seed(stage, &mut opened, seed, context)? else {
            return Ok(None);
        };
        runs.push(result);
        segmenters.push(segmenter);
    }
    let meter = context.meter();
    let text: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let text = format!(", mean prediction of seeds {}", text.join(", "));
    let made = Made { own: opened.words(&text), seedless: opened.words(&text) };
    let references: Vec<&Segmenter> = segmenters.iter().collect();
    let mut settings = serde_json::to_value(&opened.spec)?;
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("seed");
        settings.insert("ensemble".to_owned(), serde_json::to_value(seeds)?);
    }
    let judge = Judge { segmenters: &references, curve: None, made, predictions };
    let ensemble = opened.judge(judge, &out, &meter, settings, context)?;
    Ok(Some(Seeds { runs, ensemble }))
}

/// Trains and judges one seed, or takes what is there.
fn of_seed(
    stage: &Segment,
    opened: &mut Opened,
    seed: u64,
    context: &Context,
) -> Result<Option<(RunResult, Segmenter)>> {
    let out: PathBuf = stage.out.join(format!("seed-{seed}"));
    opened.spec.seed = seed;
    if out.join(RESULT).exists() {
        let result = RunResult::read(&out)?;
        let same = result.settings == serde_json::to_value(&opened.spec)?
            && digests(&result.inputs) == digests(&opened.inputs());
        if !same {
            bail!(
                "{}: a run of other settings or packs, expected one as this command trains it (another --out)",
                out.display()
            );
        }
        let segmenter = predict::open(&out, context.device)?.segmenters.pop();
        let segmenter = segmenter.with_context(|| format!("{}: no weights", out.display()))?;
        say!("note: {}: finished before, taken as it is", out.display());
        return Ok(Some((result, segmenter)));
    }
    let meter = context.meter();
    let Some(trained) = opened.train(&out, context)? else { return Ok(None) };
    let judge = Judge {
        segmenters: &[&trained.segmenter],
        curve: Some(&trained.curve),
        made: opened.made(),
        predictions: None,
    };
    let settings = serde_json::to_value(&opened.spec)?;
    let result = opened.judge(judge, &out, &meter, settings, context)?;
    Ok(Some((result, trained.segmenter)))
}

/// What went in, by its content.
fn digests(inputs: &[Input]) -> Vec<(&str, &str)> {
    inputs.iter().map(|input| (input.role.as_str(), input.sha256.as_str())).collect()
}
