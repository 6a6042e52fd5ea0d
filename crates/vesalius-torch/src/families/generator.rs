//! A generator in evaluation: what sampling, previews and distances know of a family.

use crate::layers::params::Params;
use crate::pairs::batch::Pair;
use std::fmt::Debug;
use tch::Tensor;

/// What a generator makes pairs from.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `[N, Z]`, N(0, 1).
    pub latents: &'a Tensor,
    /// Label maps `[N, (D,) H, W]` to paint, for families that need them.
    pub masks: Option<&'a Tensor>,
    /// Truncation ψ in [0, 1]: 1 leaves every style as it is. Families that do not truncate ignore it.
    pub truncation: f64,
}

/// A generator in evaluation. Whether it paints given masks is its spec's to say
/// ([`crate::spec::family::FamilySpec::needs_masks`]).
pub trait Generator: Debug {
    /// Its tensors.
    fn params(&self) -> &Params;

    /// Numbers in a latent: Z, and for some families the noise of every layer.
    fn latent(&self) -> i64;

    /// Latents `[N, Z]` of real images `[N, C, (D,) H, W]` as an encoder sees them, with `noise` `[N, Z]`, N(0, 1); none
    /// where there is no encoder. To be called without gradients.
    fn styles(&self, _real: &Tensor, _noise: &Tensor) -> Option<Tensor> {
        None
    }

    /// One pair per latent. To be called without gradients: through `sample.rs`.
    fn pairs(&self, request: &Request) -> Pair;
}
