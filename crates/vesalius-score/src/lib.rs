//! Predicted masks against reference masks: what Dice does not say.
//!
//! - [`surface`]: distances between surfaces in millimetres, by pieces of surface with their area.
//! - [`edges`]: the same by voxels at the edge.
//! - [`lesions`]: connected pieces, and which of them were found.
//! - [`distance`]: exact Euclidean distances to a set of voxels, which both stand on.

pub mod distance;
pub mod edges;
pub mod grid;
pub mod lesions;
pub mod surface;

pub use grid::{Grid, Mask};
pub use surface::Distances;
