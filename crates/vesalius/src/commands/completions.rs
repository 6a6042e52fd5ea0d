//! `vesalius completions`: what a shell needs to complete arguments.

use clap::Command;
use std::process::ExitCode;
use vesalius_data::output;

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
pub fn run(args: &Args, mut command: Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "vesalius", &mut script);
    output::bytes(&script);
    ExitCode::SUCCESS
}
