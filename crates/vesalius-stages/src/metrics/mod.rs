//! Fidelity, diversity and copying of synthetic images, each score with its protocol.

mod judged;
mod likeness;
pub mod registry;

pub use judged::of_file;
pub use likeness::LpipsNetwork;
pub use registry::Metric;

use crate::context::{Context, Measured};
use crate::judge::JudgeSpec;
use crate::overlap::{Settled, Use, compared, settle};
use crate::side::{Side, only_packs};
use anyhow::{Context as _, Result, bail};
use judged::{Judged, NoNetwork};
use likeness::Likened;
use registry::{METRICS, Measure};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vesalius_data::checks::overlap::held_out_and_others;
use vesalius_data::pack::manifest::Split;
use vesalius_data::run::score::{Missing, Score};
use vesalius_data::run::{Subject, refuse_finished};
use vesalius_torch::features::images::ImageSet;

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

/// The settings, as a study's task holds them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The network that looks.
    pub extractor: JudgeSpec,
    /// Names of [`METRICS`]; none: all that can be measured on this input, and of the others why not.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub metrics: Option<Vec<String>>,
    /// Network of LPIPS.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub lpips: LpipsNetwork,
    /// Samples in each subset of KID; 1000, or half the smaller side if that is less, where nobody says.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub kid_subset: Option<usize>,
    /// Divide covariances by N instead of N-1.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub biased: bool,
    /// Whether Fréchet distances get an interval, which costs a hundred of them.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub intervals: bool,
}

impl Task {
    /// What is to be measured, and whether what cannot be is only listed.
    ///
    /// # Errors
    /// A name that no metric has, or none at all.
    pub fn wanted(&self) -> Result<(Vec<&'static Metric>, bool)> {
        match &self.metrics {
            None => Ok((METRICS.iter().collect(), true)),
            Some(names) if names.is_empty() => bail!("metrics: none named, expected at least one"),
            Some(names) => {
                Ok((names.iter().map(|name| registry::find(name)).collect::<Result<_>>()?, false))
            }
        }
    }
}

/// Both sides, and the real samples that trained nothing.
#[derive(Debug)]
struct Sides {
    real: Side,
    synthetic: Side,
    held_out: Option<Side>,
    /// What protocols have to say of overlaps and sizes.
    settled: Settled,
}

impl Sides {
    fn open(stage: &Metrics, wanted: &[&Metric]) -> Result<Self> {
        let held_out = stage.held_out.as_deref().map(Side::open).transpose()?;
        let (real, synthetic) = (Side::open(&stage.real)?, Side::open(&stage.synthetic)?);
        if stage.out.is_some() {
            only_packs([&real, &synthetic])?;
        }
        let meeting = match (&held_out, &real, &synthetic) {
            (Some(Side::Pack(held_out)), Side::Pack(real), Side::Pack(made)) => {
                held_out_and_others(held_out, real, made)
            }
            _ if wanted.iter().any(|metric| metric.asks_who_was_seen) => {
                compared(&real, &synthetic, Use::BothSides)
            }
            _ => compared(&real, &synthetic, Use::OneSplit(Split::Train)),
        };
        let remark = stage.settings.extractor.check_sizes(&real, &synthetic)?;
        let settled = settle(&meeting, stage.allow_overlap)?;
        let settled = Settled { remark, overlap: vec![] }.and(settled);
        Ok(Self { real, synthetic, held_out, settled })
    }

    /// The real training images, all synthetic ones, the held-out ones.
    ///
    /// # Errors
    /// When a side has no images.
    fn images(&self) -> Result<(Images<'_>, Images<'_>, Option<Images<'_>>)> {
        let split = if self.held_out.is_none() { Some(Split::Train) } else { None };
        let (Some(real), Some(synthetic)) = (self.real.images(split), self.synthetic.images(None))
        else {
            bail!("--real and --synthetic: expected two feature files, or images on both sides");
        };
        let held_out = match (&self.held_out, &self.real) {
            (Some(held_out), _) => Some(held_out.images(None).with_context(|| {
                format!("--held-out {}: expected images", held_out.path().display())
            })?),
            (None, Side::Pack(_)) => self.real.images(Some(Split::Test)),
            (None, _) => None,
        };
        Ok((real, synthetic, held_out))
    }
}

type Images<'a> = Box<dyn ImageSet + 'a>;

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
    let sides = Sides::open(stage, &wanted)?;
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
