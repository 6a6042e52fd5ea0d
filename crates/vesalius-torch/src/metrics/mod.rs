//! What is measured on images and masks.

pub mod audit;
pub mod bounds;
pub mod copying;
pub mod data_copying;
pub mod draw;
pub mod exact;
pub mod extrapolate;
pub mod features;
pub mod frechet;
pub mod inception_score;
pub mod kernel;
pub mod kmeans;
pub mod manifold;
pub mod neighbours;
pub mod pairs;
pub mod similarity;
pub mod suite;
pub mod trustworthiness;
pub mod unit;

pub use crate::dice;
