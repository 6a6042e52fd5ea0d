//! `vesalius`: would GAN-made images help?

// They panic where a stream cannot be written; `say!` and `show!` (vesalius_data::output) do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod commands;
mod environment;
mod faults;
#[cfg_attr(not(libtorch_behind_a_door), path = "libtorch_linked.rs")]
mod libtorch;
#[cfg(libtorch_behind_a_door)]
mod openmp;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(libtorch_behind_a_door)]
    openmp::choose_waiting();
    environment::mind_signals();
    vesalius_torch::memory::keep_freed_memory();
    faults::guard(cli::run)
}
