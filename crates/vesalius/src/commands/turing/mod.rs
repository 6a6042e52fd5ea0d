//! `vesalius turing`: can experts tell synthetic images from real ones?

mod create;
mod score;

use anyhow::Result;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
`create` draws images for each reader and gives a link each; `vesalius serve --turing DIR` lets them read in a browser;
`score` turns their answers into a run that `vesalius report` shows. docs/turing.md goes the whole way.

Examples:
  vesalius turing create --real packs/acdc --synthetic packs/wgan-gp --readers 4 --out turing
  vesalius serve --turing turing
  vesalius turing score turing --out runs/turing-wgan-gp")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Draw images for readers and make their links.
    Create(create::Args),
    /// Accuracy, d′, AUC, agreement and more from the answers.
    Score(score::Args),
}

pub fn run(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Command::Create(args) => create::run(args),
        Command::Score(args) => score::run(args),
    }
}
