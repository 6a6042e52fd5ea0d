//! Files: read as what they are, published whole and durably, sealed by digests.

pub mod cache;
pub mod digest;
pub mod lock;
mod process;
pub mod publish;
pub mod read;
pub mod seal;
