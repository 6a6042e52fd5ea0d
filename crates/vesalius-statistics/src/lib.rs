//! Statistics of numbers that were measured elsewhere: ranks, resampling, corrections for many tests, readers'
//! verdicts; and UMAP.

pub mod agreement;
pub mod alarm;
pub mod detection;
pub mod dose;
pub mod energy;
pub mod fanova;
pub mod forest;
pub mod mrmc;
pub mod normal;
pub mod proportion;
pub mod rank;
pub mod resample;
pub mod test;
pub mod umap;
