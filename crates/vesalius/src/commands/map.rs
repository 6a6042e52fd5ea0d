//! `vesalius map`: real and generated samples laid out on one plane (the study's Fig. 6).

use crate::commands::fold::Fold;
use crate::commands::judge::{EXTRACTORS, JudgeArgs};
use crate::commands::overlap::Overlap;
use crate::environment::{Compute, Stop, context, stopped};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::run::score::Scores;
use vesalius_data::show;
use vesalius_stages::map::{self, Map};

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXTRACTORS}

Lays the real training slices and the samples of each GAN out on one plane, so that what a network sees as alike lies
together (UMAP, McInnes et al. 2018). One layout for all: a GAN whose samples miss a crowd of real ones does not know
that kind of slice; samples far from all real ones are of a kind that does not exist. Distances across gaps, and how
dense a crowd is, mean nothing. The same input and seed give the same map, bit for bit, whatever --threads.

Writes into RUN:
  map.svg      one panel per GAN on common axes, to print
  map.html     the same to walk through: pointing at a sample shows its image and the outlines of its mask
  map.json     every point with what it is
  result.json  trustworthiness (k = 15), for `vesalius report`; needs packs, whose manifests say what was mapped
Feature files (.npy, .safetensors) can be mapped too, without pictures and without result.json.

Examples:
  vesalius map --real packs/acdc --synthetic packs/spade --synthetic packs/dcgan --out runs/map
  vesalius map --real packs/acdc --synthetic packs/spade --extractor inception --out runs/map-inception
  vesalius map --real real.npy --synthetic fake.npy --count 10000 --out map"))]
pub struct Args {
    /// Real pack, or features as .npy or .safetensors [N, D].
    #[arg(long, value_name = "F")]
    real: PathBuf,
    /// Synthetic pack, or features; once for each GAN.
    #[arg(long, value_name = "F", required = true)]
    synthetic: Vec<PathBuf>,
    #[command(flatten)]
    judge: JudgeArgs,
    /// New folder for the map.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Samples of each set at most, drawn by the seed.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    count: usize,
    /// Seed of draws and layout.
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Points in a neighbourhood: fewer show detail, more the large shape.
    #[arg(long, default_value_t = 15, value_name = "K")]
    neighbours: usize,
    /// How near points may come on the map, 0 to 1.
    #[arg(long, default_value_t = 0.1, value_name = "D")]
    min_dist: f64,
    #[command(flatten)]
    overlap: Overlap,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let stage = Map {
        real: args.fold.of(&args.real)?,
        synthetic: args.synthetic.clone(),
        extractor: args.judge.spec(),
        out: args.out.clone(),
        count: args.count,
        seed: args.seed,
        neighbours: args.neighbours,
        min_dist: args.min_dist,
        allow_overlap: args.overlap.allow_overlap,
    };
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let Some(found) = map::run(&stage, &context(device, &stop))? else { return Ok(stopped()) };
    Scores { scores: found.scores, missing: found.missing }.print(args.json)?;
    if !args.json {
        show!("{}", args.out.join("map.html").display());
    }
    Ok(ExitCode::SUCCESS)
}
