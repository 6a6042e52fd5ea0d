//! Adversarial losses: what the discriminator minimises, and what the generator minimises.

use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The losses of the study.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdversarialLoss {
    /// Goodfellow et al. 2014 (arXiv:1406.2661), non-saturating: binary cross-entropy on logits.
    NonSaturating {
        /// Target of real samples: 1, or below for one-sided label smoothing (Salimans et al. 2016).
        #[serde(default = "one")]
        real_target: f64,
    },
    /// Mao et al. 2016 (arXiv:1611.04076): ½(D(x) − α)² + ½ D(G)²; G: ½(D(G) − 1)².
    LeastSquares {
        /// Target of real samples: 1, or below for one-sided label smoothing.
        #[serde(default = "one")]
        real_target: f64,
    },
    /// Arjovsky et al. 2017 (arXiv:1701.07875): mean D(G) − mean D(x); G: −mean D(G). Needs a weight clip or a
    /// gradient penalty.
    Wasserstein {},
    /// Lim and Ye 2017 (arXiv:1705.02894): mean relu(1 − D(x)) + mean relu(1 + D(G)); G: −mean D(G).
    Hinge {},
}

fn one() -> f64 {
    1.0
}

impl AdversarialLoss {
    /// Discriminator's loss on real logits `[N]`: a scalar. It is separate from the fake part so that each can be
    /// differentiated, and its activations freed, before the other is computed; the two add up.
    pub fn on_real(self, logits: &Tensor) -> Tensor {
        match self {
            Self::NonSaturating { real_target } => cross_entropy(logits, real_target),
            Self::LeastSquares { real_target } => (logits - real_target).square().mean(None) * 0.5,
            Self::Wasserstein {} => -logits.mean(None),
            Self::Hinge {} => (-logits + 1.0).relu().mean(None),
        }
    }

    /// Discriminator's loss on fake logits `[N]`: a scalar.
    pub fn on_fake(self, logits: &Tensor) -> Tensor {
        match self {
            Self::NonSaturating { .. } => cross_entropy(logits, 0.0),
            Self::LeastSquares { .. } => logits.square().mean(None) * 0.5,
            Self::Wasserstein {} => logits.mean(None),
            Self::Hinge {} => (logits + 1.0).relu().mean(None),
        }
    }

    /// Generator's loss on fake logits `[N]`: a scalar.
    pub fn of_generator(self, logits: &Tensor) -> Tensor {
        match self {
            Self::NonSaturating { .. } => cross_entropy(logits, 1.0),
            Self::LeastSquares { .. } => (logits - 1.0).square().mean(None) * 0.5,
            Self::Wasserstein {} | Self::Hinge {} => -logits.mean(None),
        }
    }
}

/// Mean binary cross-entropy of σ(logits) against one target: softplus(l) − target·l.
fn cross_entropy(logits: &Tensor, target: f64) -> Tensor {
    (logits.softplus() - logits * target).mean(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(loss: AdversarialLoss, expected: [f64; 3]) {
        let logits = Tensor::from_slice(&[-2.0_f32, 0.5]);
        let found = [loss.on_real(&logits), loss.on_fake(&logits), loss.of_generator(&logits)];
        for (found, expected) in found.iter().zip(expected) {
            let found = found.double_value(&[]);
            assert!((found - expected).abs() < 1e-6, "{loss:?}: {found}, expected {expected}");
        }
    }

    /// Worked by hand for logits −2 and 0.5.
    #[test]
    fn losses_equal_their_formulae() {
        // softplus(−2) = 0.126928, softplus(0.5) = 0.974077; mean logit −0.75.
        let softplus = 0.5 * (0.126_928_011 + 0.974_076_984);
        check(
            AdversarialLoss::NonSaturating { real_target: 0.9 },
            [softplus + 0.675, softplus, softplus + 0.75],
        );
        check(AdversarialLoss::LeastSquares { real_target: 1.0 }, [2.3125, 1.0625, 2.3125]);
        check(AdversarialLoss::Wasserstein {}, [0.75, -0.75, 0.75]);
        check(AdversarialLoss::Hinge {}, [1.75, 0.75, 0.75]);
    }
}
