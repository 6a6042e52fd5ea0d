//! Networks: the families' generators and discriminators, and the frozen networks that judge.

pub mod dcgan;
pub mod inception;
pub mod lpips;
pub mod mapping;
pub mod patch;
pub mod pyramid;
pub mod spade;
pub(crate) mod style;
pub mod stylegan;
pub mod stylegan2;
pub mod unet;
pub mod vgg;
