//! Pictures for people: slices side by side, close pairs.

pub mod closest;
pub mod montage;
