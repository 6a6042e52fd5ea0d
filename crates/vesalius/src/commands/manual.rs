//! `vesalius manual`: the help of every command as man pages.

use anyhow::{Context as _, Result};
use clap::Command;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::show;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vesalius manual ~/.local/share/man/man1 && man vesalius-train")]
pub struct Args {
    /// Folder of the pages; made where it is not there. Pages of earlier versions are replaced.
    #[arg(value_name = "DIR")]
    out: PathBuf,
}

/// Writes `vesalius.1` and a page of each command.
pub fn run(args: &Args, command: Command) -> Result<ExitCode> {
    let failure = || format!("{}: cannot be written", args.out.display());
    std::fs::create_dir_all(&args.out).with_context(failure)?;
    clap_mangen::generate_to(command, &args.out).with_context(failure)?;
    show!("{}: vesalius.1 and a page of each command", args.out.display());
    Ok(ExitCode::SUCCESS)
}
