//! Adam and RMSprop whose state can be saved: LibTorch's own optimisers, as `tch` exposes them, cannot give up
//! their moments, and a resumed training would then differ from an undisturbed one.
//!
//! Formulae: PyTorch's `torch.optim.Adam` (Kingma and Ba 2014, arXiv:1412.6980) and `torch.optim.RMSprop`
//! (no momentum, not centred). On a CPU one pass over memory does the whole update; elsewhere the same formula
//! runs as tensor operations.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

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
            Self::Rmsprop { learning_rate } => {
                Self::Rmsprop { learning_rate: learning_rate * share }
            }
        }
    }
}

/// PyTorch's default for both.
const EPS: f64 = 1e-8;
/// PyTorch's default smoothing of RMSprop.
const RMSPROP_ALPHA: f64 = 0.99;
/// Elements one task updates: large enough that handing it out costs nothing.
const CHUNK: usize = 1 << 15;

/// An optimiser over a fixed list of named parameters.
#[derive(Debug)]
pub struct Optimiser {
    spec: OptimiserSpec,
    eps: f64,
    slots: Vec<Slot>,
    steps: i64,
}

#[derive(Debug)]
struct Slot {
    name: String,
    weight: Tensor,
    /// First moment (Adam only).
    mean: Option<Tensor>,
    /// Second moment.
    square: Tensor,
}

impl Optimiser {
    /// Optimises `parameters`, each a leaf that requires a gradient.
    pub fn new(spec: OptimiserSpec, parameters: Vec<(String, Tensor)>) -> Self {
        let slots = parameters
            .into_iter()
            .map(|(name, weight)| Slot {
                name,
                mean: matches!(spec, OptimiserSpec::Adam { .. }).then(|| weight.zeros_like()),
                square: weight.zeros_like(),
                weight,
            })
            .collect();
        Self { spec, eps: EPS, slots, steps: 0 }
    }

    /// Forgets all gradients: the next backward pass writes new ones instead of adding.
    pub fn zero_grad(&mut self) {
        for slot in &mut self.slots {
            slot.weight.zero_grad();
        }
    }

    /// One update from the gradients that are there; parameters without one stay as they are.
    pub fn step(&mut self) {
        let gradients = self.slots.iter().map(|slot| slot.weight.grad()).collect();
        self.step_along(gradients);
    }

    /// One update along the gradient of a scalar. The gradients live no longer than the update: where a network has one
    /// loss, this saves their memory in between, and the passes that would zero them and add to zeros.
    pub fn minimise(&mut self, loss: &Tensor) {
        let weights: Vec<&Tensor> = self.slots.iter().map(|slot| &slot.weight).collect();
        let gradients = Tensor::run_backward(&[loss], &weights, false, false);
        self.step_along(gradients);
    }

    /// `gradients`: one per parameter, undefined where there is none.
    fn step_along(&mut self, gradients: Vec<Tensor>) {
        self.steps += 1;
        let update = Update::new(self.spec, self.eps, self.steps);
        no_grad(|| {
            for (slot, gradient) in self.slots.iter_mut().zip(gradients) {
                if !gradient.defined() {
                    continue;
                }
                if slot.weight.device() == Device::Cpu && same_dense_layout(slot, &gradient) {
                    update.on_cpu(slot, &gradient);
                } else {
                    update.on_tensors(slot, &gradient);
                }
            }
        });
    }

