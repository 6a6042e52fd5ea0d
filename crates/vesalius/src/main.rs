//! `vesalius`: would GAN-made images help?

// They panic where a stream cannot be written; `say!` and `show!` (vesalius_data::output) do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod commands;
mod environment;
mod faults;
#[cfg(libtorch_behind_a_door)]
mod libtorch;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    environment::mind_signals();
    vesalius_torch::memory::keep_freed_memory();
    vesalius_torch::memory::explain_exceptions();
    faults::guard(cli::run)
}
