//! Sockets: who gets in, how long it is waited for whom.

pub(crate) mod connection;
pub(crate) mod ends;
pub mod host;
pub(crate) mod meter;
pub(crate) mod patience;
pub(crate) mod places;
pub mod rate;
