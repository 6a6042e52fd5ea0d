//! `vesalius turing score`.

use crate::environment::meter_without_libtorch;
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::run::score::Scores;
use vesalius_data::show;
use vesalius_report::paper::TURING_ACCURACY;
use vesalius_web::turing::stage::{self, Scoring};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of each reader and over readers: accuracy, sensitivity (share of synthetic images called synthetic), specificity (share of
real images called real), d′, AUC of the confidences, and seconds per image; Fleiss' κ of the images that all judged; each
with a 95 % interval (docs/method.md). An accuracy of 0.5 and a d′ of 0 mean that readers could not tell; the cardiologists
of the paper reached 0.60.

RUN gets result.json (`vesalius report` shows it), answers.csv (a line per answer), most-convincing.png and
least-convincing.png (the synthetic images that were most surely taken for real, and for synthetic).

Reads beside a running server. Readers who have not submitted are left out unless --unfinished.

Examples:
  vesalius turing score turing --out runs/turing-wgan-gp
  vesalius turing score turing --unfinished --json")]
pub struct Args {
    /// Folder that `vesalius turing create` made.
    #[arg(value_name = "DIR")]
    test: PathBuf,
    /// Run folder to write.
    #[arg(long, value_name = "RUN", required_unless_present = "json")]
    out: Option<PathBuf>,
    /// Count answers of readers who have not submitted, too.
    #[arg(long)]
    unfinished: bool,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let Args { test, out, unfinished, seed, .. } = args;
    let scoring =
        Scoring { test: test.clone(), out: out.clone(), unfinished: *unfinished, seed: *seed };
    let scores = stage::run(&scoring, &meter_without_libtorch())?;
    Scores { scores, missing: vec![] }.print(args.json)?;
    if !args.json {
        show!("turing_accuracy of the paper's cardiologists {TURING_ACCURACY:.4}");
    }
    Ok(ExitCode::SUCCESS)
}
