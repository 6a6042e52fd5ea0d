//! What may be concluded from the evidence: comparisons, predictions, importance, and the words for them.

pub mod compare;
pub mod importance;
pub mod predict;
pub mod verdict;
