//! `vesalius distance`: how far synthetic images are from real ones.

use crate::commands::fold::Fold;
use crate::commands::judge::{EXTRACTORS, JudgeArgs};
use crate::commands::overlap::Overlap;
use crate::environment::{Compute, Stop, context, stopped};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::run::score::Scores;
use vesalius_stages::distance::{Distance, Task, run as measure};
use vesalius_stages::side::RealSplit;

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXTRACTORS}

Examples:
  vesalius distance --real packs/acdc --synthetic packs/wgan-gp --out runs/distance-wgan-gp
  vesalius distance --real real.npy --synthetic synthetic.safetensors --json"))]
pub struct Args {
    /// Real pack, folder of images, or features as .npy or .safetensors [N, D].
    #[arg(long, value_name = "F")]
    real: PathBuf,
    /// Synthetic pack, folder of images, or features.
    #[arg(long, value_name = "F")]
    synthetic: PathBuf,
    #[command(flatten)]
    judge: JudgeArgs,
    /// Real slices to compare with: those that trained the GAN, or held-out ones.
    #[arg(long, value_enum, default_value = "train")]
    real_split: RealSplit,
    /// Divide covariances by N, as NVIDIA's code does, instead of N-1; the distance is then never called FID.
    #[arg(long)]
    biased: bool,
    #[command(flatten)]
    overlap: Overlap,
    /// Also write a run folder for `vesalius report`.
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let stage = Distance {
        real: args.fold.of(&args.real)?,
        synthetic: args.synthetic.clone(),
        settings: Task {
            extractor: args.judge.spec(),
            real_split: args.real_split,
            biased: args.biased,
        },
        out: args.out.clone(),
        allow_overlap: args.overlap.allow_overlap,
    };
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let Some(found) = measure(&stage, &context(device, &stop))? else { return Ok(stopped()) };
    Scores { scores: found.scores, missing: found.missing }.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}
