//! Statistics of numbers that were measured elsewhere: ranks, resampling, corrections for many tests.

pub mod alarm;
pub mod fanova;
pub mod forest;
pub mod proportion;
pub mod rank;
pub mod resample;
pub mod test;
