//! Would synthetic images help: the summary, what it stands on, and whether the numbers are sound.

pub mod comparisons;
pub mod soundness;
pub mod summary;
pub mod table2;
