//! `vesalius completions`: what a shell needs to complete arguments.

use anyhow::Result;
use clap::Command;
use std::io::Write as _;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  vesalius completions bash > ~/.local/share/bash-completion/completions/vesalius")]
pub struct Args {
    /// Shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Prints the script for `command`.
pub fn run(args: &Args, mut command: Command) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "vesalius", &mut script);
    // A closed pipe (`| head`) is the reader's choice, not an error.
    match std::io::stdout().write_all(&script) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
