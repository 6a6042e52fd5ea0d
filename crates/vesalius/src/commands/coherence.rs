//! `vesalius coherence`: do neighbouring planes of synthetic volumes fit each other?

use crate::commands::fold::Fold;
use crate::commands::overlap::Overlap;
use crate::environment::context_without_libtorch;
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::run::score::Scores;
use vesalius_data::show;
use vesalius_stages::coherence::{self, Coherence};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Between neighbouring planes of each volume are measured: of every class how far it overlaps with itself (Dice), how much
its area changes, how far its centre moves (mm) and how often it ends and begins again, and how much the image changes.
The energy distance of these numbers between real test patients and synthetic volumes is tested by permutations:
coherence_p below 0.05 says that synthetic volumes are put together otherwise than real ones. The same of test and
training patients stands beside it: real against real. What each number is on either side is in RUN/result.json.

A synthetic pack of slices is stacked in its order: what a generator of slices can do at best.

Examples:
  vesalius coherence --real packs/hearts --synthetic packs/wgan-gp-3d --out runs/coherence-wgan-gp
  vesalius coherence --real packs/hearts --synthetic packs/stylegan2-slices --out runs/coherence-stacks")]
pub struct Args {
    /// Real pack of volumes.
    #[arg(long, value_name = "PACK")]
    real: PathBuf,
    /// Synthetic pack, of volumes or of slices of the same size.
    #[arg(long, value_name = "PACK")]
    synthetic: PathBuf,
    /// Folder of the run; must not exist yet.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the scores as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let stage = Coherence {
        real: args.fold.of(&args.real)?,
        synthetic: args.synthetic.clone(),
        out: args.out.clone(),
        allow_overlap: args.overlap.allow_overlap,
    };
    let found = coherence::run(&stage, &context_without_libtorch())?;
    Scores { scores: found.scores, missing: vec![] }.print(args.json)?;
    if !args.json {
        show!(
            "what neighbouring planes are like: settings.means in {}",
            args.out.join("result.json").display()
        );
    }
    Ok(ExitCode::SUCCESS)
}
