//! What the runs on one dataset say, sorted: training sets with their Dice, GANs with their scores. Every page starts
//! from here.

#[cfg(test)]
pub(crate) mod fixture;
pub mod lineage;
pub mod measure;
pub mod repetition;
pub mod runs;
pub mod sets;
pub mod settings;
pub mod sorted;
pub mod trials;

pub use sets::{TrainingSet, key};
pub use sorted::{Evidence, evidence, measured};
