//! The science of Vesalius: every tensor, and the specs that describe how tensors are made.
//!
//! Invariant: no database, no socket, no scheduler.

// They panic where a stream cannot be written: what there is to say is an event or an error.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub use tch::{Device, Kind, Tensor};

/// The LibTorch this was built for.
pub const LIBTORCH_VERSION: &str = env!("VESALIUS_LIBTORCH_VERSION");

/// Sets the threads of a single operation.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(threads as i32);
}

/// Threads of a single operation.
pub fn threads() -> usize {
    tch::get_num_threads() as usize
}

/// Number of CUDA devices that LibTorch sees; 0 where it was built without CUDA.
pub fn cuda_devices() -> usize {
    tch::Cuda::device_count().max(0) as usize
}

pub mod augment;
mod bound;
pub mod checkpoint;
pub mod families;
pub mod features;
pub mod layers;
pub mod memory;
pub mod metrics;
pub(crate) mod named;
pub mod nets;
pub mod objective;
pub mod optim;
pub mod pairs;
pub mod precision;
pub mod rng;
pub mod sample;
pub mod segment;
pub mod spec;
pub mod stats;
pub mod train;
pub mod trial;
