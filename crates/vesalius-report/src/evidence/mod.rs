//! What the runs on one dataset say, sorted: training sets with their Dice, GANs with their scores. Every page starts
//! from here.

pub(crate) mod dose;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod lineage;
pub(crate) mod measure;
pub(crate) mod repetition;
pub(crate) mod rows;
pub mod runs;
pub(crate) mod sets;
pub(crate) mod settings;
pub(crate) mod shares;
pub(crate) mod sorted;
pub(crate) mod trials;

pub(crate) use lineage::training_packs;
pub use sets::{Control, TrainingSet, is_noise, key};
pub use sorted::{Evidence, evidence, measured};
