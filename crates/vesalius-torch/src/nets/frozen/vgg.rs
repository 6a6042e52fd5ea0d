//! VGG19 or VGG16 up to relu5_1 (Simonyan and Zisserman 2014, arXiv:1409.1556): the features of the perceptual loss.
//!
//! As in SPADE (NVlabs/SPADE, `models/networks/loss.py`, which has VGG19): relu1_1, relu2_1, relu3_1, relu4_1, relu5_1 with
//! weights 1/32, 1/16, 1/8, 1/4, 1, fed the tanh range without ImageNet normalisation. Weights carry torchvision's names
//! (`features.0.weight` …) in a safetensors file of the user's; there are no built-in ones.

use crate::layers::params::load_strictly;
use crate::objective::regularise::weighted_mean_distance;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Which network sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// SPADE's.
    #[default]
    Vgg19,
    /// Three layers fewer up to the last tap; its ImageNet weights come with LPIPS.
    Vgg16,
}

/// (index in torchvision's `features`, inputs, outputs).
type Conv = (i64, i64, i64);

/// Channels of the five blocks.
const WIDTHS: [i64; 5] = [64, 128, 256, 512, 512];
/// Weights of the five taps in SPADE's perceptual loss.
pub const TAP_WEIGHTS: [f64; 5] = [1.0 / 32.0, 1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0];

impl Network {
    /// Convolutions of each block up to the last tap.
    const fn depths(self) -> [usize; 5] {
        match self {
            Self::Vgg19 => [2, 2, 4, 4, 1],
            Self::Vgg16 => [2, 2, 3, 3, 1],
        }
    }

    /// Block by block: in torchvision's numbers a ReLU stands behind each, and a pool between blocks.
    fn blocks(self) -> Vec<Vec<Conv>> {
        let (mut index, mut inputs) = (0, 3);
        let block = |(depth, width): (usize, i64)| {
            let convs = (0..depth).map(|_| {
                let conv = (index, inputs, width);
                (index, inputs) = (index + 2, width);
                conv
            });
            let convs = convs.collect();
            index += 1;
            convs
        };
        self.depths().into_iter().zip(WIDTHS).map(block).collect()
    }

    /// The first convolution of each block: its activation is compared, and a pool stands before it, but for the first.
    fn taps(self) -> Vec<i64> {
        self.blocks().iter().map(|block| block[0].0).collect()
    }

    /// Layers of the whole network behind the last tap, and what LPIPS adds to it.
    const fn behind(self) -> &'static [&'static str] {
        match self {
            Self::Vgg19 => &["features.30.", "features.32.", "features.34.", "classifier."],
            Self::Vgg16 => &["features.26.", "features.28.", "classifier.", "lin"],
        }
    }

    /// As in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vgg19 => "vgg19",
            Self::Vgg16 => "vgg16",
        }
    }

    /// What `vesalius weights fetch` calls its weights.
    pub const fn weights(self) -> &'static str {
        match self {
            Self::Vgg19 => "vgg19",
            Self::Vgg16 => "lpips-vgg16",
        }
    }

    /// For serde: the default is left out, so that names of older tasks stay.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The frozen network.
#[derive(Debug)]
pub struct Vgg {
    network: Network,
    convs: Vec<(i64, Tensor, Tensor)>,
}

impl Vgg {
    /// Loads `features.*.{weight,bias}` strictly.
    ///
    /// # Errors
    /// When the file is missing (the message says where weights come from), or a tensor is missing, extra or
    /// wrongly shaped.
    pub fn load(network: Network, path: &Path, device: Device) -> Result<Self> {
        let last = network.taps().pop().unwrap_or_default();
        let unreadable = || {
            format!(
                "{}: cannot be read; expected torchvision's {} convolutions (`features.0.weight` to \
                 `features.{last}.bias`) as safetensors: get them with `vesalius weights fetch {}`, and name the \
                 file that it prints in regularise.vgg_weights",
                path.display(),
                network.name().to_uppercase(),
                network.weights()
            )
        };
        vesalius_data::files::read::check(path).with_context(unreadable)?;
        let values = Tensor::read_safetensors(path).with_context(unreadable)?;
        let loaded = Self::zeros(network, device);
        let targets: Vec<(String, Tensor)> = loaded
            .convs
            .iter()
            .flat_map(|(index, weight, bias)| {
                [("weight", weight), ("bias", bias)]
                    .map(|(part, t)| (format!("features.{index}.{part}"), t.shallow_clone()))
            })
            .collect();
        let known = |name: &str| network.behind().iter().any(|prefix| name.starts_with(prefix));
        let values = values.into_iter().filter(|(name, _)| !known(name)).collect();
        load_strictly(&targets, &values).with_context(|| format!("{}", path.display()))?;
        Ok(loaded)
    }

    fn zeros(network: Network, device: Device) -> Self {
        let options = (Kind::Float, device);
        let conv = |(index, inputs, outputs): Conv| {
            (
                index,
                Tensor::zeros([outputs, inputs, 3, 3], options),
                Tensor::zeros([outputs], options),
            )
        };
        Self { network, convs: network.blocks().into_iter().flatten().map(conv).collect() }
    }

    /// Activations at the five taps of `[N, 1 or 3, H, W]`; a single channel is repeated.
    pub fn taps(&self, image: &Tensor) -> Vec<Tensor> {
        let mut x = image.expand([-1, 3, -1, -1], true);
        let firsts = self.network.taps();
        let mut taps = Vec::with_capacity(firsts.len());
        for (index, weight, bias) in &self.convs {
            if *index > 0 && firsts.contains(index) {
                x = x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
            }
            x = x.conv2d(weight, Some(bias), [1, 1], [1, 1], [1, 1], 1).relu();
            if firsts.contains(index) {
                taps.push(x.shallow_clone());
            }
        }
        taps
    }

    /// SPADE's perceptual distance of a generated image from the real one of the same layout: weighted mean absolute
    /// differences at the taps; the real side is a constant.
    pub fn paired_distance(&self, real: &Tensor, fake: &Tensor) -> Tensor {
        let real = tch::no_grad(|| self.taps(real));
        let terms: Vec<Tensor> = real
            .iter()
            .zip(self.taps(fake))
            .zip(TAP_WEIGHTS)
            .map(|((real, fake), weight)| (fake - real).abs().mean(Kind::Float) * weight)
            .collect();
        Tensor::stack(&terms, 0).sum(Kind::Float)
    }

    /// Perceptual distance of two unpaired batches: the weighted L1 distance of their mean activations.
    ///
    /// Deviation: SPADE compares a generated image with the photograph of the same mask. A joint GAN has no such
    /// pair, so batch means are compared, as feature matching does with the discriminator's activations.
    pub fn distance(&self, real: &Tensor, fake: &Tensor) -> Tensor {
        let real = tch::no_grad(|| self.taps(real));
        weighted_mean_distance(&real, &self.taps(fake), &TAP_WEIGHTS)
    }
}