    /// Everything a resumed training needs, by name: `<parameter>.mean`, `<parameter>.square`, `steps`.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_owned(), Tensor::from_slice(&[self.steps]))];
        for slot in &self.slots {
            if let Some(mean) = &slot.mean {
                state.push((format!("{}.mean", slot.name), mean.shallow_clone()));
            }
            state.push((format!("{}.square", slot.name), slot.square.shallow_clone()));
        }
        state
    }

    /// Forgets moments and updates: as at the first step.
    pub fn forget(&mut self) {
        self.steps = 0;
        no_grad(|| {
            for slot in &mut self.slots {
                let _ = slot.square.zero_();
                if let Some(mean) = &mut slot.mean {
                    let _ = mean.zero_();
                }
            }
        });
    }

    /// Updates done.
    pub fn steps(&self) -> i64 {
        self.steps
    }

    /// Changes the settings of later steps: learning-rate schedules. The kind of optimiser stays.
    pub fn set_spec(&mut self, spec: OptimiserSpec) {
        debug_assert_eq!(
            std::mem::discriminant(&spec),
            std::mem::discriminant(&self.spec),
            "Adam's moments are not RMSprop's"
        );
        self.spec = spec;
    }

    /// Where a loaded state is written to: as [`Optimiser::state`], sharing its memory; the count of steps
    /// is set by [`Optimiser::set_steps`].
    pub fn set_steps(&mut self, steps: i64) {
        self.steps = steps;
    }
}

