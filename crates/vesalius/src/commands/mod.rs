//! One file per command: arguments with their manual, and what it does.

pub mod doctor;
pub mod distance;
pub mod inspect;
pub mod phantom;
pub mod prepare;
pub mod sample;
pub mod segment;
pub mod train;
