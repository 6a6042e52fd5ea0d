//! Features: what a network sees in an image, the currency of every fidelity metric.

pub(crate) mod dialect;
mod extractor;
pub mod file;
pub mod images;
pub mod inception;
pub mod lpips;
pub mod script;
pub mod unet;

pub use extractor::{EachChannel, Extractor};
