//! Networks: the families' generators and discriminators, and the frozen networks that judge.

pub mod dcgan;
pub mod frozen;
pub mod nnunet;
pub mod pyramid;
pub mod spade;
pub mod style;
pub mod unet;
