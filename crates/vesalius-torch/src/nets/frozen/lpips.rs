//! LPIPS v0.1 (Zhang et al. 2018, arXiv:1801.03924; richzhang/PerceptualSimilarity, `lpips/lpips.py`): activations of
//! AlexNet or VGG16, unit length along channels, squared differences weighted by channel, mean over pixels, summed over
//! five layers.

use crate::layers::params::load_strictly;
use anyhow::{Context, Result, bail};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Which network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backbone {
    /// AlexNet, LPIPS' default.
    Alexnet,
    /// VGG16.
    Vgg16,
}

/// One convolution of torchvision's `features`, followed by ReLU.
#[derive(Debug, Clone, Copy)]
struct Layer {
    /// Index in torchvision's `features`.
    index: i64,
    inputs: i64,
    outputs: i64,
    kernel: i64,
    stride: i64,
    padding: i64,
    /// A maximum over pools of this side, with stride 2, stands before it.
    pool: Option<i64>,
    /// Whether its activation is compared.
    tap: bool,
}

const fn conv(index: i64, inputs: i64, outputs: i64, pool: Option<i64>, tap: bool) -> Layer {
    Layer { index, inputs, outputs, kernel: 3, stride: 1, padding: 1, pool, tap }
}

const ALEXNET: [Layer; 5] = [
    Layer {
        index: 0,
        inputs: 3,
        outputs: 64,
        kernel: 11,
        stride: 4,
        padding: 2,
        pool: None,
        tap: true,
    },
    Layer {
        index: 3,
        inputs: 64,
        outputs: 192,
        kernel: 5,
        stride: 1,
        padding: 2,
        pool: Some(3),
        tap: true,
    },
    conv(6, 192, 384, Some(3), true),
    conv(8, 384, 256, None, true),
    conv(10, 256, 256, None, true),
];

const VGG16: [Layer; 13] = [
    conv(0, 3, 64, None, false),
    conv(2, 64, 64, None, true),
    conv(5, 64, 128, Some(2), false),
    conv(7, 128, 128, None, true),
    conv(10, 128, 256, Some(2), false),
    conv(12, 256, 256, None, false),
    conv(14, 256, 256, None, true),
    conv(17, 256, 512, Some(2), false),
    conv(19, 512, 512, None, false),
    conv(21, 512, 512, None, true),
    conv(24, 512, 512, Some(2), false),
    conv(26, 512, 512, None, false),
    conv(28, 512, 512, None, true),
];

/// Mean and deviation that images in [-1, 1] are normalised with.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];

impl Backbone {
    /// `alexnet` or `vgg16`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alexnet => "alexnet",
            Self::Vgg16 => "vgg16",
        }
    }

    fn layers(self) -> &'static [Layer] {
        match self {
            Self::Alexnet => &ALEXNET,
            Self::Vgg16 => &VGG16,
        }
    }

    /// Least side of an image, pixels: smaller ones vanish in the pools.
    const fn least_side(self) -> i64 {
        match self {
            Self::Alexnet => 35,
            Self::Vgg16 => 16,
        }
    }

    /// Names and shapes of the tensors: torchvision's `features.<i>.weight` and `.bias`, and the channel weights
    /// `lin<i>.weight` `[1, C, 1, 1]`.
    pub fn shapes(self) -> Vec<(String, Vec<i64>)> {
        let mut shapes = Vec::new();
        for layer in self.layers() {
            let name = |part: &str| format!("features.{}.{part}", layer.index);
            shapes.push((
                name("weight"),
                vec![layer.outputs, layer.inputs, layer.kernel, layer.kernel],
            ));
            shapes.push((name("bias"), vec![layer.outputs]));
        }
        let taps = self.layers().iter().filter(|layer| layer.tap);
        shapes.extend(
            taps.enumerate()
                .map(|(i, layer)| (format!("lin{i}.weight"), vec![1, layer.outputs, 1, 1])),
        );
        shapes
    }
}

/// The frozen network.
#[derive(Debug)]
pub struct Lpips {
    backbone: Backbone,
    convs: Vec<(Tensor, Tensor)>,
    linear: Vec<Tensor>,
    shift: Tensor,
    scale: Tensor,
}

