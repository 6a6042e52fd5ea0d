//! Instance normalisation and LeakyReLU as one operation that goes through memory as seldom as it can, on a CPU.

use super::activation::leaky_relu;
use super::norm::{EPS, instance_norm, of_planes};
use crate::bound;
use std::ffi::{c_char, c_int};
use tch::{Device, Kind, Tensor};

#[expect(unsafe_code, reason = "a function of ours in C++: see norm_activation.cpp")]
unsafe extern "C" {
    fn vesalius_norm_activation(
        x: *mut torch_sys::C_tensor,
        weight: *mut torch_sys::C_tensor,
        bias: *mut torch_sys::C_tensor,
        eps: f64,
        slope: f64,
        said: *mut c_char,
        room: c_int,
    ) -> *mut torch_sys::C_tensor;
}

/// LeakyReLU of `slope` behind an instance normalisation: `[N, C, H, W]`, weight and bias `[C]` → the same shape and kind,
/// channels last.
///
/// Differentiable once on a CPU; a gradient of a gradient panics. Statistics are f32 for bf16 and f32.
pub fn instance_norm_leaky(x: &Tensor, weight: &Tensor, bias: &Tensor, slope: f64) -> Tensor {
    if x.device() != Device::Cpu {
        return leaky_relu(&instance_norm(x, Some(weight), Some(bias), EPS), slope);
    }
    if x.dim() == 5 {
        return of_planes(x, |x| instance_norm_leaky(x, weight, bias, slope));
    }
    // Statistics are f32 for bf16 too; f64 is for tests.
    let statistics = if x.kind() == Kind::Double { Kind::Double } else { Kind::Float };
    let [weight, bias] = [weight, bias].map(|values| values.to_kind(statistics));
    fused(x, &weight, &bias, slope)
}

#[expect(unsafe_code, reason = "a function of ours in C++: see norm_activation.cpp")]
fn fused(x: &Tensor, weight: &Tensor, bias: &Tensor, slope: f64) -> Tensor {
    let mut said = [0; 256];
    let [x, weight, bias] = [x, weight, bias].map(|tensor| tensor.as_ptr().cast_mut());
    // SAFETY: three tensors that live until the end of this function; `said` has the room named; what comes back is a
    // tensor of its own or null.
    let y = unsafe {
        let room = said.len() as c_int;
        vesalius_norm_activation(x, weight, bias, EPS, slope, said.as_mut_ptr(), room)
    };
    assert!(!y.is_null(), "instance normalisation with LeakyReLU: {}", bound::said(&said));
    // SAFETY: allocated by C++ as `tch` allocates its own, and owned by nobody else.
    unsafe { Tensor::from_ptr(y) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::conv::channels_last;

    /// Numbers that no other test's draws change.
    fn numbers(shape: &[i64], step: f64) -> Tensor {
        let count = shape.iter().product::<i64>();
        let at = Tensor::arange(count, (Kind::Double, Device::Cpu)).reshape(shape) * step;
        let values = at.sin() + (at * 1.37).cos();
        if shape.len() == 4 { channels_last(&values, Device::Cpu) } else { values }
    }

    /// y, and the gradients of Σ y·r by x, weight and bias.
    fn pass(f: impl Fn(&[Tensor; 3]) -> Tensor, shape: [i64; 4], kind: Kind) -> Vec<Tensor> {
        let x = (numbers(&shape, 0.7) * 2.0 + 3.0).to_kind(kind);
        let statistics = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        let weight = (numbers(&[shape[1]], 1.1) + 1.0).to_kind(statistics);
        let bias = numbers(&[shape[1]], 1.9).to_kind(statistics);
        let r = numbers(&shape, 2.3).to_kind(kind);
        let inputs = [x, weight, bias].map(|tensor| tensor.set_requires_grad(true));
        let y = f(&inputs);
        assert_eq!((y.size(), y.kind()), (shape.to_vec(), kind));
        let mut all = Tensor::run_backward(&[(&y * r).sum(Kind::Double)], &inputs, false, false);
        all.push(y.detach());
        all
    }

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        let [a, b] = [a, b].map(|tensor| tensor.to_kind(Kind::Double));
        ((&a - &b).norm() / b.norm()).double_value(&[])
    }

    #[test]
    fn it_is_the_norm_and_then_the_activation() {
        let fused = |t: &[Tensor; 3]| instance_norm_leaky(&t[0], &t[1], &t[2], 0.01);
        let two = |t: &[Tensor; 3]| {
            leaky_relu(&instance_norm(&t[0], Some(&t[1]), Some(&t[2]), EPS), 0.01)
        };
        // Odd numbers of everything, one pixel row, more channels than a block, a sample of one.
        for shape in [[3, 5, 7, 9], [2, 130, 1, 11], [1, 64, 20, 13], [4, 1, 3, 3]] {
            let expected = pass(two, shape, Kind::Double);
            for (kind, tolerance) in [(Kind::Double, 1e-12), (Kind::Float, 2e-6)] {
                for (found, expected) in pass(fused, shape, kind).iter().zip(&expected) {
                    let apart = apart(found, expected);
                    assert!(apart < tolerance, "{shape:?} {kind:?} {apart:e}");
                }
            }
            // Rounded numbers are others: compared with f64 of the same.
            let rounded = |t: &[Tensor; 3]| {
                let x = t[0].to_kind(Kind::Double);
                let [weight, bias] = [&t[1], &t[2]].map(|values| values.to_kind(Kind::Double));
                let y = leaky_relu(&instance_norm(&x, Some(&weight), Some(&bias), EPS), 0.01);
                y.to_kind(Kind::BFloat16)
            };
            let expected = pass(rounded, shape, Kind::BFloat16);
            for (found, expected) in pass(fused, shape, Kind::BFloat16).iter().zip(&expected) {
                let apart = apart(found, expected);
                assert!(apart < 4e-3, "{shape:?} bf16 {apart:e}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so_and_threads_change_nothing() {
        let x = numbers(&[2, 3, 8, 8], 0.3).to_kind(Kind::BFloat16);
        let [weight, bias] = [1.0, 0.0].map(|v| Tensor::full([3], v, (Kind::Float, Device::Cpu)));
        let y = instance_norm_leaky(&x, &weight, &bias, 0.01);
        let _ = x.get(0).get(1).get(2).get(3).fill_(f64::NAN);
        let broken = instance_norm_leaky(&x, &weight, &bias, 0.01);
        assert!(broken.get(0).get(1).isnan().all().int64_value(&[]) == 1);
        assert_eq!(broken.get(1), y.get(1));
        let shape = [8, 70, 32, 32];
        let fused = |t: &[Tensor; 3]| instance_norm_leaky(&t[0], &t[1], &t[2], 0.01);
        let before = tch::get_num_threads();
        let [one, two] = [1, 2].map(|threads| {
            tch::set_num_threads(threads);
            pass(fused, shape, Kind::BFloat16)
        });
        tch::set_num_threads(before);
        assert_eq!(one, two);
    }

    #[test]
    #[should_panic(expected = "can be differentiated once only")]
    fn a_gradient_of_a_gradient_is_refused() {
        let x = numbers(&[2, 3, 4, 4], 0.3).set_requires_grad(true);
        let [weight, bias] = [1.0, 0.0].map(|v| Tensor::full([3], v, (Kind::Double, Device::Cpu)));
        let y = instance_norm_leaky(&x, &weight, &bias, 0.01);
        Tensor::run_backward(&[y.square().sum(Kind::Float)], &[&x], true, true);
    }
}
