//! Spectral normalisation: weights divided by their largest singular value.

use super::params::Params;
use tch::{Device, Kind, Tensor, no_grad};

/// Spectral normalisation, and how its tensors are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spectral {
    /// None: `<name>.weight`.
    Off,
    /// `<name>.weight`, `<name>.u`, `<name>.v`.
    On,
    /// As `torch.nn.utils.spectral_norm` calls them, `<name>.weight_orig`, `<name>.weight_u`, `<name>.weight_v`: for
    /// networks whose weights are exchanged with a reference implementation.
    AsTorch,
}

impl From<bool> for Spectral {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

impl Spectral {
    /// Suffixes of weight and singular vectors.
    pub(super) fn names(self) -> [&'static str; 3] {
        match self {
            Self::Off | Self::On => ["weight", "u", "v"],
            Self::AsTorch => ["weight_orig", "weight_u", "weight_v"],
        }
    }
}

/// Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957): W / σ(W), σ by one power iteration per
/// training step, as `torch.nn.utils.spectral_norm` does it.
#[derive(Debug)]
pub(super) struct SpectralNorm {
    u: Tensor,
    v: Tensor,
    transposed: bool,
}

/// `torch.nn.utils.spectral_norm`'s default.
const SPECTRAL_EPS: f64 = 1e-12;
/// Power iterations before the first step, as that function does on registration.
const SPECTRAL_WARMUP: usize = 15;

impl SpectralNorm {
    pub(super) fn new(
        params: &mut Params,
        names: [String; 2],
        weight: &Tensor,
        transposed: bool,
    ) -> Self {
        let matrix = as_matrix(&weight.detach(), transposed);
        let (rows, columns) = matrix.size2().expect("a matrix");
        let options = (Kind::Float, Device::Cpu);
        let [u, v] = names;
        let norm = Self {
            u: params.buffer(u, &unit(&Tensor::randn([rows], options))),
            v: params.buffer(v, &unit(&Tensor::randn([columns], options))),
            transposed,
        };
        for _ in 0..SPECTRAL_WARMUP {
            norm.iterate(&matrix);
        }
        norm
    }

    fn iterate(&self, matrix: &Tensor) {
        no_grad(|| {
            self.v.shallow_clone().copy_(&unit(&matrix.tr().mv(&self.u)));
            self.u.shallow_clone().copy_(&unit(&matrix.mv(&self.v)));
        });
    }

    /// σ(W), a scalar that is differentiable in `weight`.
    pub(super) fn norm(&self, weight: &Tensor, train: bool) -> Tensor {
        if !self.transposed && weight.dim() == 4 {
            return self.norm_in_place_order(weight, train);
        }
        let matrix = as_matrix(weight, self.transposed);
        if train {
            self.iterate(&matrix.detach());
        }
        // Copies: the next forward pass moves u and v, while this pass' backward still needs them.
        let (u, v) = (self.u.copy(), self.v.copy());
        u.dot(&matrix.mv(&v))
    }

    /// The same of a weight in channels-last memory order without copying it: the matrix' columns are taken in the
    /// order they lie in, and v, which is saved in the usual order, is brought into it.
    fn norm_in_place_order(&self, weight: &Tensor, train: bool) -> Tensor {
        let (outputs, inputs, h, w) = weight.size4().expect("a convolution's weight");
        let matrix = weight.permute([0, 2, 3, 1]).reshape([outputs, -1]);
        let mut v = self.v.reshape([inputs, h, w]).permute([1, 2, 0]).reshape([-1]);
        if train {
            no_grad(|| {
                let matrix = matrix.detach();
                v = unit(&matrix.tr().mv(&self.u));
                self.u.shallow_clone().copy_(&unit(&matrix.mv(&v)));
                let usual = v.reshape([h, w, inputs]).permute([2, 0, 1]).reshape([-1]);
                self.v.shallow_clone().copy_(&usual);
            });
        }
        let u = self.u.copy();
        u.dot(&matrix.mv(&v))
    }
}

/// Outputs × everything else.
pub(super) fn as_matrix(weight: &Tensor, transposed: bool) -> Tensor {
    let outputs_first = if transposed { weight.transpose(0, 1) } else { weight.shallow_clone() };
    let rows = outputs_first.size()[0];
    outputs_first.reshape([rows, -1])
}

fn unit(x: &Tensor) -> Tensor {
    x / x.norm().clamp_min(SPECTRAL_EPS)
}
