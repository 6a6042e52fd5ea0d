//! One file per command: arguments with their manual, and what it does.

pub mod doctor;
pub mod prepare;
pub mod train;
