//! The activations of Table 1.

use super::soundness::{LayerKind, checked};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Activation between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x).
    Relu,
    /// max(0.2 x, x): DCGAN's slope.
    LeakyRelu,
    /// Clevert et al. 2015, α = 1.
    Elu,
    /// Klambauer et al. 2017.
    Selu,
}

/// DCGAN (Radford et al. 2015, arXiv:1511.06434), section 3.
const LEAKY_SLOPE: f64 = 0.2;

impl Activation {
    /// Applies it; any shape, twice differentiable.
    pub fn apply(self, x: &Tensor) -> Tensor {
        checked(LayerKind::Activation(self), x, &[], |x, _| self.of(x))
    }

    /// As LibTorch does it.
    pub fn of(self, x: &Tensor) -> Tensor {
        match self {
            Self::Relu => x.relu(),
            Self::LeakyRelu => leaky(x, LEAKY_SLOPE),
            Self::Elu => x.elu(),
            Self::Selu => x.selu(),
        }
    }
}

/// LeakyReLU with a slope of choice, in one pass: `tch` fixes the slope of `leaky_relu` at 0.01, but exposes the
/// slope of its backward function, which multiplies a "gradient" by 1 or the slope depending on the sign of a
/// second tensor. Given x for both it is LeakyReLU, and autograd differentiates it as such.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Tensor {
    checked(LayerKind::LeakyRelu, x, &[], |x, _| leaky(x, slope))
}

fn leaky(x: &Tensor, slope: f64) -> Tensor {
    x.detach().leaky_relu_backward(x, slope, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn leaky_relu_has_its_slope_in_value_and_gradient() {
        let x = Tensor::from_slice(&[-2.0_f32, -0.5, 0.5, 3.0]).set_requires_grad(true);
        let y = leaky_relu(&x, 0.2);
        assert_eq!(Vec::<f32>::try_from(&y).unwrap(), [-0.4, -0.1, 0.5, 3.0]);
        (&y * &y).sum(Kind::Float).backward();
        let expected = [-0.16_f32, -0.04, 1.0, 6.0];
        for (found, expected) in Vec::<f32>::try_from(x.grad()).unwrap().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
