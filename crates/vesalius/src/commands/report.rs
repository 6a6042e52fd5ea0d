//! `vesalius report`: Table 2 and the figures, from finished runs.

use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::show;

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

The summary on top claims no more than paired tests over the test patients carry (p < 0.05 after Holm's correction). With
few patients and many GANs nothing can be shown, and the report says so. docs/method.md explains every number.

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
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let page = vesalius_report::write(&args.runs, &args.out)?;
    show!("{}", page.display());
    Ok(ExitCode::SUCCESS)
}
