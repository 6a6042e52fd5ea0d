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

#[cfg(test)]
mod tests {
    use super::*;

    /// LibTorch's generator is shared with the tests beside this one: the limits are many standard errors wide.
    #[test]
    fn weights_have_the_deviations_of_their_formulae() {
        const GAIN: f64 = 0.7;
        // Receptive field 16: fan in 32 · 16, fan out 64 · 16.
        let (fan_in, fan_out) = (512.0_f64, 1024.0_f64);
        let glorot = GAIN * (2.0 / (fan_in + fan_out)).sqrt();
        for (kind, expected) in [
            (InitKind::Normal, GAIN),
            (InitKind::XavierNormal, glorot),
            (InitKind::XavierUniform, glorot),
            (InitKind::Kaiming, GAIN * (2.0 / fan_in).sqrt()),
        ] {
            let weight = InitSpec { kind, gain: GAIN }.weight(&[64, 32, 4, 4]);
            assert_eq!(weight.size(), [64, 32, 4, 4]);
            let found = weight.std(true).double_value(&[]);
            assert!((found / expected - 1.0).abs() < 0.03, "{kind:?}: {found}, not {expected}");
            let mean = weight.mean(Kind::Float).double_value(&[]);
            assert!(mean.abs() < 0.03 * expected, "{kind:?}: mean {mean}");
            // Nearly the whole range of a uniform draw is used, and a normal one goes far beyond.
            let largest = weight.abs().max().double_value(&[]) / expected;
            if kind == InitKind::XavierUniform {
                assert!((1.72..1.7321).contains(&largest), "{largest}, expected √3");
            } else {
                assert!(largest > 3.0, "{kind:?}: {largest}");
            }
        }
    }

    #[test]
    fn normalisation_weights_lie_around_one() {
        let weight = norm_weight(20_000);
        assert!((weight.mean(Kind::Float).double_value(&[]) - 1.0).abs() < 0.001);
        assert!((weight.std(true).double_value(&[]) / NORM_STD - 1.0).abs() < 0.04);
    }
}
