//! The science of Vesalius: every tensor, and the specs that describe how tensors are made.
//!
//! Invariant: no database, no socket, no scheduler.

pub mod batch;
pub mod rng;
