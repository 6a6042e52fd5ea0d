//! What may be concluded from the evidence: comparisons, predictions, importance, and the words for them.

mod chance;
pub mod compare;
pub mod dose;
pub mod importance;
pub mod predict;
pub mod primary;
pub mod questions;
mod trained;
pub mod verdict;
