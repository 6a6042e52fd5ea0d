//! `vesalius metrics`: fidelity, diversity and copying of synthetic images, each score with its protocol.

use crate::commands::fold::Fold;
use crate::commands::judge::{EXTRACTORS, JudgeArgs};
use crate::commands::overlap::Overlap;
use crate::environment::{Compute, Stop, context, stopped};
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::run::score::Scores;
use vesalius_stages::metrics::{self, LpipsNetwork, Metrics, Task, registry};

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXTRACTORS}

Metrics: frechet_distance (fid), fd_infinity, relative_distance, kid, inception_score, precision_recall (with density and
coverage), auth_pct, c_t, psnr, ssim, lpips. With --all, what cannot be measured on this input is listed with its reason;
a metric that was asked for by name and cannot be measured is an error. With --extractor inception, --all prints the
Fréchet distance in all three dialects.

psnr, ssim and lpips: of images of the same name where both folders hold the same names; else of each synthetic image
with its nearest real one, and of random pairs within either set.

Examples:
  vesalius metrics --real packs/acdc --synthetic packs/spade --all
  vesalius metrics --real real.npy --synthetic fake.npy --held-out test.npy --all --json
  vesalius metrics --real photos/ --synthetic generated/ --metrics kid,ssim --extractor inception"))]
pub struct Args {
    /// Real pack, folder of images, or features as .npy or .safetensors [N, D].
    #[arg(long, value_name = "F")]
    real: PathBuf,
    /// Synthetic pack, folder of images, or features.
    #[arg(long, value_name = "F")]
    synthetic: PathBuf,
    /// Real samples that trained nothing, for c_t [default: the test patients of a real pack].
    #[arg(long, value_name = "F")]
    held_out: Option<PathBuf>,
    /// What to measure.
    #[arg(long, value_parser = PossibleValuesParser::new(registry::names()), value_delimiter = ',',
          default_value = registry::DEFAULT)]
    metrics: Vec<String>,
    /// Everything that can be measured on this input.
    #[arg(long, conflicts_with = "metrics")]
    all: bool,
    #[command(flatten)]
    judge: JudgeArgs,
    /// Network of LPIPS.
    #[arg(long, value_enum, default_value = "alexnet")]
    lpips: LpipsNetwork,
    /// Samples in each subset of kid; torch-fidelity: 1000 [default: 1000, or half the smaller side if that is less].
    #[arg(long, value_name = "N")]
    kid_subset: Option<usize>,
    /// Divide covariances by N, as NVIDIA's code does, instead of N-1; the distance is then never called FID.
    #[arg(long)]
    biased: bool,
    /// Also give the Fréchet distance, fd_infinity and relative_distance an interval, from a hundred (20 for
    /// fd_infinity)
    /// bootstrap distances.
    #[arg(long)]
    intervals: bool,
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
    let stage = Metrics {
        real: args.fold.of(&args.real)?,
        synthetic: args.synthetic.clone(),
        held_out: args.held_out.clone(),
        settings: Task {
            extractor: args.judge.spec(),
            metrics: (!args.all).then(|| args.metrics.clone()),
            lpips: args.lpips,
            kid_subset: args.kid_subset,
            biased: args.biased,
            intervals: args.intervals,
        },
        out: args.out.clone(),
        allow_overlap: args.overlap.allow_overlap,
    };
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let Some(found) = metrics::run(&stage, &context(device, &stop))? else { return Ok(stopped()) };
    Scores { scores: found.scores, missing: found.missing }.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}
