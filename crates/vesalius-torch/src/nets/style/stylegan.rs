//! StyleGAN: Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks"
//! (arXiv:1812.04948); NVlabs/stylegan, `training/networks_stylegan.py`: constant input, AdaIN, noise at every layer,
//! progressive growing with fade-in.
//!
//! How far a network has grown is its level of detail (`lod` there): 0 at full size, 1 at half, 1.25 a quarter faded
//! out. It is a buffer of both networks and saved with them.
//!
//! Deviations: any number of sample channels, any size that halves to a base of 4 to 7 pixels; the generator draws only
//! the resolutions that its level of detail shows (as the reference's `recursive` structure does).

mod discriminator;
mod growth;
mod layer;
mod synthesis;

pub use discriminator::Discriminator;
pub use growth::{GrowthSpec, fade, shrink};
pub use layer::adain;
pub use synthesis::Synthesis;
