//! Are synthetic images training images again, and would this audit have noticed?

use crate::context::Context;
use crate::judge::{self, Judge, JudgeSpec};
use crate::overlap::{Settled, Use, compared, settle};
use crate::side::{RealSplit, Side};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vesalius_data::files::publish::write_file;
use vesalius_data::run::score::VOLUMES;
use vesalius_data::run::{RunResult, Subject, refuse_finished};
use vesalius_data::say;
use vesalius_torch::features::images::{ImageSet as _, PackImages};
use vesalius_torch::metrics::audit::conclude::{Concluded, Features, conclude};
use vesalius_torch::metrics::audit::run::{Searched, Settings, Sides};
use vesalius_torch::metrics::audit::tables::{nearest_csv, picture};
use vesalius_torch::metrics::features::FeatureSet;

/// The stage: whose images, against whose training images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copying {
    /// Real pack that the generator was trained on.
    pub real: PathBuf,
    /// Synthetic pack.
    pub synthetic: PathBuf,
    /// Folder of the run.
    pub out: PathBuf,
    /// How.
    pub settings: Task,
    /// Go on although patients stand on both sides.
    pub allow_overlap: bool,
}

/// The settings, as a study's task would hold them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Task {
    /// The network whose features are looked at, beside pixels.
    pub extractor: JudgeSpec,
    /// Leave out what needs a network's features.
    pub pixels_only: bool,
    /// Share of innocent images that may be flagged.
    pub false_alarm_rate: f64,
    /// Planted copies of each kind, at most one of each training image.
    pub planted: usize,
    /// Pairs in `closest.png`.
    pub pairs: usize,
    /// Seed of planted copies.
    pub seed: u64,
}

impl Default for Task {
    fn default() -> Self {
        Self {
            extractor: JudgeSpec::default(),
            pixels_only: false,
            false_alarm_rate: 0.01,
            planted: 100,
            pairs: 24,
            seed: 0,
        }
    }
}

impl Task {
    /// Whether whole volumes can be searched with it, not their planes alone.
    pub fn sees_volumes(&self) -> bool {
        self.pixels_only || self.extractor.sees_volumes()
    }

    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// Names the number and what was expected.
    pub fn check(&self) -> Result<()> {
        if !(self.false_alarm_rate > 0.0 && self.false_alarm_rate < 1.0) {
            bail!(
                "--false-alarm-rate {}: expected more than 0 and less than 1",
                self.false_alarm_rate
            );
        }
        if self.planted == 0 || self.pairs == 0 {
            bail!("--planted and --pairs: expected at least 1");
        }
        self.extractor.check()
    }
}

/// What an audit came to.
#[derive(Debug)]
pub struct Audit {
    /// Scores, what is missing, and the verdict.
    pub concluded: Concluded,
    /// The run that was published.
    pub result: RunResult,
}

/// Searches, concludes, and publishes the run with `nearest.csv` and `closest.png`.
///
/// # Errors
/// Sides that are no packs, cannot be read, do not go together or overlap, settings out of range, a network that cannot
/// be had, a folder that holds a finished run.
pub fn run(stage: &Copying, context: &Context) -> Result<Option<Audit>> {
    refuse_finished(&stage.out)?;
    stage.settings.check()?;
    let meter = context.meter();
    let (real, synthetic) = (Side::open_any(&stage.real)?, Side::open_any(&stage.synthetic)?);
    let settled = settle(&compared(&real, &synthetic, Use::BothSides), stage.allow_overlap)?;
    let found = audit(&stage.settings, [&real, &synthetic], &settled, context);
    if context.stopped_before_writing() {
        return Ok(None);
    }
    let Found { concluded, csv, png, images } = found?;
    let inputs = vec![real.input("real")?, synthetic.input("synthetic")?];
    let subject = Subject {
        dataset: real.pack("real")?.manifest().dataset.clone(),
        gan: synthetic.pack("synthetic")?.manifest().provenance.row(),
        trained_on: None,
    };
    write_file(&stage.out.join("nearest.csv"), csv.as_bytes())?;
    write_file(&stage.out.join("closest.png"), &png)?;
    let (scores, settings) = (concluded.scores.clone(), concluded.settings.clone());
    let result = meter.result("copying", subject, scores, inputs, Some(images), settings);
    let result = settled.of(result);
    result.publish(&stage.out)?;
    Ok(Some(Audit { concluded, result }))
}

struct Found {
    concluded: Concluded,
    csv: String,
    png: Vec<u8>,
    images: u64,
}

fn audit(
    task: &Task,
    [real, synthetic]: [&Side; 2],
    settled: &Settled,
    context: &Context,
) -> Result<Found> {
    let sides = Sides::new(real.pack("real")?, synthetic.pack("synthetic")?)?;
    let Task { false_alarm_rate, planted, seed, .. } = *task;
    let settings = Settings { false_alarm_rate, planted, seed };
    let mut bar = None;
    let searched = Searched::of(&sides, settings, &mut |what, done, total| {
        if context.asked() {
            bail!("stopped");
        }
        if done == 0 {
            bar = Some((context.progress)(what, total as u64, "images"));
        } else if let Some(bar) = &mut bar {
            bar.set(done as u64, "");
        }
        Ok(())
    })?;
    if let Some(bar) = bar {
        bar.finish();
    }
    for names in searched.persons.shared() {
        say!("note: {} have equal images: one person to this audit", names.join(", "));
    }
    let features = if task.pixels_only {
        None
    } else {
        let judge = task.extractor.load(real, context)?;
        Some(features(&judge, &sides, ([real, synthetic], &settled.remark), context)?)
    };
    let mut concluded = conclude(&sides, &searched, features.as_ref())?;
    settled.note(&mut concluded.scores);
    if sides.training.pack.slice_shape().is_volume() {
        for score in &mut concluded.scores {
            score.dialect = Some(VOLUMES.to_owned());
        }
    }
    let images = sides.training.len() + sides.held_out.len() + sides.synthetic.len();
    Ok(Found {
        csv: nearest_csv(&sides, &searched, concluded.by_features.as_ref()),
        png: picture(&sides, &searched, task.pairs)?,
        concluded,
        images: images as u64,
    })
}

fn features(
    judge: &Judge,
    sides: &Sides,
    (pair, remark): ([&Side; 2], &str),
    context: &Context,
) -> Result<Features> {
    let of = |role: &'static str, images: &PackImages, keep: bool| {
        FeatureSet::new(role, &judge::features(judge, (role, images), keep, context)?)
    };
    let held_out = if sides.held_out.is_empty() {
        Err("no test patients in the real pack".to_owned())
    } else {
        of("held-out", &sides.held_out, true).map_err(|error| format!("{error:#}"))
    };
    let (treatment, _) = judge.against(pair, RealSplit::Train, remark);
    Ok(Features {
        training: of("real", &sides.training, true)?,
        synthetic: of("synthetic", &sides.synthetic, false)?,
        held_out,
        extractor: judge.extractor.name(),
        dialect: judge.dialect.map(ToOwned::to_owned),
        treatment,
    })
}
