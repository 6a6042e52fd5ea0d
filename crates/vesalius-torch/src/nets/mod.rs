//! Network families. A family is one file here, one variant of its spec, and one arm where networks are built.

pub mod dcgan;
pub mod inception;
pub mod unet;
pub mod vgg;
