//! What training data are worth, as Dice on real test patients.

mod length;
mod seeds;
mod shown;
mod task;

pub use seeds::{Seeds, of_seeds};
pub use task::{Steps, Task};

use crate::context::Context;
use crate::overlap::{Settled, settle};
use crate::planes::Planes;
use crate::predict::{Kept, put};
use crate::predictions::{self, Made, Rules, Volume};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vesalius_data::checks::overlap::training_and_test;
use vesalius_data::export::predictions as maps;
use vesalius_data::files::publish::{StagedDir, write_file};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Provenance, Split};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::meter::Meter;
use vesalius_data::run::score::Score;
use vesalius_data::run::segmented::{CURVES, Curves, Length, Point};
use vesalius_data::run::{Input, RunResult, Subject, TrainedOn, refuse_finished};
use vesalius_data::say;
use vesalius_torch::precision::resolved;
use vesalius_torch::segment::{self, SegmentSpec, Segmenter, Trained};

/// The stage: which packs train, which judges, how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Packs that fill equal shares of every batch; only their training patients train.
    pub train: Vec<PathBuf>,
    /// Real pack whose test patients judge.
    pub test: PathBuf,
    /// Folder of the run.
    pub out: PathBuf,
    /// The network and its training.
    pub settings: SegmentSpec,
    /// Train as long as the loss on held-back training patients of `test` falls, instead of the settings' steps.
    pub auto_steps: bool,
    /// Folder that the predictions on the test patients go to, on the grids of their images, where they are wanted.
    pub predictions: Option<PathBuf>,
    /// Go on although patients stand on both sides.
    pub allow_overlap: bool,
}

/// Trains, judges, and publishes the run; none where it was asked to stop. What an interrupted training left in the folder
/// is gone on with.
///
/// # Errors
/// A folder that holds a finished run, packs that cannot be read, do not go together or overlap, a training that fails.
pub fn run(stage: &Segment, context: &Context) -> Result<Option<RunResult>> {
    refuse_finished(&stage.out)?;
    let opened = Opened::of(stage, context)?;
    let predictions = opened.predictions(stage.predictions.as_deref())?;
    let meter = context.meter();
    let Some(opened) = opened.settled(stage, context)? else { return Ok(None) };
    let Some(trained) = opened.train(&stage.out, context)? else { return Ok(None) };
    let judge = Judge {
        segmenters: &[&trained.segmenter],
        curve: Some(&trained.curve),
        made: opened.made(),
        predictions,
    };
    opened.judge(judge, &stage.out, &meter, serde_json::to_value(&opened.spec)?, context).map(Some)
}

/// The packs of a stage, seen to go together.
struct Opened {
    spec: SegmentSpec,
    packs: Vec<Pack>,
    test: Pack,
    subject: Subject,
    settled: Settled,
    /// How its length was found, where it was.
    length: Option<Length>,
}

/// What judges, and what becomes of its predictions.
struct Judge<'a> {
    segmenters: &'a [&'a Segmenter],
    /// Of the training, where it is one.
    curve: Option<&'a [Point]>,
    made: Made,
    predictions: Option<StagedDir>,
}

impl Opened {
    fn of(stage: &Segment, context: &Context) -> Result<Self> {
        let packs: Vec<Pack> =
            stage.train.iter().map(|path| Ok(Pack::open_any(path)?)).collect::<Result<_>>()?;
        let test = Pack::open_any(&stage.test)?;
        packs.iter().chain([&test]).try_for_each(Pack::annotated)?;
        packs.iter().chain([&test]).try_for_each(Pack::in_a_fold)?;
        segment::check_test(&test)?;
        let precision = resolved(stage.settings.precision, context.device);
        let spec = SegmentSpec { precision, ..stage.settings.clone() };
        let references: Vec<&Pack> = packs.iter().collect();
        segment::check(&spec, &references, &test)?;
        let subject = subject(&packs, &test, spec.classical)?;
        let settled = settle(&training_and_test(&references, &test), stage.allow_overlap)?;
        Ok(Self { spec, packs, test, subject, settled, length: None })
    }

    /// With the length of the training, where it has to be found; none where it was asked to stop.
    fn settled(self, stage: &Segment, context: &Context) -> Result<Option<Self>> {
        if !stage.auto_steps {
            return Ok(Some(self));
        }
        let found = match length::settled(&self.spec, &self.test, context) {
            Ok(found) => found,
            Err(_) if context.asked() => return Ok(None),
            Err(error) => return Err(error),
        };
        let held_back = found.patients.len();
        say!(
            "--steps auto: {} steps, found on {held_back} held-back training patients",
            found.steps
        );
        if found.falling {
            say!("warning: their loss was still falling after {} steps", found.steps);
        }
        let spec = SegmentSpec { steps: found.steps, ..self.spec };
        Ok(Some(Self { spec, length: Some(found), ..self }))
    }

    /// A folder for predictions, refused before the training where it could not be filled after it.
    fn predictions(&self, folder: Option<&Path>) -> Result<Option<StagedDir>> {
        let Some(folder) = folder else { return Ok(None) };
        // What has to be known of a case is the same for its planes.
        maps::check(&self.test, &self.test.indices(Split::Test))?;
        StagedDir::create(folder).map(Some)
    }

