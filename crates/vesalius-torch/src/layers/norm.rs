//! Normalisation layers: batch, instance, layer, none.

use super::init::norm_weight;
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
const EPS: f64 = 1e-5;
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
        let zeros = weight.zeros_like();
        let affine = (
            params.parameter(format!("{name}.weight"), &weight),
            params.parameter(format!("{name}.bias"), &zeros),
        );
        let running = (kind == NormKind::Batch).then(|| {
            let mean = params.buffer(format!("{name}.running_mean"), &zeros);
            (mean, params.buffer(format!("{name}.running_var"), &zeros.ones_like()))
        });
        Self { kind, affine: Some(affine), running }
    }

    /// Same shape out as in.
    pub fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        self.normalise(x, train, self.running.as_ref())
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

impl NormKind {
    /// By the statistics of `x` itself: `[N, C, H, W]`, weight and bias `[C]`, or neither → the same shape.
    pub fn of_batch(self, x: &Tensor, affine: &[&Tensor]) -> Tensor {
        let (weight, bias) = (affine.first().copied(), affine.get(1).copied());
        let none = None::<&Tensor>;
        match self {
            Self::Batch => x.batch_norm(weight, bias, none, none, true, MOMENTUM, EPS, false),
            Self::Instance => x.instance_norm(weight, bias, none, none, true, MOMENTUM, EPS, false),
            // One group over all channels and pixels.
            Self::Layer => x.group_norm(1, weight, bias, EPS, false),
            Self::None => x.shallow_clone(),
        }
    }
}
