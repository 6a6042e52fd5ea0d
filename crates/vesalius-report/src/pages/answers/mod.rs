//! Would synthetic images help: the summary, what it stands on, and whether the numbers are sound.

pub mod classes;
pub mod comparisons;
pub mod dose;
pub mod failures;
pub mod soundness;
pub mod summary;
pub mod table2;
