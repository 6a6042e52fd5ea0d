//! Adam, RMSprop and SGD whose state can be saved: LibTorch's own optimisers, as `tch` exposes them, cannot give up
//! their moments, and a resumed training would then differ from an undisturbed one.
//!
//! Formulae: PyTorch's `torch.optim.Adam` (Kingma and Ba 2014, arXiv:1412.6980) `torch.optim.RMSprop`
//! (no momentum, not centred) and `torch.optim.SGD` (Nesterov). On a CPU one pass over memory does the whole update of all tensors; on a GPU one kernel
//! does Adam's; elsewhere the same formula runs as tensor operations.

mod fused;
mod spec;
mod update;

pub use spec::OptimiserSpec;

use rayon::prelude::*;
use tch::{Device, Tensor, no_grad};
use update::{Piece, Update, same_dense_layout};

/// PyTorch's default for both.
const EPS: f64 = 1e-8;

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
    /// First moment (Adam), or the momentum (SGD).
    mean: Option<Tensor>,
    /// Second moment (Adam, RMSprop).
    square: Option<Tensor>,
}

impl Optimiser {
    /// Optimises `parameters`, each a leaf that requires a gradient.
    pub fn new(spec: OptimiserSpec, parameters: Vec<(String, Tensor)>) -> Self {
        let slots = parameters
            .into_iter()
            .map(|(name, weight)| Slot {
                name,
                mean: (!matches!(spec, OptimiserSpec::Rmsprop { .. })).then(|| weight.zeros_like()),
                square: (!matches!(spec, OptimiserSpec::Sgd { .. })).then(|| weight.zeros_like()),
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

    /// The same with all gradients shortened alike where, taken as one vector, they are longer than `longest`
    /// (`torch.nn.utils.clip_grad_norm_`). Returns their length before.
    pub fn step_clipped(&mut self, longest: f64) -> Tensor {
        no_grad(|| {
            let gradients = self.slots.iter().map(|slot| slot.weight.grad());
            let gradients: Vec<Tensor> = gradients.filter(Tensor::defined).collect();
            let norms: Vec<Tensor> = gradients.iter().map(Tensor::norm).collect();
            let norm = Tensor::stack(&norms, 0).norm();
            // 1e-6 as there.
            let share = ((&norm + 1e-6).reciprocal() * longest).clamp_max(1.0);
            for mut gradient in gradients {
                let _ = gradient.g_mul_(&share);
            }
            self.step();
            norm
        })
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
            let adam = matches!(self.spec, OptimiserSpec::Adam { .. });
            let (mut pieces, mut on_gpu) = (Vec::new(), Vec::new());
            for (slot, gradient) in self.slots.iter().zip(&gradients) {
                if !gradient.defined() {
                    continue;
                }
                match slot.weight.device() {
                    _ if !same_dense_layout(slot, gradient) => update.on_tensors(slot, gradient),
                    Device::Cpu => pieces.extend(Piece::all(slot, gradient)),
                    Device::Cuda(_) if adam => on_gpu.push((slot, gradient)),
                    _ => update.on_tensors(slot, gradient),
                }
            }
            fused::adam(&on_gpu, self.spec, self.eps, self.steps);
            // All tensors in one round of threads: most of them are small.
            pieces.into_par_iter().for_each(|piece| update.on_piece(piece));
        });
    }

    /// Everything a resumed training needs, by name: `<parameter>.mean`, `<parameter>.square`, `steps`.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_owned(), Tensor::from_slice(&[self.steps]))];
        for slot in &self.slots {
            if let Some(mean) = &slot.mean {
                state.push((format!("{}.mean", slot.name), mean.shallow_clone()));
            }
            if let Some(square) = &slot.square {
                state.push((format!("{}.square", slot.name), square.shallow_clone()));
            }
        }
        state
    }

    /// Forgets moments and updates: as at the first step.
    pub fn forget(&mut self) {
        self.steps = 0;
        no_grad(|| {
            for slot in &mut self.slots {
                for moment in slot.mean.iter_mut().chain(&mut slot.square) {
                    let _ = moment.zero_();
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
            "one optimiser's moments are not another's"
        );
        self.spec = spec;
    }

    /// Where a loaded state is written to: as [`Optimiser::state`], sharing its memory; the count of steps
    /// is set by [`Optimiser::set_steps`].
    pub fn set_steps(&mut self, steps: i64) {
        self.steps = steps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[derive(Clone, Copy)]
    enum How {
        Step,
        Tensors,
        Fused,
    }

    fn run(spec: OptimiserSpec, layout: fn(&Tensor) -> Tensor, how: How) -> Tensor {
        // Not from LibTorch's generator, which other tests draw from at the same time.
        let init =
            (Tensor::arange(288, (Kind::Float, Device::Cpu)) * 1.7).sin().reshape([8, 4, 3, 3]);
        let weight = layout(&init).set_requires_grad(true);
        let mut optimiser = Optimiser::new(spec, vec![("w".into(), weight.shallow_clone())]);
        for _ in 0..5 {
            optimiser.zero_grad();
            (&weight * &weight * weight.sin()).sum(Kind::Float).backward();
            if let How::Step = how {
                optimiser.step();
                continue;
            }
            optimiser.steps += 1;
            let (slot, grad) = (&optimiser.slots[0], weight.grad());
            no_grad(|| match how {
                How::Fused => fused::adam(&[(slot, &grad)], spec, EPS, optimiser.steps),
                _ => Update::new(spec, EPS, optimiser.steps).on_tensors(slot, &grad),
            });
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
            OptimiserSpec::Sgd { learning_rate: 1e-2, momentum: 0.9, weight_decay: 0.1 },
            OptimiserSpec::Rmsprop { learning_rate: 1e-2 },
        ] {
            let reference = run(spec, Tensor::copy, How::Tensors);
            for layout in [Tensor::copy, channels_last] {
                let worst =
                    (run(spec, layout, How::Step) - &reference).abs().max().double_value(&[]);
                assert!(worst < 1e-6, "{spec:?}: {worst}");
            }
        }
    }

    /// On a CPU, where LibTorch has that kernel too.
    #[test]
    fn libtorchs_kernel_for_gpus_equals_the_tensor_formula() {
        let spec = OptimiserSpec::Adam { learning_rate: 1e-2, beta1: 0.5, beta2: 0.999 };
        let reference = run(spec, Tensor::copy, How::Tensors);
        for layout in [Tensor::copy, channels_last] {
            let worst = (run(spec, layout, How::Fused) - &reference).abs().max().double_value(&[]);
            assert!(worst < 1e-6, "{worst}");
        }
    }
}
