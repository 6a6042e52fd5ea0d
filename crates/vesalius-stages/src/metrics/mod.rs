//! Fidelity, diversity and copying of synthetic images, each score with its protocol.

mod judged;
mod likeness;
pub mod registry;
mod sides;
mod task;

pub use judged::of_file;
pub use likeness::LpipsNetwork;
pub use registry::Metric;
pub use task::Task;

use crate::context::{Context, Measured};
use crate::side::{Side, only_packs};
use anyhow::{Context as _, Result, bail};
use judged::{Judged, NoNetwork};
use likeness::Likened;
use registry::Measure;
use serde::{Deserialize, Serialize};
use sides::Sides;
use std::path::PathBuf;
use vesalius_data::run::score::{Missing, Score};
use vesalius_data::run::{Subject, refuse_finished};

/// The stage: which sides, which metrics, seen by which network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Real pack, folder of images, or features `[N, D]`.
    pub real: PathBuf,
    /// Synthetic pack, folder of images, or features.
    pub synthetic: PathBuf,
    /// Real samples that trained nothing; the test patients of a real pack where none are named.
    pub held_out: Option<PathBuf>,
    /// What and how.
    pub settings: Task,
    /// Folder of the run, where one is wanted.
    pub out: Option<PathBuf>,
    /// Go on although patients stand on both sides.
    pub allow_overlap: bool,
}

/// Measures, and publishes the run where a folder is named.
///
/// # Errors
/// Sides that cannot be read, do not go together or overlap, a metric that was asked for by name and cannot be
/// measured, nothing that could be measured, a folder that holds a finished run.
pub fn run(stage: &Metrics, context: &Context) -> Result<Option<Measured>> {
    if let Some(out) = &stage.out {
        refuse_finished(out)?;
    }
    stage.settings.extractor.check()?;
    let (wanted, all) = stage.settings.wanted()?;
    let meter = context.meter();
    let held_out = stage.held_out.as_deref().map(Side::open).transpose()?;
    let (real, synthetic) = (Side::open(&stage.real)?, Side::open(&stage.synthetic)?);
    if stage.out.is_some() {
        only_packs([&real, &synthetic])?;
    }
    let sides = Sides::settled(
        (real, synthetic, held_out),
        wanted.iter().any(|metric| metric.asks_who_was_seen),
        &stage.settings.extractor,
        stage.allow_overlap,
    )?;
    let outcome = measure(&stage.settings, (&wanted, all), &sides, context);
    if context.stopped_before_writing() {
        return Ok(None);
    }
    let (scores, missing, subject) = outcome?;
    let mut result = None;
    if let Some(out) = &stage.out {
        let mut inputs = vec![sides.real.input("real")?, sides.synthetic.input("synthetic")?];
        if let Some(held_out) = &sides.held_out {
            inputs.push(held_out.input("held_out")?);
        }
        let subject = subject.context("--out: expected packs")?;
        let images = crate::images_of(&scores);
        let settings = serde_json::Value::Null;
        let found = meter.result("metrics", subject, scores.clone(), inputs, images, settings);
        let found = sides.settled.of(found);
        found.publish(out)?;
        result = Some(found);
    }
    Ok(Some(Measured { scores, missing, result }))
}

type Found = (Vec<Score>, Vec<Missing>, Option<Subject>);

fn measure(
    settings: &Task,
    (wanted, all): (&[&Metric], bool),
    sides: &Sides,
    context: &Context,
) -> Result<Found> {
    let mut scores = Vec::new();
    let mut missing = Vec::new();
    let mut take = |name: &str, found: Result<Vec<Score>>| -> Result<()> {
        match found {
            Ok(found) => scores.extend(found),
            Err(error) if all && !context.asked() => {
                missing.push(Missing { metric: name.to_owned(), reason: format!("{error:#}") });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    };
    let mut subject = None;
    let of_features: Vec<_> = wanted
        .iter()
        .filter_map(|metric| match metric.measure {
            Measure::Features(measure) => Some((metric.name, measure)),
            Measure::Images(_) => None,
        })
        .collect();
    if !of_features.is_empty() {
        match Judged::new(settings, all, sides, context) {
            Ok(judged) => {
                subject.clone_from(&judged.subject);
                for (name, measure) in of_features {
                    take(name, measure(&judged.comparison(settings)))?;
                }
                take(registry::DEFAULT, judged.other_dialects(settings))?;
            }
            // Damaged input is an error whatever was asked for; only a network that is not there may be missing.
            Err(error) if all && error.is::<NoNetwork>() => {
                for (name, _) in of_features {
                    take(name, Err(anyhow::anyhow!("{error:#}")))?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    for metric in wanted {
        if let Measure::Images(measure) = metric.measure {
            let likened = Likened { metric: metric.name, sides, lpips: settings.lpips, context };
            take(metric.name, measure(&likened))?;
        }
    }
    if scores.is_empty() {
        let reasons: Vec<String> =
            missing.iter().map(|m| format!("{}: {}", m.metric, m.reason)).collect();
        bail!("nothing could be measured: {}", reasons.join("; "));
    }
    Ok((scores, missing, subject))
}
