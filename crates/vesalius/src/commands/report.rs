//! `vesalius report`: Table 2 and the figures, from finished runs.

use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes report.html (self-contained), table2.md, table2.csv, table2.tex, curves-*.svg and samples-*.png.

Example:
  vesalius report runs --out report")]
pub struct Args {
    /// Folders of runs, or folders that hold such folders.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Folder to write; must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs it.
pub fn run(args: &Args) -> Result<ExitCode> {
    let page = vesalius_study::report::write(&args.runs, &args.out)?;
    println!("{}", page.display());
    Ok(ExitCode::SUCCESS)
}