    /// Trains; none where it was asked to stop. What there is to go on with lies in `folder`.
    fn train(&self, folder: &Path, context: &Context) -> Result<Option<Trained>> {
        let spec = &self.spec;
        let packs: Vec<&Pack> = self.packs.iter().collect();
        let mut bar = (context.progress)("training the segmenter", spec.steps, "steps");
        let trained = segment::train(
            spec,
            &packs,
            context.device,
            &context.stop,
            &mut |step, loss| bar.set(step, &format!("loss {loss:.3}")),
            Some(&folder.join("training.safetensors")),
        );
        match trained {
            // Whoever stops it now has the result all the same.
            Ok(trained) => {
                bar.finish();
                Ok(Some(trained))
            }
            Err(_) if context.asked() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Predicts the test patients, measures, keeps the weights and publishes the run.
    fn judge(
        &self,
        judge: Judge,
        out: &Path,
        meter: &Meter,
        settings: serde_json::Value,
        context: &Context,
    ) -> Result<RunResult> {
        let Judge { segmenters, curve, made, predictions } = judge;
        let seen = self.predicted(segmenters, Split::Test, context)?;
        let (test, indices, predicted) = (seen.pack(), &seen.indices, &seen.predicted);
        let volumes = Volume::of_pack(test, indices, predicted)?;
        let classes = &self.test.manifest().classes;
        let rules = Rules::default();
        let mut scores = predictions::scores(&volumes, classes, &rules, &made, self.spec.seed)?;
        scores.extend(self.validated(segmenters, &made, context)?);
        self.settled.note(&mut scores);
        put(segmenters, &Kept::of(&self.spec, &self.test), out)?;
        shown::write(test, indices, predicted, out)?;
        if let Some(training) = curve {
            let curves = Curves { training: training.to_vec(), length: self.length.clone() };
            write_file(&out.join(CURVES), &serde_json::to_vec_pretty(&curves)?)?;
        }
        if let Some(folder) = predictions {
            maps::write(test, indices, predicted, &folder)?;
            let (by, target) = (self.spec.name(), folder.path().join(maps::PACK));
            maps::write_pack(test, indices, predicted, &by, &context.command, &target)?;
            folder.publish()?;
        }
        // An ensemble is of trainings that have results of their own.
        let images = curve.map(|_| self.spec.steps * self.spec.batch as u64);
        let subject = self.subject.clone();
        let result = meter.result("segment", subject, scores, self.inputs(), images, settings);
        let result = self.settled.clone().of(result);
        result.publish(out)?;
        Ok(result)
    }

    /// Predictions on one side of the test pack, plane by plane.
    fn predicted(
        &self,
        segmenters: &[&Segmenter],
        side: Split,
        context: &Context,
    ) -> Result<Planes<'_>> {
        let indices = self.test.indices(side);
        let predicted =
            segment::predict(segmenters, &self.test, &indices, context.device, &mut |_| {})?;
        Planes::of(&self.test, indices, predicted)
    }

    /// Mean Dice of the validation patients, where there are some: what generators may be chosen by.
    fn validated(
        &self,
        segmenters: &[&Segmenter],
        made: &Made,
        context: &Context,
    ) -> Result<Option<Score>> {
        if self.test.indices(Split::Validate).is_empty() {
            return Ok(None);
        }
        let seen = self.predicted(segmenters, Split::Validate, context)?;
        let volumes = Volume::of_pack(seen.pack(), &seen.indices, &seen.predicted)?;
        let score = predictions::of_validation(&volumes, self.test.classes(), made);
        Ok(score.map(Score::finite).transpose()?)
    }

    fn inputs(&self) -> Vec<Input> {
        let packs = self.packs.iter().map(|pack| Input::pack("train", pack));
        packs.chain([Input::pack("test", &self.test)]).collect()
    }

    /// The beginning of each protocol.
    fn made(&self) -> Made {
        let seed = self.spec.seed;
        Made { own: self.words(&format!(", seed {seed}")), seedless: self.words("") }
    }

    fn words(&self, seed: &str) -> String {
        let mut painted = String::new();
        for masks in self.packs.iter().filter_map(|pack| pack.manifest().provenance.painted_masks())
        {
            painted += "; painted ";
            painted += &masks.to_string();
        }
        let SegmentSpec { steps, batch, .. } = self.spec;
        let found = self.length.as_ref().map_or_else(String::new, |length| {
            format!(" (found on {} held-back training patients)", length.patients.len())
        });
        let what = self.test.slice_shape().what();
        format!("{}, {steps} steps{found} of {batch} {what}s{seed}{painted}", self.spec.name())
    }
}

/// Table 2's row and column, from where the packs came from.
fn subject(packs: &[Pack], test: &Pack, augment: bool) -> Result<Subject> {
    let mut gans = Vec::new();
    let mut real = false;
    for pack in packs {
        match pack.manifest().provenance.row() {
            None => real = true,
            Some(row) => gans.push(row),
        }
    }
    if let Provenance::Synthetic { gan, .. } = &test.manifest().provenance {
        bail!("--test {}: made by {gan}, expected real test patients", test.path().display());
    }
    let trained_on = match (real, gans.is_empty()) {
        (true, true) if augment => TrainedOn::RealAugmented,
        (true, true) => TrainedOn::Real,
        (true, false) => TrainedOn::RealAndSynthetic,
        (false, _) => TrainedOn::Synthetic,
    };
    Ok(Subject {
        dataset: test.manifest().dataset.clone(),
        gan: RowId::together(gans),
        trained_on: Some(trained_on),
    })
}
