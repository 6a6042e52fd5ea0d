//! Which optimiser, and how fast.

use serde::{Deserialize, Serialize};

/// Which optimiser, with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimiserSpec {
    /// Adam.
    Adam {
        /// Learning rate.
        learning_rate: f64,
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
    },
    /// Stochastic gradient descent with Nesterov's momentum, as nnU-Net trains.
    Sgd {
        /// Learning rate.
        learning_rate: f64,
        /// Share of the last step that is taken again.
        momentum: f64,
        /// Share of the weight that is added to its gradient.
        weight_decay: f64,
    },
    /// RMSprop, with PyTorch's default smoothing 0.99.
    Rmsprop {
        /// Learning rate.
        learning_rate: f64,
    },
}

impl OptimiserSpec {
    /// For a network whose regulariser has an update of its own every `interval` steps (Karras et al. 2020,
    /// arXiv:1912.04958, appendix B): with c = k/(k + 1), learning rate × c and betas ^ c. 0: unchanged.
    #[must_use]
    pub fn lazy(self, interval: u64) -> Self {
        if interval == 0 {
            return self;
        }
        let share = interval as f64 / (interval as f64 + 1.0);
        match self {
            Self::Adam { learning_rate, beta1, beta2 } => Self::Adam {
                learning_rate: learning_rate * share,
                beta1: beta1.powf(share),
                beta2: beta2.powf(share),
            },
            Self::Sgd { learning_rate, momentum, weight_decay } => {
                Self::Sgd { learning_rate: learning_rate * share, momentum, weight_decay }
            }
            Self::Rmsprop { learning_rate } => {
                Self::Rmsprop { learning_rate: learning_rate * share }
            }
        }
    }
}
