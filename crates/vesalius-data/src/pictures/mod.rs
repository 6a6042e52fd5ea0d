//! Pictures for people: slices side by side, close pairs, volumes.

pub mod closest;
pub mod montage;
pub mod surface;
pub mod volume;
