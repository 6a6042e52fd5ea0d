//! `vesalius segment`: what training data are worth, as Dice on real test patients.

use crate::commands::overlap::Overlap;
use crate::environment::{Compute, REQUEUE, Stop};
use crate::meter::Meter;
use crate::progress::Progress;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::checks::overlap::training_and_test;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Manifest, Provenance, Split};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::{Score, Scores};
use vesalius_data::run::{Input, Subject, TrainedOn, refuse_finished};
use vesalius_data::say;
use vesalius_torch::metrics::dice::{Evaluation, Summary, Unit};
use vesalius_torch::nets::unet::UnetSpec;
use vesalius_torch::segment::{self, SegmentSpec};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Several --train packs fill equal shares of every batch. All training sets that are to be compared need the same
--steps. Only training patients of real packs train; only test patients of --test are judged.

result.json and --json also hold the Dice of each test patient (of: patient/NAME), from which `vesalius report` tests
whether one training set is better than another. Run several --seed, into a folder each: the report takes them as repeated
runs, so that its intervals cover chance in training as well.

Examples:
  vesalius segment --train packs/acdc --test packs/acdc --out runs/unet-real
  vesalius segment --train packs/acdc --augment --test packs/acdc --out runs/unet-augmented
  vesalius segment --train packs/wgan-gp --test packs/acdc --out runs/unet-wgan-gp
  vesalius segment --train packs/acdc --train packs/wgan-gp --test packs/acdc --out runs/unet-both")]
