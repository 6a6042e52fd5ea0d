//! What every network that turns images into features offers.

use super::dialect::Dialect;
use anyhow::Result;
use tch::{Device, Tensor};

/// A network that turns images into vectors.
pub trait Extractor {
    /// Name with the weights' digest: `unet@1a2b3c4d5e6f`. Scores carry it.
    fn name(&self) -> String;

    /// Device of the weights.
    fn device(&self) -> Device;

    /// `[N, C, H, W]` in [-1, 1] → `[N, D]`.
    ///
    /// # Errors
    /// When the images do not fit the network.
    fn features(&self, image: &Tensor) -> Result<Tensor>;

    /// Class logits of features: `[N, D]` → `[N, K]`, where the network is a classifier. What the Inception Score
    /// reads.
    fn logits(&self, _features: &Tensor) -> Option<Tensor> {
        None
    }

    /// Whether this is FID's own network with its own weights: only then is the Fréchet distance a FID.
    fn is_fids(&self) -> bool {
        false
    }

    /// The same network behind the input treatment of another of FID's packages; the weights are shared. None of a
    /// network
    /// that is not FID's.
    fn in_dialect(&self, _dialect: Dialect) -> Option<Box<dyn Extractor>> {
        None
    }
}
