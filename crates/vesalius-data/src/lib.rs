//! Datasets on their way into packs, packs, results of runs, and how all of them lie on a disk.
//!
//! Invariant: this crate does not link LibTorch and does not know what a GAN is.

// They panic where a stream cannot be written; `say!` and `show!` (vesalius_data::output) do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod checks;
pub mod export;
pub mod files;
pub mod formats;
pub mod import;
pub mod layouts;
pub mod output;
pub mod pack;
pub mod phantom;
pub mod pictures;
pub mod prepare;
pub mod run;
pub mod text;
pub mod volume;
pub mod weights;
