//! `vesalius`: would GAN-made images help?

mod cli;
mod commands;
mod environment;
mod meter;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    environment::end_with_the_reader();
    vesalius_torch::memory::keep_freed_memory();
    cli::run()
}
