//! Networks that are never trained here: they judge, or their features are a loss.

pub mod inception;
pub mod lpips;
pub mod vgg;
