//! The families of generators.
//!
//! A family is its spec (`NAME/spec.rs`: every setting, and what must not be said), how it takes a step (`NAME.rs`),
//! its
//! networks in `nets/`, and one line in `registry.rs`; one from elsewhere calls [`register`] instead. Nothing else
//! knows
//! of it: the loop, checkpoints, statistics, sampling and the judges see the traits [`Trainer`] and [`Generator`] and
//! [`crate::spec::family::FamilySpec`].

pub mod adversarial;
pub mod core;
pub mod dcgan;
pub mod domain;
pub mod generator;
pub mod registry;
pub mod spade;
pub mod style;
#[cfg(test)]
mod tests;
pub mod trainer;

pub use domain::Domain;
pub use generator::{Generator, Request};
pub use registry::register;
pub use trainer::{Losses, Parts, StepContext, Trainer};
