//! The update itself: on a CPU one pass over memory, elsewhere tensor operations of the same formula.

use super::{OptimiserSpec, Slot};
use tch::{Kind, Tensor};

/// PyTorch's default smoothing of RMSprop.
const RMSPROP_ALPHA: f64 = 0.99;
/// Elements one task updates: large enough that handing it out costs nothing.
const CHUNK: usize = 1 << 15;

/// Whether one flat pass over all buffers visits corresponding elements.
pub(super) fn same_dense_layout(slot: &Slot, grad: &Tensor) -> bool {
    let stride = slot.weight.stride();
    let same = |other: &Tensor| other.stride() == stride && other.kind() == Kind::Float;
    slot.weight.kind() == Kind::Float
        && is_dense(&slot.weight)
        && same(grad)
        && slot.square.as_ref().is_none_or(same)
        && slot.mean.as_ref().is_none_or(same)
}

/// Whether the elements fill their memory without gaps, in whatever order (contiguous or channels-last).
fn is_dense(tensor: &Tensor) -> bool {
    let mut axes: Vec<(i64, i64)> = tensor.stride().into_iter().zip(tensor.size()).collect();
    axes.retain(|&(_, size)| size != 1);
    axes.sort_unstable();
    let mut expected = 1;
    axes.into_iter().all(|(stride, size)| {
        let fits = stride == expected;
        expected *= size;
        fits
    })
}

/// The numbers of one step.
#[derive(Clone, Copy)]
pub(super) struct Update {
    spec: OptimiserSpec,
    eps: f64,
    /// 1 − β₁ᵗ and √(1 − β₂ᵗ).
    correction: (f64, f64),
}

impl Update {
    pub(super) fn new(spec: OptimiserSpec, eps: f64, steps: i64) -> Self {
        let correction = match spec {
            OptimiserSpec::Adam { beta1, beta2, .. } => {
                (1.0 - beta1.powf(steps as f64), (1.0 - beta2.powf(steps as f64)).sqrt())
            }
            OptimiserSpec::Rmsprop { .. } | OptimiserSpec::Sgd { .. } => (1.0, 1.0),
        };
        Self { spec, eps, correction }
    }

    pub(super) fn on_tensors(self, slot: &Slot, grad: &Tensor) {
        // Handles: the tensors are shared.
        let handle = |moment: &Option<Tensor>| {
            moment.as_ref().map(Tensor::shallow_clone).expect("a moment of this optimiser")
        };
        let mut weight = slot.weight.shallow_clone();
        match self.spec {
            OptimiserSpec::Adam { learning_rate, beta1, beta2 } => {
                let (mut mean, mut square) = (handle(&slot.mean), handle(&slot.square));
                let _ = mean.lerp_(grad, 1.0 - beta1);
                let _ = square.g_mul_scalar_(beta2);
                let _ = square.g_add_(&(grad * grad * (1.0 - beta2)));
                let divisor = square.sqrt() / self.correction.1 + self.eps;
                let _ = weight.g_sub_(&(&mean / divisor * (learning_rate / self.correction.0)));
            }
            OptimiserSpec::Sgd { learning_rate, momentum, weight_decay } => {
                let mut mean = handle(&slot.mean);
                let gradient = grad + &weight * weight_decay;
                let _ = mean.g_mul_scalar_(momentum);
                let _ = mean.g_add_(&gradient);
                let _ = weight.g_sub_(&((gradient + &mean * momentum) * learning_rate));
            }
            OptimiserSpec::Rmsprop { learning_rate } => {
                let mut square = handle(&slot.square);
                let _ = square.g_mul_scalar_(RMSPROP_ALPHA);
                let _ = square.g_add_(&(grad * grad * (1.0 - RMSPROP_ALPHA)));
                let divisor = square.sqrt() + self.eps;
                let _ = weight.g_sub_(&(grad / divisor * learning_rate));
            }
        }
    }

    pub(super) fn on_piece(self, Piece { weight, square, mean, grad }: Piece<'_>) {
        match self.spec {
            OptimiserSpec::Adam { learning_rate, beta1, beta2 } => {
                let (keep1, take1) = (beta1 as f32, (1.0 - beta1) as f32);
                let (keep2, take2) = (beta2 as f32, (1.0 - beta2) as f32);
                let rate = (learning_rate / self.correction.0) as f32;
                let scale = (1.0 / self.correction.1) as f32;
                let eps = self.eps as f32;
                for (((w, v), m), &g) in weight.iter_mut().zip(square).zip(mean).zip(grad) {
                    *m = keep1 * *m + take1 * g;
                    *v = keep2 * *v + take2 * g * g;
                    *w -= rate * *m / (v.sqrt() * scale + eps);
                }
            }
            OptimiserSpec::Sgd { learning_rate, momentum, weight_decay } => {
                let (rate, momentum, decay) =
                    (learning_rate as f32, momentum as f32, weight_decay as f32);
                for ((w, m), &g) in weight.iter_mut().zip(mean).zip(grad) {
                    let g = g + decay * *w;
                    *m = momentum * *m + g;
                    *w -= rate * (g + momentum * *m);
                }
            }
            OptimiserSpec::Rmsprop { learning_rate } => {
                let (keep, take) = (RMSPROP_ALPHA as f32, (1.0 - RMSPROP_ALPHA) as f32);
                let (rate, eps) = (learning_rate as f32, self.eps as f32);
                for ((w, v), &g) in weight.iter_mut().zip(square).zip(grad) {
                    *v = keep * *v + take * g * g;
                    *w -= rate * g / (v.sqrt() + eps);
                }
            }
        }
    }
}

/// Neighbouring elements of a weight, with their moments and gradients: what one thread updates in one go.
pub(super) struct Piece<'a> {
    weight: &'a mut [f32],
    /// Empty for an optimiser without a second moment.
    square: &'a mut [f32],
    /// Empty for an optimiser without a first moment.
    mean: &'a mut [f32],
    grad: &'a [f32],
}

impl<'a> Piece<'a> {
    /// All of a slot, in pieces of at most [`CHUNK`] elements.
    pub(super) fn all(slot: &'a Slot, gradient: &'a Tensor) -> impl Iterator<Item = Self> {
        let moments = |moment: &'a Option<Tensor>| {
            let pieces = moment.as_ref().map(|moment| floats(moment).chunks_mut(CHUNK));
            pieces.into_iter().flatten().chain(std::iter::repeat_with(Default::default))
        };
        floats(&slot.weight)
            .chunks_mut(CHUNK)
            .zip(moments(&slot.square))
            .zip(moments(&slot.mean))
            .zip(floats(gradient).chunks(CHUNK))
            .map(|(((weight, square), mean), grad)| Self { weight, square, mean, grad })
    }
}

/// The elements of a dense f32 tensor on the CPU, in memory order.
#[expect(unsafe_code, reason = "tch gives no safe view of a tensor's memory: see below")]
#[expect(clippy::mut_from_ref, reason = "tensors are reference-counted buffers: see below")]
fn floats(tensor: &Tensor) -> &mut [f32] {
    // SAFETY: `same_dense_layout` has checked kind, device and density, so numel() floats lie at data_ptr();
    // weight, moments and gradient are four different allocations, and nothing else runs on them meanwhile:
    // the optimiser is called between a backward and the next forward pass, under no_grad.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), tensor.numel()) }
}