pub struct Args {
    /// Pack to train on, real or synthetic; may be repeated.
    #[arg(long, value_name = "PACK", required = true, num_args = 1..)]
    train: Vec<PathBuf>,
    /// Real pack whose test patients judge.
    #[arg(long, value_name = "PACK")]
    test: PathBuf,
    /// Folder of the run; must not exist yet.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Optimiser steps.
    #[arg(long, default_value_t = 2000)]
    steps: u64,
    /// Slices per step.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Learning rate at the start.
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// U-Net filters at full resolution.
    #[arg(long, default_value_t = 16)]
    filters: i64,
    /// U-Net halvings.
    #[arg(long, default_value_t = 4)]
    depth: u32,
    /// Without batch normalisation, as in the original U-Net.
    #[arg(long)]
    no_batch_norm: bool,
    /// Classical augmentation: rotations up to 15 degrees, shifts up to a tenth, flips.
    #[arg(long)]
    augment: bool,
    /// Seed of weights and order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the scores as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode> {
    refuse_finished(&args.out)?;
    let packs: Vec<Pack> =
        args.train.iter().map(|path| Ok(Pack::open(path)?)).collect::<Result<_>>()?;
    let test = Pack::open(&args.test)?;
    segment::check_test(&test)?;
    let spec = spec(args);
    let references: Vec<&Pack> = packs.iter().collect();
    segment::check(&spec, &references, &test)?;
    let subject = subject(&packs, &test, args.augment)?;
    let settled = args.overlap.settle(&training_and_test(&references, &test))?;
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    let meter = Meter::start();
    let mut bar = Progress::new("training the U-Net", spec.steps, "steps");
    let trained =
        segment::train(&spec, &references, device, &|| stop.asked(), &mut |step, loss| {
            bar.set(step, &format!("loss {loss:.3}"));
        });
    if stop.asked() {
        say!("stopped; the same command starts again");
        return Ok(ExitCode::from(REQUEUE));
    }
    let trained = trained?;
    bar.finish();
    let evaluation = segment::evaluate(&trained, &test, device)?;
    let mut scores = scores(&evaluation, &packs, test.manifest(), &spec);
    settled.note(&mut scores);
    segment::save(&trained, &args.out.join("unet.safetensors"))?;
    let images = spec.steps * spec.batch as u64;
    let settings = serde_json::to_value(&spec)?;
    let inputs = inputs(&packs, &test);
    let result = meter.result("segment", subject, scores.clone(), inputs, Some(images), settings);
    settled.of(result).publish(&args.out)?;
    if !args.json {
        // Patients one by one are in result.json.
        scores.retain(|score| !matches!(score.of, Some(Part::Patient(_))));
    }
    Scores { scores, missing: Vec::new() }.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn spec(args: &Args) -> SegmentSpec {
    use vesalius_torch::layers::norm::NormKind;
    let norm = if args.no_batch_norm { NormKind::None } else { NormKind::Batch };
    SegmentSpec {
        unet: UnetSpec { filters: args.filters, depth: args.depth, norm },
        steps: args.steps,
        batch: args.batch,
        learning_rate: args.learning_rate,
        augment: args.augment,
        seed: args.seed,
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

fn inputs(packs: &[Pack], test: &Pack) -> Vec<Input> {
    packs.iter().map(|pack| Input::pack("train", pack)).chain([Input::pack("test", test)]).collect()
}

/// Resamples of the patients for an interval.
const RESAMPLES: u64 = 1000;

fn scores(
    evaluation: &Evaluation,
    packs: &[Pack],
    manifest: &Manifest,
    spec: &SegmentSpec,
) -> Vec<Score> {
    let (mean_interval, class_intervals) = evaluation.intervals(Unit::Volume, spec.seed, RESAMPLES);
    let patients: std::collections::BTreeSet<&str> = manifest
        .cases
        .iter()
        .filter(|case| case.split == Split::Test)
        .map(|case| case.patient.as_str())
        .collect();
    let mut painted = String::new();
    for masks in packs.iter().filter_map(|pack| pack.manifest().provenance.painted_masks()) {
        painted += "; painted ";
        painted += &masks.to_string();
    }
    let mut scores = Vec::new();
    let mut add = |unit: DiceUnit, count: usize, summary: Summary, intervals: Option<()>| {
        let protocol = format!(
            "U-Net, {} steps of {} slices, seed {}{painted}; {} Dice on {} test patients, empty on both sides not \
             counted, mean over units, then over classes",
            spec.steps,
            spec.batch,
            spec.seed,
            unit.word(),
            patients.len()
        );
        let classes = manifest.classes[1..].iter().map(|class| Part::Class(unit, class.clone()));
        let parts = std::iter::once(Part::Mean(unit)).chain(classes);
        let values = std::iter::once(summary.mean).chain(summary.classes);
        let spans = std::iter::once(mean_interval).chain(class_intervals.iter().copied());
        for ((part, value), span) in parts.zip(values).zip(spans) {
            if let Some(value) = value {
                scores.push(Score {
                    interval: intervals.and(span),
                    of: Some(part),
                    real_count: Some(count),
                    ..Score::new("dice", value, protocol.clone())
                });
            }
        }
    };
    add(DiceUnit::Volume, evaluation.volume_count(), evaluation.per_volume(), Some(()));
    add(DiceUnit::Slice, evaluation.slice_count(), evaluation.per_slice(), None);
    add(DiceUnit::Pooled, 1, evaluation.pooled(), None);
    scores.extend(of_patients(evaluation, spec, &painted));
    scores
}

/// Dice of each test patient, for paired tests in reports; not of those in whom no class was there or predicted.
fn of_patients(evaluation: &Evaluation, spec: &SegmentSpec, painted: &str) -> Vec<Score> {
    let protocol = format!(
        "U-Net, {} steps of {} slices, seed {}{painted}; Dice of one test patient, empty on both sides not counted, mean \
         over its volumes, then over classes",
        spec.steps, spec.batch, spec.seed
    );
    let patients = evaluation.per_patient().into_iter();
    patients
        .filter_map(|(name, summary)| {
            Some(Score {
                of: Some(Part::Patient(name.to_owned())),
                ..Score::new("dice", summary.mean?, protocol.clone())
            })
        })
        .collect()
}