/// Whether one flat pass over all buffers visits corresponding elements.
fn same_dense_layout(slot: &Slot, grad: &Tensor) -> bool {
    let stride = slot.weight.stride();
    let same = |other: &Tensor| other.stride() == stride && other.kind() == Kind::Float;
    slot.weight.kind() == Kind::Float
        && is_dense(&slot.weight)
        && same(grad)
        && same(&slot.square)
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
struct Update {
    spec: OptimiserSpec,
    eps: f64,
    /// 1 − β₁ᵗ and √(1 − β₂ᵗ).
    correction: (f64, f64),
}

impl Update {
    fn new(spec: OptimiserSpec, eps: f64, steps: i64) -> Self {
        let correction = match spec {
            OptimiserSpec::Adam { beta1, beta2, .. } => {
                (1.0 - beta1.powf(steps as f64), (1.0 - beta2.powf(steps as f64)).sqrt())
            }
            OptimiserSpec::Rmsprop { .. } => (1.0, 1.0),
        };
        Self { spec, eps, correction }
    }

    fn on_tensors(self, slot: &mut Slot, grad: &Tensor) {
        match self.spec {
            OptimiserSpec::Adam { learning_rate, beta1, beta2 } => {
                let mean = slot.mean.as_mut().expect("Adam keeps a first moment");
                let _ = mean.lerp_(grad, 1.0 - beta1);
                let _ = slot.square.g_mul_scalar_(beta2);
                let _ = slot.square.g_add_(&(grad * grad * (1.0 - beta2)));
                let divisor = slot.square.sqrt() / self.correction.1 + self.eps;
                let _ =
                    slot.weight.g_sub_(&(&*mean / divisor * (learning_rate / self.correction.0)));
            }
            OptimiserSpec::Rmsprop { learning_rate } => {
                let _ = slot.square.g_mul_scalar_(RMSPROP_ALPHA);
                let _ = slot.square.g_add_(&(grad * grad * (1.0 - RMSPROP_ALPHA)));
                let divisor = slot.square.sqrt() + self.eps;
                let _ = slot.weight.g_sub_(&(grad / divisor * learning_rate));
            }
        }
    }

    fn on_cpu(self, slot: &mut Slot, grad: &Tensor) {
        let grad = floats(grad);
        match self.spec {
            OptimiserSpec::Adam { learning_rate, beta1, beta2 } => {
                let mean = floats(slot.mean.as_ref().expect("Adam keeps a first moment"));
                let (keep1, take1) = (beta1 as f32, (1.0 - beta1) as f32);
                let (keep2, take2) = (beta2 as f32, (1.0 - beta2) as f32);
                let rate = (learning_rate / self.correction.0) as f32;
                let scale = (1.0 / self.correction.1) as f32;
                let eps = self.eps as f32;
                floats(&slot.weight)
                    .par_chunks_mut(CHUNK)
                    .zip(floats(&slot.square).par_chunks_mut(CHUNK))
                    .zip(mean.par_chunks_mut(CHUNK))
                    .zip(grad.par_chunks(CHUNK))
                    .for_each(|(((weights, squares), means), grads)| {
                        for (((w, v), m), &g) in
                            weights.iter_mut().zip(squares).zip(means).zip(grads)
                        {
                            *m = keep1 * *m + take1 * g;
                            *v = keep2 * *v + take2 * g * g;
                            *w -= rate * *m / (v.sqrt() * scale + eps);
                        }
                    });
            }
            OptimiserSpec::Rmsprop { learning_rate } => {
                let (keep, take) = (RMSPROP_ALPHA as f32, (1.0 - RMSPROP_ALPHA) as f32);
                let (rate, eps) = (learning_rate as f32, self.eps as f32);
                floats(&slot.weight)
                    .par_chunks_mut(CHUNK)
                    .zip(floats(&slot.square).par_chunks_mut(CHUNK))
                    .zip(grad.par_chunks(CHUNK))
                    .for_each(|((weights, squares), grads)| {
                        for ((w, v), &g) in weights.iter_mut().zip(squares).zip(grads) {
                            *v = keep * *v + take * g * g;
                            *w -= rate * g / (v.sqrt() + eps);
                        }
                    });
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(spec: OptimiserSpec, layout: fn(&Tensor) -> Tensor, tensors: bool) -> Tensor {
        // Not from LibTorch's generator, which other tests draw from at the same time.
        let init =
            (Tensor::arange(288, (Kind::Float, Device::Cpu)) * 1.7).sin().reshape([8, 4, 3, 3]);
        let weight = layout(&init).set_requires_grad(true);
        let mut optimiser = Optimiser::new(spec, vec![("w".into(), weight.shallow_clone())]);
        for _ in 0..5 {
            optimiser.zero_grad();
            (&weight * &weight * weight.sin()).sum(Kind::Float).backward();
            if tensors {
                optimiser.steps += 1;
                let update = Update::new(spec, EPS, optimiser.steps);
                no_grad(|| {
                    let grad = weight.grad();
                    update.on_tensors(&mut optimiser.slots[0], &grad);
                });
            } else {
                optimiser.step();
            }
        }
        weight.detach().contiguous()
    }

    fn channels_last(tensor: &Tensor) -> Tensor {
        tensor.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
    }

    #[test]
    fn a_lazy_regulariser_slows_rate_and_decays_by_k_in_k_plus_1() {
        let adam = OptimiserSpec::Adam { learning_rate: 0.0025, beta1: 0.5, beta2: 0.99 };
        let OptimiserSpec::Adam { learning_rate, beta1, beta2 } = adam.lazy(4) else {
            panic!("another optimiser");
        };
        for (found, expected) in
            [(learning_rate, 0.002), (beta1, 0.5_f64.powf(0.8)), (beta2, 0.991_991_967_822_865_7)]
        {
            assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
        }
        // StyleGAN2's first decay is 0 and stays 0.
        let none = OptimiserSpec::Adam { learning_rate: 0.0025, beta1: 0.0, beta2: 0.99 };
        assert!(matches!(none.lazy(16), OptimiserSpec::Adam { beta1: 0.0, .. }));
        assert_eq!(adam.lazy(0), adam);
        let rmsprop = |learning_rate: f64| OptimiserSpec::Rmsprop { learning_rate };
        assert_eq!(rmsprop(1.0).lazy(4), rmsprop(0.8));
    }

    #[test]
    fn the_fused_pass_equals_the_tensor_formula_in_both_memory_layouts() {
        for spec in [
            OptimiserSpec::Adam { learning_rate: 1e-2, beta1: 0.5, beta2: 0.999 },
            OptimiserSpec::Rmsprop { learning_rate: 1e-2 },
        ] {
            let reference = run(spec, Tensor::copy, true);
            for layout in [Tensor::copy, channels_last] {
                let worst = (run(spec, layout, false) - &reference).abs().max().double_value(&[]);
                assert!(worst < 1e-6, "{spec:?}: {worst}");
            }
        }
    }
}
