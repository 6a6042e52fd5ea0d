//! From a hospital's files to packs.

pub mod manifest;
pub mod pack;
