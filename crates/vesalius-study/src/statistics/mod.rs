//! Statistics of numbers that were measured elsewhere: ranks, resampling, corrections for many tests.

pub mod rank;
pub mod resample;
pub mod test;
