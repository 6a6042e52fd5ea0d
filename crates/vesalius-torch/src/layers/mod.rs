//! Building blocks of the networks: parameters with saved names, convolutions, normalisation, activation.

pub(crate) mod activation;
pub mod axes;
pub mod compute;
pub(crate) mod conv;
pub mod equalised;
pub mod geometry;
pub(crate) mod init;
pub mod modulated;
pub mod norm;
pub mod norm_activation;
pub mod params;
pub(crate) mod patches;
pub(crate) mod pulled_back;
pub(crate) mod resample;
pub mod soundness;
pub mod spectral;
