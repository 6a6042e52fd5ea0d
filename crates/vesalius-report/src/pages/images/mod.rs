//! The synthetic images themselves: how near to real ones, how plausible, whether copied, whether readers could tell.

pub mod coherence;
pub mod copying;
pub mod correlation;
pub mod maps;
pub mod plausibility;
pub mod samples;
pub mod scores;
pub mod stage;
pub mod turing;
