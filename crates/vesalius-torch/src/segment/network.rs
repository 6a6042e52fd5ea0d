//! A segmenter: a network with its parameters, and what it is given and gives.

use super::spec::{NetworkSpec, SegmentSpec};
use super::{deep, loss};
use crate::layers::params::Params;
use crate::nets::nnunet::{NnUnet, Plan};
use crate::nets::unet::Unet;
use crate::pairs::batch::Pair;
use crate::pairs::joint::likeliest;
use crate::precision::resolve;
use crate::rng::{Purpose, reseed_torch};
use anyhow::Result;
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::manifest::SliceShape;

/// A network with its parameters.
#[derive(Debug)]
pub struct Segmenter {
    /// Named tensors.
    pub params: Params,
    network: Network,
    pub(super) classes: usize,
    pub(super) standardise: bool,
    mirror: bool,
}

#[derive(Debug)]
enum Network {
    Unet(Box<Unet>),
    /// With what both sides of its images have to be divisible by.
    Nnunet(NnUnet, [i64; 2]),
}

impl Segmenter {
    /// Builds it; the weights are a function of the seed.
    ///
    /// # Errors
    /// When the size cannot be halved as often as the U-Net's depth asks.
    pub fn new(
        spec: &SegmentSpec,
        slice_shape: SliceShape,
        classes: usize,
        device: Device,
    ) -> Result<Self> {
        reseed_torch(spec.seed, Purpose::Weights, 0);
        let mut params = Params::new(device).computing(resolve(spec.precision, device));
        let size = [slice_shape.height as i64, slice_shape.width as i64];
        let (channels, outputs) = (slice_shape.channels as i64, classes as i64);
        let network = match &spec.network {
            NetworkSpec::Unet(unet) => {
                Network::Unet(Box::new(Unet::new(&mut params, unet, channels, outputs, size)?))
            }
            NetworkSpec::Nnunet { filters } => {
                let plan = Plan::of(size, *filters);
                let network = NnUnet::new(&mut params, &plan, channels, outputs);
                Network::Nnunet(network, plan.divisor())
            }
        };
        let SegmentSpec { standardise, mirror, .. } = *spec;
        Ok(Self { params, network, classes, standardise, mirror })
    }

    /// The loss to be made small: images `[N, C, H, W]` as the network is given them.
    pub(super) fn loss(&self, pair: &Pair) -> Tensor {
        match &self.network {
            Network::Unet(unet) => loss(&unet.forward(&pair.image, true), &pair.labels),
            Network::Nnunet(network, divisor) => {
                let around = Border::of(&pair.image, *divisor);
                let labels = around.widened(&pair.labels);
                deep::loss(&network.forward(&around.widened(&pair.image)), &labels)
            }
        }
    }

    /// `[N, C, H, W]` as the network is given it → scores `[N, K, H, W]`; evaluation mode.
    fn scores(&self, image: &Tensor) -> Tensor {
        match &self.network {
            Network::Unet(unet) => unet.forward(image, false),
            Network::Nnunet(network, divisor) => {
                let around = Border::of(image, *divisor);
                around.narrowed(&network.forward(&around.widened(image))[0])
            }
        }
    }

    /// The loss in evaluation mode: of the highest resolution alone where there are several.
    pub(super) fn judged_loss(&self, image: &Tensor, labels: &Tensor) -> Tensor {
        loss(&self.scores(image), labels)
    }

    /// `[N, C, H, W]` as the network is given it (in [-1, 1], or standardised: [`super::input::Scale`]) → label values
    /// `[N, H, W]`; evaluation mode.
    pub fn predict(&self, image: &Tensor) -> Tensor {
        tch::no_grad(|| likeliest(&self.mirrored(image)))
    }

    /// Likewise → probabilities of the classes `[N, K, H, W]`.
    pub(super) fn probabilities(&self, image: &Tensor) -> Tensor {
        tch::no_grad(|| self.mirrored(image).softmax(1, Kind::Float))
    }

    /// Scores, over mirror images where they are asked for.
    fn mirrored(&self, image: &Tensor) -> Tensor {
        const MIRRORS: [&[i64]; 3] = [&[2], &[3], &[2, 3]];
        let mut scores = self.scores(image);
        if self.mirror {
            for axes in MIRRORS {
                scores += self.scores(&image.flip(axes)).flip(axes);
            }
            // The mean of logits: their sum would make probabilities sharper.
            scores /= (MIRRORS.len() + 1) as f64;
        }
        scores
    }

    /// `[N, C, H, W]` in [-1, 1] → bottleneck features `[N, D]` of a U-Net; evaluation mode.
    ///
    /// # Panics
    /// With another network.
    pub fn features(&self, image: &Tensor) -> Tensor {
        let Network::Unet(unet) = &self.network else {
            panic!("features are taken from a U-Net");
        };
        tch::no_grad(|| unet.features(image))
    }
}

/// Pixels that are missing to sides that a network can halve: half of them in front, of the standardised mean (0) and of
/// background (0), as nnU-Net does it.
#[derive(Debug, Clone, Copy)]
struct Border {
    size: [i64; 2],
    missing: [i64; 2],
}

impl Border {
    fn of(image: &Tensor, divisor: [i64; 2]) -> Self {
        let (.., height, width) = image.size4().expect("a batch of images");
        let size = [height, width];
        let missing =
            [0, 1].map(|axis| (divisor[axis] - size[axis] % divisor[axis]) % divisor[axis]);
        Self { size, missing }
    }

    fn widened(self, x: &Tensor) -> Tensor {
        let [down, right] = self.missing;
        if self.missing == [0, 0] {
            return x.shallow_clone();
        }
        x.constant_pad_nd([right / 2, right - right / 2, down / 2, down - down / 2])
    }

    fn narrowed(self, x: &Tensor) -> Tensor {
        let ([height, width], [down, right]) = (self.size, self.missing);
        x.narrow(2, down / 2, height).narrow(3, right / 2, width)
    }
}