impl Lpips {
    /// Loads the tensors of [`Backbone::shapes`] strictly.
    ///
    /// # Errors
    /// When the file is missing, or a tensor is missing, extra or wrongly shaped.
    pub fn load(backbone: Backbone, path: &Path, device: Device) -> Result<Self> {
        vesalius_data::files::read::check(path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        let values = Tensor::read_safetensors(path)
            .with_context(|| format!("{}: not a safetensors file", path.display()))?;
        let (network, targets) = Self::zeros(backbone, device);
        load_strictly(&targets, &values.into_iter().collect())
            .with_context(|| format!("{}", path.display()))?;
        Ok(network)
    }

    /// The network with all weights 0, and its tensors by name; they share memory.
    fn zeros(backbone: Backbone, device: Device) -> (Self, Vec<(String, Tensor)>) {
        let options = (Kind::Float, device);
        let named: Vec<(String, Tensor)> = backbone
            .shapes()
            .into_iter()
            .map(|(name, shape)| (name, Tensor::zeros(&shape[..], options)))
            .collect();
        let handle = |i: usize| named[i].1.shallow_clone();
        let count = backbone.layers().len();
        let per_channel =
            |values: &[f32; 3]| Tensor::from_slice(values).reshape([1, 3, 1, 1]).to_device(device);
        let network = Self {
            backbone,
            convs: (0..count).map(|i| (handle(2 * i), handle(2 * i + 1))).collect(),
            linear: (2 * count..named.len()).map(handle).collect(),
            shift: per_channel(&SHIFT),
            scale: per_channel(&SCALE),
        };
        (network, named)
    }

    /// Activations at the five taps of `[N, 1 or 3, H, W]` in [-1, 1]; a single channel is repeated.
    ///
    /// # Errors
    /// When the images have other channels or are too small.
    pub fn taps(&self, image: &Tensor) -> Result<Vec<Tensor>> {
        let (_, channels, h, w) = image.size4()?;
        let least = self.backbone.least_side();
        if ![1, 3].contains(&channels) || h.min(w) < least {
            bail!(
                "images of {channels} channels, {h}x{w} pixels: {} expects 1 or 3 channels and at least {least}x{least}",
                self.backbone.name()
            );
        }
        let mut x = (image.expand([-1, 3, -1, -1], true) - &self.shift) / &self.scale;
        let mut taps = Vec::with_capacity(self.linear.len());
        for (layer, (weight, bias)) in self.backbone.layers().iter().zip(&self.convs) {
            if let Some(side) = layer.pool {
                x = x.max_pool2d([side; 2], [2, 2], [0, 0], [1, 1], false);
            }
            let [stride, padding] = [layer.stride, layer.padding].map(|n| [n, n]);
            x = x.conv2d(weight, Some(bias), stride, padding, [1, 1], 1).relu();
            if layer.tap {
                taps.push(x.shallow_clone());
            }
        }
        Ok(taps)
    }

    /// LPIPS of each pair of two batches alike `[N, 1 or 3, H, W]` in [-1, 1]: `[N]`.
    ///
    /// # Errors
    /// When the shapes differ, or do not fit the network.
    pub fn distance(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        if a.size() != b.size() {
            bail!("images of shapes {:?} and {:?}, expected two batches alike", a.size(), b.size());
        }
        let layers = self.taps(a)?.into_iter().zip(self.taps(b)?).zip(&self.linear);
        let terms = layers.map(|((a, b), weight)| {
            let difference = (unit(&a) - unit(&b)).square();
            (difference * weight).sum_dim_intlist(1, false, Kind::Float).mean_dim(
                &[1_i64, 2][..],
                false,
                Kind::Float,
            )
        });
        Ok(terms.reduce(|a, b| a + b).expect("five layers"))
    }

    /// Mean activation of the last tap `[N, D]`: the network as an extractor.
    ///
    /// # Errors
    /// As [`Lpips::taps`].
    pub fn features(&self, image: &Tensor) -> Result<Tensor> {
        let taps = self.taps(image)?;
        let last = taps.last().expect("five taps");
        Ok(last.mean_dim(&[2_i64, 3][..], false, Kind::Float))
    }
}

/// Unit length along channels.
fn unit(x: &Tensor) -> Tensor {
    let norm = x.square().sum_dim_intlist(1, true, Kind::Float).sqrt();
    x / (norm + 1e-10)
}
