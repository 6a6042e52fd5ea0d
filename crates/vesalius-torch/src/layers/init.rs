//! Initial weights: the four initialisers of Table 1 and their gain.
//!
//! Deviation: in the code whose vocabulary Table 1 uses, gain is ignored for Xavier uniform and Kaiming;
//! here it scales all four.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// How convolution weights start. Biases start at 0; normalisation weights from N(1, 0.02) as in DCGAN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitSpec {
    /// Which distribution.
    pub kind: InitKind,
    /// Scale: the standard deviation itself for `normal`, a factor for the others.
    pub gain: f64,
}

/// The distributions of Table 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitKind {
    /// N(0, gain²).
    Normal,
    /// Glorot and Bengio 2010, normal: σ = gain √(2 / (fan in + fan out)).
    XavierNormal,
    /// Glorot and Bengio 2010, uniform: bound = gain √(6 / (fan in + fan out)).
    XavierUniform,
    /// He et al. 2015, normal with the ReLU factor: σ = gain √(2 / fan in).
    Kaiming,
}

/// DCGAN: normalisation weights from N(1, 0.02).
const NORM_STD: f64 = 0.02;

impl InitSpec {
    /// A weight of shape `[A, B, …]`; as in PyTorch, fan in = B × receptive field and fan out = A × receptive
    /// field, also for transposed convolutions.
    pub fn weight(&self, shape: &[i64]) -> Tensor {
        let field: i64 = shape[2..].iter().product();
        let [fan_out, fan_in] = [shape[0] * field, shape[1] * field].map(|n| n as f64);
        let options = (Kind::Float, Device::Cpu);
        match self.kind {
            InitKind::Normal => Tensor::randn(shape, options) * self.gain,
            InitKind::XavierNormal => {
                Tensor::randn(shape, options) * (self.gain * (2.0 / (fan_in + fan_out)).sqrt())
            }
            InitKind::XavierUniform => {
                let bound = self.gain * (6.0 / (fan_in + fan_out)).sqrt();
                (Tensor::rand(shape, options) * 2.0 - 1.0) * bound
            }
            InitKind::Kaiming => {
                Tensor::randn(shape, options) * (self.gain * (2.0 / fan_in).sqrt())
            }
        }
    }
}

/// Initial weight of a normalisation layer: `[C]`, N(1, 0.02).
pub fn norm_weight(channels: i64) -> Tensor {
    Tensor::randn([channels], (Kind::Float, Device::Cpu)) * NORM_STD + 1.0
}
