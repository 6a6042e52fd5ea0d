//! How far synthetic images are from real ones: one Fréchet distance.

use crate::context::{Context, Measured};
use crate::judge::{self, JudgeSpec};
use crate::metrics::of_file;
use crate::overlap::{Use, compared, settle};
use crate::side::{RealSplit, Side, only_packs};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Subject, refuse_finished};
use vesalius_torch::Tensor;
use vesalius_torch::metrics::extrapolate::real_against_real;
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::frechet::{self, Divisor};

/// The stage: which sides, seen by which network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distance {
    /// Real pack, folder of images, or features `[N, D]`.
    pub real: PathBuf,
    /// Synthetic pack, folder of images, or features.
    pub synthetic: PathBuf,
    /// How.
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
    /// Real slices to compare with.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub real_split: RealSplit,
    /// Divide covariances by N instead of N-1.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub biased: bool,
}

/// Measures, and publishes the run where a folder is named.
///
/// # Errors
/// Sides that cannot be read, do not go together or overlap, a network that cannot be had, a folder that holds a
/// finished run.
pub fn run(stage: &Distance, context: &Context) -> Result<Option<Measured>> {
    if let Some(out) = &stage.out {
        refuse_finished(out)?;
    }
    stage.settings.extractor.check()?;
    let meter = context.meter();
    let (real, synthetic) = (Side::open_any(&stage.real)?, Side::open_any(&stage.synthetic)?);
    if stage.out.is_some() {
        only_packs([&real, &synthetic])?;
    }
    let purpose = Use::OneSplit(stage.settings.real_split.into());
    let sizes = stage.settings.extractor.check_sizes(&real, &synthetic)?;
    let settled = settle(&compared(&real, &synthetic, purpose), stage.allow_overlap)?;
    let remark = sizes + &settled.remark;
    let outcome = compare(&stage.settings, [&real, &synthetic], &remark, context);
    if context.stopped_before_writing() {
        return Ok(None);
    }
    let (score, subject) = outcome?;
    let scores = vec![score];
    let mut result = None;
    if let Some(out) = &stage.out {
        let subject = subject.context("--out: expected packs")?;
        let inputs = vec![real.input("real")?, synthetic.input("synthetic")?];
        let images = crate::images_of(&scores);
        let settings = serde_json::Value::Null;
        let found = meter.result("distance", subject, scores.clone(), inputs, images, settings);
        let found = settled.of(found);
        found.publish(out)?;
        result = Some(found);
    }
    Ok(Some(Measured { scores, missing: vec![], result }))
}

fn compare(
    settings: &Task,
    [real, synthetic]: [&Side; 2],
    remark: &str,
    context: &Context,
) -> Result<(Score, Option<Subject>)> {
    let divisor = if settings.biased { Divisor::Biased } else { Divisor::Unbiased };
    let covariance = format!("covariance divided by {}", if settings.biased { "N" } else { "N-1" });
    let score = |name: &str, a: &Tensor, b: &Tensor, treatment: &str| -> Result<Score> {
        let sets = (FeatureSet::new("real", a)?, FeatureSet::new("synthetic", b)?);
        let value = frechet::of_sets(&sets.0, &sets.1, divisor)?;
        let score = Score {
            note: real_against_real(&sets.0, divisor)?,
            real_count: Some(a.size()[0] as usize),
            synthetic_count: Some(b.size()[0] as usize),
            ..Score::new(name, value, format!("{treatment}; {covariance}"))
        };
        Ok(score.finite()?)
    };
    if let (Side::Features { matrix: a, .. }, Side::Features { matrix: b, .. }) = (real, synthetic)
    {
        let mut found = score("frechet_distance", a, b, "features from files")?;
        found.extractor = Some(of_file(real)?);
        return Ok((found, None));
    }
    let split = settings.real_split;
    let (Some(real_images), Some(synthetic_images)) =
        (real.images(Some(split.into())), synthetic.images(None))
    else {
        bail!("--real and --synthetic: expected two feature files, or images on both sides");
    };
    let judge = settings.extractor.load(real, context)?;
    let a = judge::features(&judge, ("real", real_images.as_ref()), true, context)?;
    let b = judge::features(&judge, ("synthetic", synthetic_images.as_ref()), false, context)?;
    let (treatment, subject) = judge.against([real, synthetic], split, remark);
    let name = frechet::name(judge.extractor.is_fids(), divisor);
    let mut found = score(name, &a, &b, &treatment)?;
    found.extractor = Some(judge.extractor.name());
    found.dialect = judge.dialect.map(ToOwned::to_owned);
    Ok((found, subject))
}
