//! The command line: arguments, help, exit codes.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Would GAN-made images help you? Vesalius trains the GANs of the study "GANs for Medical Image Synthesis" on your
/// annotated dataset and measures what their images are worth.
#[derive(Debug, Parser)]
#[command(name = "vesalius", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print versions, devices, threads, memory and what is missing.
    Doctor(crate::commands::doctor::Args),
}

/// Parses the arguments, runs the command, prints an error once.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Doctor(args) => crate::commands::doctor::run(&args),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
