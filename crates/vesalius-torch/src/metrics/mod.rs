//! What is measured on images and masks.

pub mod dice;
pub mod frechet;
