//! `vesalius`: would GAN-made images help?

mod cli;
mod commands;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
