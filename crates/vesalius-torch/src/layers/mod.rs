//! Building blocks of the networks: parameters with saved names, convolutions, normalisation, activation.

pub mod activation;
pub mod conv;
pub mod init;
pub mod norm;
pub mod params;
