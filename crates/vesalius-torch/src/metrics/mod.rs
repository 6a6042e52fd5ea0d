//! What is measured on images and masks.

pub mod audit;
pub mod copying;
pub mod data_copying;
pub mod extrapolate;
pub mod features;
pub mod frechet;
pub mod inception_score;
pub mod kernel;
pub mod manifold;
pub mod numerics;
pub mod pairs;
pub mod similarity;
pub mod suite;
pub mod trustworthiness;

pub use crate::segment::dice;
