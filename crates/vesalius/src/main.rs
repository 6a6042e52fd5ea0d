//! `vesalius`: would GAN-made images help?

mod cli;
mod commands;
mod environment;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    vesalius_torch::memory::keep_freed_memory();
    cli::run()
}
