//! A segmenter: a network with its parameters, and what it is given and gives.

use super::spec::{NetworkSpec, SegmentSpec};
use super::{deep, input, loss};
use crate::layers::axes::Axes;
use crate::layers::params::Params;
use crate::nets::nnunet::NnUnet;
use crate::nets::unet::Unet;
use crate::pairs::batch::Pair;
use crate::pairs::joint::likeliest;
use crate::precision::resolve;
use crate::rng::{Purpose, reseed_torch};
use anyhow::{Context as _, Result, bail};
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;
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
    /// With what all sides of its images have to be divisible by.
    Nnunet(NnUnet, Axes),
}

/// What a segmenter is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Given {
    /// Slices or volumes.
    pub shape: SliceShape,
    /// Sides of a voxel, mm: planes, rows, columns. Of slices it means nothing.
    pub spacing_mm: [f64; 3],
}

impl From<SliceShape> for Given {
    fn from(shape: SliceShape) -> Self {
        Self { shape, spacing_mm: [1.0; 3] }
    }
}

impl From<&Pack> for Given {
    fn from(pack: &Pack) -> Self {
        Self { shape: pack.slice_shape(), spacing_mm: pack.manifest().spacing_mm() }
    }
}

impl Segmenter {
    /// Builds it; the weights are a function of the seed.
    ///
    /// # Errors
    /// When the size cannot be halved as often as the U-Net's depth asks, or a U-Net is to see volumes.
    pub fn new(
        spec: &SegmentSpec,
        given: impl Into<Given>,
        classes: usize,
        device: Device,
    ) -> Result<Self> {
        let given = given.into();
        let shape = given.shape;
        reseed_torch(spec.seed, Purpose::Weights, 0);
        let mut params = Params::new(device).computing(resolve(spec.precision, device));
        let size = [shape.height as i64, shape.width as i64];
        let (channels, outputs) = (shape.channels as i64, classes as i64);
        let network = match &spec.network {
            NetworkSpec::Unet(_) if shape.is_volume() => bail!(
                "volumes of {}: the U-Net of preset small sees slices, expected --preset strong or nnunet, or the volumes' \
                 planes: PACK/slices",
                shape.size()
            ),
            NetworkSpec::Unet(unet) => {
                Network::Unet(Box::new(Unet::new(&mut params, unet, channels, outputs, size)?))
            }
            NetworkSpec::Nnunet { .. } => {
                let plan = spec.plan(given).context("a plan for nnU-Net's network")?;
                let network = NnUnet::new(&mut params, &plan, channels, outputs);
                Network::Nnunet(network, Axes::of(&plan.divisor()))
            }
        };
        let SegmentSpec { standardise, mirror, .. } = *spec;
        Ok(Self { params, network, classes, standardise, mirror })
    }

    /// The loss to be made small: images `[N, C, (D,) H, W]` as the network is given them.
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

    /// `[N, C, (D,) H, W]` as the network is given it → scores `[N, K, (D,) H, W]`; evaluation mode.
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

    /// `[N, C, (D,) H, W]` as the network is given it (in [-1, 1], or standardised: [`super::input::Scale`]) → label values
    /// `[N, (D,) H, W]`; evaluation mode.
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
        const OF_VOLUMES: [&[i64]; 7] = [&[2], &[3], &[4], &[2, 3], &[2, 4], &[3, 4], &[2, 3, 4]];
        let mirrors = if image.dim() == 5 { &OF_VOLUMES[..] } else { &MIRRORS[..] };
        let mut scores = self.scores(image);
        if self.mirror {
            for axes in mirrors {
                scores += self.scores(&image.flip(*axes)).flip(*axes);
            }
            // The mean of logits: their sum would make probabilities sharper.
            scores /= (mirrors.len() + 1) as f64;
        }
        scores
    }

    /// `[N, C, (D,) H, W]` in [-1, 1] → bottleneck features `[N, D]`; evaluation mode. A network that is given standardised
    /// images is given each of these standardised by itself: volumes are, slices of a volume are not alone.
    pub fn features(&self, image: &Tensor) -> Tensor {
        let image = if self.standardise { input::by_itself(image) } else { image.shallow_clone() };
        tch::no_grad(|| match &self.network {
            Network::Unet(unet) => unet.features(&image),
            Network::Nnunet(network, divisor) => {
                let around = Border::of(&image, *divisor);
                network.features(&around.widened(&image))
            }
        })
    }
}

/// Pixels that are missing to sides that a network can halve: half of them in front, of the standardised mean (0) and of
/// background (0), as nnU-Net does it.
#[derive(Debug, Clone, Copy)]
struct Border {
    size: Axes,
    missing: Axes,
}

impl Border {
    fn of(image: &Tensor, divisor: Axes) -> Self {
        let size = Axes::of_activations(&image.size());
        let missing = size.zip(divisor, |size, divisor| (divisor - size % divisor) % divisor);
        Self { size, missing }
    }

    /// Of images `[N, C, …]` or labels `[N, …]`.
    fn widened(self, x: &Tensor) -> Tensor {
        let missing = self.missing.as_slice();
        if missing.iter().all(|missing| *missing == 0) {
            return x.shallow_clone();
        }
        // The last axis first, before and behind each.
        let padding: Vec<i64> =
            missing.iter().rev().flat_map(|missing| [missing / 2, missing - missing / 2]).collect();
        x.constant_pad_nd(padding)
    }

    /// Of images.
    fn narrowed(self, x: &Tensor) -> Tensor {
        let sides = self.size.as_slice().iter().zip(self.missing.as_slice());
        (2..).zip(sides).fold(x.shallow_clone(), |x, (axis, (size, missing))| {
            x.narrow(axis, missing / 2, *size)
        })
    }
}
