//! One file per command: arguments with their manual, and what it does.

pub mod coherence;
pub mod completions;
pub mod copying;
pub mod demo;
pub mod distance;
pub mod doctor;
pub mod export;
pub mod fold;
pub mod import;
pub mod init;
pub mod inspect;
pub mod judge;
pub mod manual;
pub mod map;
pub mod metrics;
pub mod overlap;
pub mod phantom;
pub mod plausibility;
pub mod predict;
pub mod prepare;
pub mod report;
pub mod sample;
pub mod score;
pub mod segment;
pub mod serve;
#[cfg(libtorch_behind_a_door)]
pub mod setup;
pub mod study;
pub mod train;
pub mod turing;
pub mod weights;
pub mod worker;
