//! Building blocks of the networks: parameters with saved names, convolutions, normalisation, activation.

pub mod activation;
pub mod conv;
pub mod equalised;
pub mod init;
pub mod modulated;
pub mod norm;
pub mod params;
pub mod patches;
pub mod pulled_back;
pub mod resample;
