//! `vesalius report`: Table 2 and the figures, from finished runs.

use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::pack::row::RowId;
use vesalius_data::show;
use vesalius_report::PrimaryQuestion;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads result.json and the pictures of finished runs and computes nothing anew but statistics: the same runs give the
same report. Runs of train, segment, distance, metrics, copying, plausibility, turing and map are understood; U-Nets that differ
in their seed only are repeated runs of one training set. All U-Nets of a dataset must be judged on one test pack, and each run
may be there once.

Writes into --out:
  report.html            everything on one page that needs no other file; prints, and reads on a phone
  report.md              the same as Markdown, with the figures beside it
  table2, comparisons, scores, correlation, copying, plausibility, filtering, turing, cost, runs
                         each table as .md, .csv, .tex (booktabs) and .json
  fig3-*, fig4-*, correlation-*, curves-*, map-*
                         each figure as .svg and .png; samples-*, copying-*, implausible-*,
                         most-convincing-*, least-convincing-* as .png
  map-*.html             interactive latent maps, where runs have them

The summary on top answers one question: does adding one GAN's images to the real ones help, against classical
augmentation where that was tried? It helps, harms, makes no difference larger than --margin, or is undecided. Chance in
patients and in trainings counts, so that U-Nets have to be repeated with other seeds (segment --seeds 1,2,3). All other
comparisons are secondary. docs/method.md explains every number.

Examples:
  vesalius report runs --out report
  vesalius report runs/unet-* runs/metrics-lsgan --out report-lsgan")]
pub struct Args {
    /// Folders of runs, or folders that hold such folders.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Folder to write; must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// GAN whose images the report is asked about first, beside the real ones; by default the one whose U-Nets were
    /// best on validation patients, or else whose images lie nearest to the training images.
    #[arg(long, value_name = "NAME")]
    gan: Option<RowId>,
    /// Dice below which a difference does not matter.
    #[arg(long, value_name = "DICE", default_value_t = PrimaryQuestion::default().margin, value_parser = margin)]
    margin: f64,
    /// Chance of a false answer to the question, above 0 and at most 0.2.
    #[arg(long, value_name = "CHANCE", default_value_t = PrimaryQuestion::default().level, value_parser = level)]
    level: f64,
}

fn margin(text: &str) -> Result<f64, String> {
    let found: Option<f64> = text.parse().ok().filter(|margin| *margin > 0.0 && *margin < 1.0);
    found.ok_or_else(|| "expected a Dice between 0 and 1".to_owned())
}

fn level(text: &str) -> Result<f64, String> {
    let found: Option<f64> = text.parse().ok().filter(|level| *level > 0.0 && *level <= 0.2);
    found.ok_or_else(|| "expected a chance above 0 and at most 0.2".to_owned())
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let question =
        PrimaryQuestion { gan: args.gan.clone(), margin: args.margin, level: args.level };
    let page = vesalius_report::write(&args.runs, &args.out, &question)?;
    show!("{}", page.display());
    Ok(ExitCode::SUCCESS)
}
