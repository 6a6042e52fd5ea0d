//! The science of Vesalius: every tensor, and the specs that describe how tensors are made.
//!
//! Invariant: no database, no socket, no scheduler.

pub mod augment;
pub mod batch;
pub mod checkpoint;
pub mod gan;
pub mod joint;
pub mod layers;
pub mod loss;
pub mod nets;
pub mod optim;
pub mod regularise;
pub mod rng;
pub mod sample;
pub mod spec;
pub mod step;
