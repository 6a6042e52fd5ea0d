//! `vesalius segment`: what training data are worth, as Dice on real test patients.

use crate::commands::fold::Fold;
use crate::commands::overlap::Overlap;
use crate::environment::{Arithmetic, Compute, Stop, context, stopped};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::pack::Pack;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Scores;
use vesalius_data::say;
use vesalius_stages::segment::{self, Segment, Steps, Task};
use vesalius_torch::segment::Preset;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Several --train packs fill equal shares of every batch. All training sets that are to be compared need the same
--steps. Only training patients of real packs train; only test patients of --test are judged.

result.json and --json also hold the Dice of each test patient (of: patient/NAME), from which `vesalius report` tests
whether one training set is better than another. --seeds 1,2,3 trains several: the report takes them as repeated runs, so
that its intervals cover chance in training as well, and their mean prediction (ensemble) as a row of its own.

A pack's name may go on: packs/acdc/patients-4 has 4 of the training patients (each number holds all smaller ones),
packs/lsgan/first-300 the first 300 synthetic pairs, in packs/lsgan/shuffled each image has the mask of another.

What is stopped goes on where the same command is given again.

Examples:
  vesalius segment --train packs/acdc --test packs/acdc --out runs/unet-real
  vesalius segment --train packs/acdc --augment --test packs/acdc --out runs/unet-augmented
  vesalius segment --train packs/wgan-gp --test packs/acdc --out runs/unet-wgan-gp
  vesalius segment --train packs/acdc --train packs/wgan-gp --test packs/acdc --out runs/unet-both
  vesalius segment --train packs/acdc --test packs/acdc --seeds 1,2,3 --out runs/unet-seeds --predictions predicted")]
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
    /// Segmenter: small (minutes), strong (nnU-Net's network with Adam), or nnunet (nnU-Net v2's recipe; for a GPU and a
    /// night).
    #[arg(long, default_value_t = Preset::Strong)]
    preset: Preset,
    /// Optimiser steps; auto: until the loss on training patients of --test who are held back falls no longer, found once
    /// and then the same for all training sets [default: the preset's].
    #[arg(long, value_name = "N|auto")]
    steps: Option<Steps>,
    /// Slices per step, or volumes [default: the preset's; of volumes 2].
    #[arg(long)]
    batch: Option<usize>,
    /// Learning rate at the start [default: the preset's].
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Filters at full resolution [default: the preset's].
    #[arg(long)]
    filters: Option<i64>,
    /// Halvings of small's U-Net; the others' are planned [default: the preset's].
    #[arg(long)]
    depth: Option<u32>,
    /// small's U-Net without batch normalisation, as in the original.
    #[arg(long)]
    no_batch_norm: bool,
    /// Any other setting, PATH=VALUE, as the run's result holds them; may be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Classical augmentation: rotations up to 15 degrees, shifts up to a tenth, flips.
    #[arg(long)]
    augment: bool,
    /// Share of each batch that synthetic packs fill together, in (0, 1) [default: an equal share of all packs].
    #[arg(long, value_name = "SHARE")]
    share: Option<f64>,
    /// Seed of weights and order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Several seeds, separated by commas: a run for each below --out, and one of their mean prediction.
    #[arg(long, value_name = "N,…", value_delimiter = ',', conflicts_with = "seed")]
    seeds: Vec<u64>,
    /// Folder for label maps of the test patients on the grids of their images, and for a pack of them; of several seeds,
    /// by their mean prediction.
    #[arg(long, value_name = "DIR")]
    predictions: Option<PathBuf>,
    #[command(flatten)]
    arithmetic: Arithmetic,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the scores as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    fold: Fold,
}

/// Volumes of a batch, where nothing else is said.
const VOLUMES: usize = 2;

pub fn run(args: &Args) -> Result<ExitCode> {
    let stage = stage(args)?;
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    let context = context(device, &stop);
    let mut scores = if args.seeds.is_empty() {
        let Some(result) = segment::run(&stage, &context)? else { return Ok(stopped()) };
        result.scores
    } else {
        let Some(found) = segment::of_seeds(&stage, &args.seeds, &context)? else {
            return Ok(stopped());
        };
        found.runs.into_iter().chain([found.ensemble]).flat_map(|result| result.scores).collect()
    };
    if !args.json {
        // Patients one by one are in result.json.
        scores.retain(|score| !matches!(score.of, Some(Part::Patient(_))));
    }
    Scores { scores, missing: Vec::new() }.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn stage(args: &Args) -> Result<Segment> {
    let test = args.fold.of(&args.test)?;
    // Packs that cannot be opened are refused where they are used.
    let volumes = Pack::open_any(&test).is_ok_and(|pack| pack.slice_shape().is_volume());
    if volumes && args.batch.is_none() {
        say!(
            "note: batches of {VOLUMES} volumes, as many as nnU-Net plans at least; --batch N for others"
        );
    }
    let task = Task {
        real: false,
        preset: args.preset,
        augment: args.augment,
        steps: args.steps,
        batch: args.batch.or(volumes.then_some(VOLUMES)),
        learning_rate: args.learning_rate,
        filters: args.filters,
        depth: args.depth,
        no_batch_norm: args.no_batch_norm,
        share: args.share,
        // Names of views of the packs say these.
        images: None,
        shuffled: false,
        set: args.set.clone(),
        seed: args.seed,
        precision: args.arithmetic.precision.unwrap_or_default(),
    };
    Ok(Segment {
        train: args.train.iter().map(|path| args.fold.of(path)).collect::<Result<_>>()?,
        test,
        out: args.out.clone(),
        settings: task.spec()?,
        auto_steps: task.auto_steps(),
        predictions: args.predictions.clone(),
        allow_overlap: args.overlap.allow_overlap,
    })
}
