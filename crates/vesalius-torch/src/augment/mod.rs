//! Augmentation: of what a discriminator sees (differentiable, adaptive) and of a segmenter's real pairs (classical).

pub mod ada;
pub(crate) mod classical;
pub mod diff;
pub mod nnunet;
