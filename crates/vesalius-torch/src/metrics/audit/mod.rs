//! Copying audit: which synthetic images are a training image again, mirrored, moved or touched up, and would this
//! audit have noticed? `search` finds each image's nearest training image over many views of it, `run` does so for
//! synthetic, held-out, training and planted images, `conclude` makes scores and a verdict of it.

pub mod align;
mod candidates;
pub mod conclude;
pub mod memory_gan;
pub mod persons;
pub(crate) mod planted;
pub mod run;
pub(crate) mod search;
pub mod tables;
pub(crate) mod verdict;
pub mod views;
