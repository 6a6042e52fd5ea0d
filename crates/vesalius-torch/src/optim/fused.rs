//! Adam of all tensors in one kernel: what LibTorch has for GPUs (and for CPUs, where the tests compare it).

use super::{OptimiserSpec, Slot};
use crate::bound;
use std::ffi::{c_char, c_int};
use tch::{Kind, Tensor};

/// A tensor as `torch-sys` holds it.
type Raw = *mut torch_sys::C_tensor;

#[expect(unsafe_code, reason = "a function of ours in C++: see fused_adam.cpp")]
unsafe extern "C" {
    fn vesalius_fused_adam(
        weights: *const Raw,
        gradients: *const Raw,
        means: *const Raw,
        squares: *const Raw,
        count: c_int,
        steps: Raw,
        learning_rate: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        said: *mut c_char,
        room: c_int,
    ) -> c_int;
}

/// One update of slots along their gradients; `steps` counts it already. All tensors are dense and lie on one device.
#[expect(unsafe_code, reason = "a function of ours in C++: see fused_adam.cpp")]
pub(super) fn adam(slots: &[(&Slot, &Tensor)], spec: OptimiserSpec, eps: f64, steps: i64) {
    let Some((first, _)) = slots.first() else { return };
    let OptimiserSpec::Adam { learning_rate, beta1, beta2 } = spec else {
        unreachable!("moments of Adam");
    };
    let raw = |of: fn(&Slot) -> &Tensor| -> Vec<Raw> {
        slots.iter().map(|(slot, _)| of(slot).as_ptr().cast_mut()).collect()
    };
    let gradients: Vec<Raw> =
        slots.iter().map(|(_, gradient)| gradient.as_ptr().cast_mut()).collect();
    let weights = raw(|slot| &slot.weight);
    let means = raw(|slot| slot.mean.as_ref().expect("Adam keeps a first moment"));
    let squares = raw(|slot| slot.square.as_ref().expect("Adam keeps a second moment"));
    let steps = Tensor::full([0; 0], steps as f64, (Kind::Float, first.weight.device()));
    let mut said = [0; 256];
    // SAFETY: four lists of one length, of tensors that live until the end of this function; `said` has the room named.
    let failed = unsafe {
        vesalius_fused_adam(
            weights.as_ptr(),
            gradients.as_ptr(),
            means.as_ptr(),
            squares.as_ptr(),
            weights.len() as c_int,
            steps.as_ptr().cast_mut(),
            learning_rate,
            beta1,
            beta2,
            eps,
            said.as_mut_ptr(),
            said.len() as c_int,
        )
    };
    assert!(failed == 0, "LibTorch's fused Adam: {}", bound::said(&said));
}
