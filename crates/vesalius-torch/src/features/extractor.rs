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

    /// `[N, C, H, W]`, of volumes `[N, C, D, H, W]`, in [-1, 1] → `[N, D]`.
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

/// A network of grey images that looks at each channel by itself: sequences of MRI are no colours.
pub struct EachChannel {
    inner: Box<dyn Extractor>,
    channels: usize,
}

impl EachChannel {
    /// Of so many channels.
    pub fn new(inner: Box<dyn Extractor>, channels: usize) -> Self {
        Self { inner, channels }
    }
}

impl Extractor for EachChannel {
    fn name(&self) -> String {
        format!("{}, each of {} channels", self.inner.name(), self.channels)
    }

    fn device(&self) -> Device {
        self.inner.device()
    }

    fn features(&self, image: &Tensor) -> Result<Tensor> {
        let features: Vec<Tensor> = image
            .split(1, 1)
            .iter()
            .map(|channel| self.inner.features(channel))
            .collect::<Result<_>>()?;
        Ok(Tensor::cat(&features, 1))
    }

    fn in_dialect(&self, dialect: Dialect) -> Option<Box<dyn Extractor>> {
        let inner = self.inner.in_dialect(dialect)?;
        Some(Box::new(Self { inner, channels: self.channels }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    /// Mean and greatest value of a grey image.
    struct Grey;

    impl Extractor for Grey {
        fn name(&self) -> String {
            "grey".to_owned()
        }

        fn device(&self) -> Device {
            Device::Cpu
        }

        fn features(&self, image: &Tensor) -> Result<Tensor> {
            assert_eq!(image.size()[1], 1);
            let flat = image.flatten(1, -1);
            Ok(Tensor::stack(&[flat.mean_dim(1, false, Kind::Float), flat.max_dim(1, false).0], 1))
        }
    }

    #[test]
    fn channels_stand_beside_each_other_in_their_order() {
        let image = Tensor::arange(2 * 3 * 4, (Kind::Float, Device::Cpu)).reshape([2, 3, 2, 2]);
        let each = EachChannel::new(Box::new(Grey), 3);
        let found = Vec::<Vec<f32>>::try_from(each.features(&image).unwrap()).unwrap();
        assert_eq!(found[0], [1.5, 3.0, 5.5, 7.0, 9.5, 11.0]);
        assert_eq!(found[1], [13.5, 15.0, 17.5, 19.0, 21.5, 23.0]);
        assert_eq!(each.name(), "grey, each of 3 channels");
    }
}
