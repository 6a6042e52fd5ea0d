//! Pairs of image and mask as tensors: how they are read and stacked, in which order, as one sample of a joint GAN, and
//! where a generator that paints masks gets its masks.

pub(crate) mod ahead;
pub mod batch;
pub mod cases;
pub mod joint;
pub mod masks;
pub(crate) mod order;
pub mod styles;
