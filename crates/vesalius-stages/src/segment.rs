//! What training data are worth, as Dice on real test patients.

use crate::context::Context;
use crate::overlap::settle;
use crate::predictions::{self, Made, Rules, Volume};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vesalius_data::checks::overlap::training_and_test;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Provenance, Split};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::{Input, RunResult, Subject, TrainedOn, refuse_finished};
use vesalius_torch::layers::norm::NormKind;
use vesalius_torch::precision::{Precision, resolved};
use vesalius_torch::segment::spec::{NetworkSpec, Preset};
use vesalius_torch::segment::{self, SegmentSpec};

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
    /// Go on although patients stand on both sides.
    pub allow_overlap: bool,
}

/// What is said of a segmenter: a preset, and what shall be other than it has it. A study's task holds it so; which packs
/// train is among its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Task {
    /// Whether the real training patients train.
    pub real: bool,
    /// What holds where nothing else is said.
    #[serde(skip_serializing_if = "crate::is_default")]
    pub preset: Preset,
    /// See [`SegmentSpec::classical`].
    pub augment: bool,
    /// See [`SegmentSpec::steps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// See [`SegmentSpec::batch`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// See [`SegmentSpec::learning_rate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// See [`vesalius_torch::nets::unet::UnetSpec::filters`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<i64>,
    /// See [`vesalius_torch::nets::unet::UnetSpec::depth`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Without batch normalisation, as in the original U-Net.
    #[serde(skip_serializing_if = "crate::is_default")]
    pub no_batch_norm: bool,
    /// Any other setting: PATH=VALUE.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// See [`SegmentSpec::seed`].
    pub seed: u64,
    /// See [`SegmentSpec::precision`].
    #[serde(skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

impl Default for Task {
    fn default() -> Self {
        Self {
            real: false,
            preset: Preset::default(),
            augment: false,
            steps: None,
            batch: None,
            learning_rate: None,
            filters: None,
            depth: None,
            no_batch_norm: false,
            set: Vec::new(),
            seed: 1,
            precision: Precision::default(),
        }
    }
}

impl Task {
    /// Says what the preset leaves unsaid, so that a task is a task whatever presets will be: those of older studies keep
    /// their names.
    ///
    /// # Errors
    /// Those of [`Task::spec`].
    pub fn settle(&mut self) -> Result<()> {
        let SegmentSpec { network, steps, batch, learning_rate, .. } = self.spec()?;
        (self.steps, self.batch) = (Some(steps), Some(batch));
        self.learning_rate = Some(learning_rate);
        if let NetworkSpec::Unet(unet) = network {
            (self.filters, self.depth) = (Some(unet.filters), Some(unet.depth));
        }
        Ok(())
    }

    /// All settings.
    ///
    /// # Errors
    /// Names what is not a setting of this preset, or out of range.
    pub fn spec(&self) -> Result<SegmentSpec> {
        let mut spec = SegmentSpec::of(self.preset);
        let Self { filters, depth, no_batch_norm, .. } = *self;
        if filters.is_some() || depth.is_some() || no_batch_norm {
            let NetworkSpec::Unet(unet) = &mut spec.network else {
                bail!(
                    "preset {}: filters, depth and normalisation are planned from the slices, expected none to be named",
                    self.preset
                );
            };
            unet.filters = filters.unwrap_or(unet.filters);
            unet.depth = depth.unwrap_or(unet.depth);
            if no_batch_norm {
                unet.norm = NormKind::None;
            }
        }
        spec.classical = self.augment;
        spec.steps = self.steps.unwrap_or(spec.steps);
        spec.batch = self.batch.unwrap_or(spec.batch);
        spec.learning_rate = self.learning_rate.unwrap_or(spec.learning_rate);
        (spec.seed, spec.precision) = (self.seed, self.precision);
        spec.with(&self.set)
    }
}

/// Trains, judges, and publishes the run; none where it was asked to stop.
///
/// # Errors
/// A folder that holds a finished run, packs that cannot be read, do not go together or overlap, a training that fails.
pub fn run(stage: &Segment, context: &Context) -> Result<Option<RunResult>> {
    refuse_finished(&stage.out)?;
    let packs: Vec<Pack> =
        stage.train.iter().map(|path| Ok(Pack::open(path)?)).collect::<Result<_>>()?;
    let test = Pack::open(&stage.test)?;
    segment::check_test(&test)?;
    let precision = resolved(stage.settings.precision, context.device);
    let spec = &SegmentSpec { precision, ..stage.settings.clone() };
    let references: Vec<&Pack> = packs.iter().collect();
    segment::check(spec, &references, &test)?;
    let subject = subject(&packs, &test, spec.classical)?;
    let settled = settle(&training_and_test(&references, &test), stage.allow_overlap)?;
    let meter = context.meter();
    let mut bar = (context.progress)("training the segmenter", spec.steps, "steps");
    let trained = segment::train(
        spec,
        &references,
        context.device,
        &context.stop,
        &mut |step, loss| bar.set(step, &format!("loss {loss:.3}")),
        None,
    );
    if context.asked() {
        return Ok(None);
    }
    let trained = trained?;
    bar.finish();
    let indices = test.indices(Split::Test);
    let predicted = segment::predict(&trained, &test, &indices, context.device, &mut |_| {})?;
    let volumes = Volume::of_pack(&test, &indices, &predicted)?;
    let classes = &test.manifest().classes;
    let mut scores =
        predictions::scores(&volumes, classes, &Rules::default(), &made(spec, &packs), spec.seed)?;
    settled.note(&mut scores);
    segment::save(&trained, &stage.out.join("unet.safetensors"))?;
    let images = spec.steps * spec.batch as u64;
    let settings = serde_json::to_value(spec)?;
    let inputs = inputs(&packs, &test);
    let result = meter.result("segment", subject, scores, inputs, Some(images), settings);
    let result = settled.of(result);
    result.publish(&stage.out)?;
    Ok(Some(result))
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

fn inputs(packs: &[Pack], test: &Pack) -> Vec<Input> {
    packs.iter().map(|pack| Input::pack("train", pack)).chain([Input::pack("test", test)]).collect()
}

/// The beginning of each protocol.
fn made(spec: &SegmentSpec, packs: &[Pack]) -> Made {
    let mut painted = String::new();
    for masks in packs.iter().filter_map(|pack| pack.manifest().provenance.painted_masks()) {
        painted += "; painted ";
        painted += &masks.to_string();
    }
    let SegmentSpec { steps, batch, seed, .. } = spec;
    let words =
        |seed: &str| format!("{}, {steps} steps of {batch} slices{seed}{painted}", spec.name());
    Made { own: words(&format!(", seed {seed}")), seedless: words("") }
}
