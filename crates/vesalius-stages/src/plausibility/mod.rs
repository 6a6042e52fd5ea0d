//! Do synthetic masks look like anatomy, and do they belong to their images?

mod agreement;
mod anatomies;

use crate::context::Context;
use crate::overlap::settle;
use agreement::{Agreement, SEED};
use anatomies::Anatomies;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;
use vesalius_data::checks::overlap::made_and_side;
use vesalius_data::files::publish::write_file;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Provenance, Split};
use vesalius_data::run::part::Part;
use vesalius_data::run::score::{Missing, Score};
use vesalius_data::run::{Input, RunResult, Subject, refuse_finished};
use vesalius_report::plausibility::shares;
use vesalius_report::plausibility::{filter, sheet};

/// The stage: whose masks, against whose anatomy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plausibility {
    /// Real pack: its training patients teach the rules and the U-Net, its test patients say how often both are wrong.
    pub real: PathBuf,
    /// Synthetic pack.
    pub synthetic: PathBuf,
    /// Folder of the run.
    pub out: PathBuf,
    /// Where to write the synthetic pack without its implausible pairs.
    pub filtered: Option<PathBuf>,
    /// How.
    pub settings: Task,
    /// Go on although patients stand on both sides.
    pub allow_overlap: bool,
}

/// The settings, as a study's task holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Task {
    /// Share of real masks that may be called implausible, by which ranges are widened.
    pub false_alarms: f64,
}

impl Default for Task {
    fn default() -> Self {
        Self { false_alarms: 0.02 }
    }
}

impl Task {
    /// Refuses a share out of range.
    ///
    /// # Errors
    /// Names it and what was expected.
    pub fn check(&self) -> Result<()> {
        if !(self.false_alarms > 0.0 && self.false_alarms < 0.5) {
            bail!("--false-alarms {}: expected a share between 0 and 0.5", self.false_alarms);
        }
        Ok(())
    }
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The run that was published.
    pub result: RunResult,
    /// What could not be measured.
    pub missing: Vec<Missing>,
    /// The answer in sentences, for a reader.
    pub summary: String,
    /// Pairs in the filtered pack, where one was asked for, and in the synthetic pack.
    pub kept: Option<(usize, usize)>,
}

/// Checks every pair, and publishes the run with `checks.csv` and `implausible.png`, and the filtered pack.
///
/// # Errors
/// Packs that cannot be read, do not go together or overlap, too few masks to learn from, a training that fails, a
/// folder that holds a finished run.
pub fn run(stage: &Plausibility, context: &Context) -> Result<Option<Found>> {
    refuse_finished(&stage.out)?;
    let (real, synthetic) = (Pack::open(&stage.real)?, Pack::open(&stage.synthetic)?);
    real.in_a_fold()?;
    check(stage, &real, &synthetic)?;
    let settled = settle(&made_and_side(&real, &synthetic, Split::Test), stage.allow_overlap)?;
    let meter = context.meter();
    let anatomy = Anatomies::of(&real, &synthetic, stage.settings.false_alarms)?;
    let agreement = Agreement::measure(&real, &synthetic, context);
    if context.stopped_before_writing() {
        return Ok(None);
    }
    let agreement = agreement?;
    let held_out = anatomy.held_out();
    let mut scores = agreement.scores(&synthetic)?;
    let shares = shares::scores(&anatomy.rules, &anatomy.synthetic, held_out, SEED);
    let pair_dice = scores[0].value;
    let summary = shares::summary(&shares, pair_dice, agreement.real_dice());
    scores.extend(shares);
    settled.note(&mut scores);
    let missing = missing(&real, &scores);
    let kept = match &stage.filtered {
        Some(target) => {
            let command = context.command.clone();
            Some(filter::write(&synthetic, &anatomy.synthetic, &anatomy.rules, target, command)?)
        }
        None => None,
    };
    let csv = sheet::checks_csv(
        &synthetic,
        &anatomy.synthetic,
        &anatomy.rules.names(),
        &agreement.synthetic.of_slices(),
    );
    write_file(&stage.out.join("checks.csv"), csv.as_bytes())?;
    let picture = sheet::picture(&synthetic, &anatomy.synthetic)?;
    if let Some((_, png)) = &picture {
        write_file(&stage.out.join("implausible.png"), png)?;
    }
    let settings = json!({
        "summary": summary,
        "rules": anatomy.rules.to_json(),
        "by_rule": shares::by_rule(&anatomy.rules, &anatomy.synthetic, held_out),
        "pictured": picture.map_or(vec![], |(indices, _)| indices),
        "kept": kept,
        "seed": SEED,
    });
    let subject = Subject {
        dataset: real.manifest().dataset.clone(),
        gan: synthetic.manifest().provenance.row(),
        trained_on: None,
    };
    let inputs = vec![Input::pack("real", &real), Input::pack("synthetic", &synthetic)];
    let images = (real.len() + synthetic.len()) as u64;
    let result = meter.result("plausibility", subject, scores, inputs, Some(images), settings);
    let result = settled.of(result);
    result.publish(&stage.out)?;
    Ok(Some(Found { result, missing, summary, kept: kept.map(|kept| (kept, synthetic.len())) }))
}

/// Refuses what could only give a number without meaning.
fn check(stage: &Plausibility, real: &Pack, synthetic: &Pack) -> Result<()> {
    stage.settings.check()?;
    real.annotated()?;
    let [path, other] = [real.path().display(), synthetic.path().display()];
    if let Provenance::Synthetic { gan, .. } = &real.manifest().provenance {
        bail!("--real {path}: made by {gan}, expected real patients");
    }
    if real.manifest().classes != synthetic.manifest().classes {
        bail!(
            "{other}: classes {:?}, expected those of the real pack, {:?}",
            synthetic.manifest().classes,
            real.manifest().classes
        );
    }
    synthetic.same_images(real)?;
    if let Some(target) = &stage.filtered {
        filter::check(synthetic)?;
        if target.symlink_metadata().is_ok() && !filter::is_of(target, synthetic) {
            bail!("--filtered {}: already exists; expected a new path", target.display());
        }
    }
    Ok(())
}

/// What a real pack without test patients cannot tell.
fn missing(real: &Pack, scores: &[Score]) -> Vec<Missing> {
    let has = |of: &Part| scores.iter().any(|score| score.of.as_ref() == Some(of));
    [("pair_dice", Part::RealTestMean), (shares::METRIC, Part::HeldOutReal)]
        .into_iter()
        .filter(|(_, of)| !has(of))
        .map(|(metric, of)| Missing {
            metric: format!("{metric} ({of})"),
            reason: format!("{}: no test patient with a labelled slice", real.path().display()),
        })
        .collect()
}
