//! Everything of Vesalius that needs no tensor: datasets and packs, scores, run directories, reports.
//!
//! Invariant: this crate does not link LibTorch and does not know what a GAN is.

// They panic where a stream cannot be written; `say!` and `show!` (vesalius_study::output) do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cache;
pub mod coordinate;
pub mod copying;
pub mod data;
pub mod digest;
pub mod embed;
pub mod exec;
pub mod lock;
pub mod map;
pub mod output;
pub mod plan;
pub mod plausibility;
pub mod publish;
pub mod read;
pub mod report;
pub mod room;
pub mod run_dir;
pub mod run_files;
pub mod score;
pub mod seal;
pub mod search;
pub mod space;
pub mod statistics;
pub mod store;
pub mod study;
pub mod task;
pub mod task_dir;
pub mod text;
pub mod turing;
pub mod web;
pub mod weights;
