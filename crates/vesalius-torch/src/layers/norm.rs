//! Normalisation layers: batch, instance, layer, none.

use super::activation::leaky_relu;
use super::init::norm_weight;
use super::norm_activation::instance_norm_leaky;
use super::params::Params;
use super::soundness::{LayerKind, checked_by};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Normalisation between convolution and activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// Ioffe and Szegedy 2015; running statistics in evaluation.
    Batch,
    /// Ulyanov et al. 2016, with weight and bias.
    Instance,
    /// Ba et al. 2016 over channels and pixels, weight and bias per channel: WGAN-GP's critic, where batch
    /// statistics would make the penalty of one sample depend on the others.
    Layer,
    /// Nothing.
    None,
}

/// PyTorch's defaults.
/// What is added to a variance.
pub(super) const EPS: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// A normalisation layer over `[N, C, H, W]`.
#[derive(Debug)]
pub struct Norm {
    kind: NormKind,
    affine: Option<(Tensor, Tensor)>,
    running: Option<(Tensor, Tensor)>,
}

impl Norm {
    /// Registered as `<name>.weight`, `<name>.bias` and, for batch normalisation, `<name>.running_mean`,
    /// `<name>.running_var`. Weights start as DCGAN's.
    pub fn new(params: &mut Params, name: &str, kind: NormKind, channels: i64) -> Self {
        Self::starting_at(params, name, kind, || norm_weight(channels))
    }

    /// The same with weights that start at 1.
    pub fn plain(params: &mut Params, name: &str, kind: NormKind, channels: i64) -> Self {
        Self::starting_at(params, name, kind, || Tensor::ones([channels], OPTIONS))
    }

    fn starting_at(
        params: &mut Params,
        name: &str,
        kind: NormKind,
        weight: impl FnOnce() -> Tensor,
    ) -> Self {
        if kind == NormKind::None {
            return Self { kind, affine: None, running: None };
        }
        let weight = weight();
        let channels = weight.numel() as i64;
        // A tensor each: what is registered shares memory with what was given.
        let zeros = || Tensor::zeros([channels], OPTIONS);
        let affine = (
            params.parameter(format!("{name}.weight"), &weight),
            params.parameter(format!("{name}.bias"), &zeros()),
        );
        let running = (kind == NormKind::Batch).then(|| {
            let mean = params.buffer(format!("{name}.running_mean"), &zeros());
            let ones = Tensor::ones([channels], OPTIONS);
            (mean, params.buffer(format!("{name}.running_var"), &ones))
        });
        Self { kind, affine: Some(affine), running }
    }

    /// Same shape out as in.
    pub fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        self.normalise(x, train, self.running.as_ref())
    }

    /// [`Norm::forward`] in training with a LeakyReLU behind it. Instance normalisation is one operation with it on a
    /// CPU, which can be differentiated once.
    pub fn leaky(&self, x: &Tensor, slope: f64) -> Tensor {
        match (self.kind, &self.affine) {
            (NormKind::Instance, Some((weight, bias))) => {
                instance_norm_leaky(x, weight, bias, slope)
            }
            _ => leaky_relu(&self.forward(x, true), slope),
        }
    }

    /// What [`Norm::forward`] gives in training, for a second time: running statistics stay as they are.
    pub fn again(&self, x: &Tensor) -> Tensor {
        self.normalise(x, true, None)
    }

    fn normalise(&self, x: &Tensor, train: bool, running: Option<&(Tensor, Tensor)>) -> Tensor {
        let Some((weight, bias)) = &self.affine else { return x.shallow_clone() };
        let affine = [weight, bias];
        let check = |x: &Tensor, affine: &[&Tensor]| self.kind.of_batch(x, affine);
        checked_by(LayerKind::Norm(self.kind), x, &affine, check, |x| match running {
            Some((mean, var)) => {
                let [weight, bias, mean, var] = [weight, bias, mean, var].map(Some);
                x.batch_norm(weight, bias, mean, var, train, MOMENTUM, EPS, false)
            }
            None => self.kind.of_batch(x, &affine),
        })
    }
}

/// Each channel of each sample to mean 0 and variance 1: `[N, C, (D,) H, W]`, weight and bias `[C]` → the same shape.
///
/// On a CPU as a batch normalisation of one sample of N·C channels, which lie side by side at each pixel: LibTorch's own
/// instance normalisation turns channels-last activations into the default order and the layers behind it turn them
/// back, and its group normalisation takes six times as long on the way back in bf16 (`bench/README.md`).
pub fn instance_norm(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Tensor {
    let none = None::<&Tensor>;
    if x.device() != Device::Cpu {
        return x.instance_norm(weight, bias, none, none, true, MOMENTUM, eps, false);
    }
    if x.dim() == 5 {
        return of_planes(x, |x| instance_norm(x, weight, bias, eps));
    }
    let (n, channels, h, w) = x.size4().expect("a batch of pictures");
    let side_by_side = x.permute([2, 3, 0, 1]).contiguous(); // [H, W, N, C]
    let one = side_by_side.reshape([1, h, w, n * channels]).permute([0, 3, 1, 2]);
    let [weight, bias] = [weight, bias].map(|values| values.map(|values| values.repeat([n])));
    let y = one.batch_norm(weight, bias, None, None, true, MOMENTUM, eps, false);
    let y = y.permute([0, 2, 3, 1]).reshape([h, w, n, channels]).permute([2, 0, 1, 3]);
    y.contiguous().permute([0, 3, 1, 2])
}

/// What looks at each pixel alone or at all of them together, of volumes: planes are rows of one picture for it. No copy
/// where channels lie last.
pub(super) fn of_planes(x: &Tensor, each: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let size = x.size();
    let [n, channels, d, h, w] = size[..] else { unreachable!("a batch of volumes") };
    let flat = x.permute([0, 2, 3, 4, 1]).reshape([n, d * h, w, channels]).permute([0, 3, 1, 2]);
    let y = each(&flat).permute([0, 2, 3, 1]).reshape([n, d, h, w, channels]);
    y.permute([0, 4, 1, 2, 3])
}

/// One group over all channels and pixels.
fn layer_norm(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>) -> Tensor {
    if x.device() == Device::Cpu || weight.is_none_or(|weight| weight.kind() == x.kind()) {
        return x.group_norm(1, weight, bias, EPS, false);
    }
    // Only on a CPU does LibTorch take a weight of another kind; on a GPU `autocast` normalises in f32, too.
    x.to_kind(Kind::Float).group_norm(1, weight, bias, EPS, false).to_kind(x.kind())
}

impl NormKind {
    /// By the statistics of `x` itself: `[N, C, H, W]`, weight and bias `[C]`, or neither → the same shape.
    pub fn of_batch(self, x: &Tensor, affine: &[&Tensor]) -> Tensor {
        let (weight, bias) = (affine.first().copied(), affine.get(1).copied());
        let none = None::<&Tensor>;
        match self {
            Self::Batch => x.batch_norm(weight, bias, none, none, true, MOMENTUM, EPS, false),
            Self::Instance => instance_norm(x, weight, bias, EPS),
            Self::Layer => layer_norm(x, weight, bias),
            Self::None => x.shallow_clone(),
        }
    }
}
