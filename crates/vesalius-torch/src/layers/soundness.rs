//! Whether a convolution in bf16 is the one in f32: asked once for every shape that a process meets, of values and of
//! first and second derivatives, before its result is used.
//!
//! Some versions of oneDNN were wrong in bf16 for small kernels and for outputs of width 1. Numbers that are wrong
//! without a sign would be the worst of a faster arithmetic; the check costs each shape a few passes, once.

use super::compute::{Convolution, gpu};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use tch::{Kind, Tensor};
use vesalius_data::say;

/// Greatest distance from f32, as a share of its norm. Rounding to bf16 alone changes a number by at most 2⁻⁹ of
/// it, 0.002.
pub const TOLERANCE: f64 = 0.02;
/// Samples whose second derivatives are compared.
const TWICE: i64 = 2;

/// All that decides which of its routines a library takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    convolution: Convolution,
    x: [Vec<i64>; 2],
    weight: [Vec<i64>; 2],
    bias: bool,
    /// Which GPU, where it is one.
    gpu: Option<usize>,
}

static VERDICTS: LazyLock<Mutex<HashMap<Shape, bool>>> = LazyLock::new(Mutex::default);

/// Whether bf16 may be used for these shapes. Says once where it may not.
pub fn is_sound(convolution: Convolution, x: &Tensor, weight: &Tensor, bias: bool) -> bool {
    let lies = |t: &Tensor| [t.size(), t.stride()];
    let shape = Shape { convolution, x: lies(x), weight: lies(weight), bias, gpu: gpu(x.device()) };
    let known =
        |shape: &Shape| VERDICTS.lock().unwrap_or_else(PoisonError::into_inner).get(shape).copied();
    if let Some(sound) = known(&shape) {
        return sound;
    }
    let run = |x: &Tensor, weight: &Tensor, bias: Option<&Tensor>| convolution.run(x, weight, bias);
    let distance = distance([x, weight], bias, run);
    let sound = distance <= TOLERANCE;
    if !sound {
        say!(
            "warning: bf16 differs from f32 by {:.1} % for the convolution of {:?} with {:?}, expected at most {:.0} %: \
             it is done in f32",
            100.0 * distance,
            x.size(),
            weight.size(),
            100.0 * TOLERANCE
        );
    }
    VERDICTS.lock().unwrap_or_else(PoisonError::into_inner).insert(shape, sound);
    sound
}

/// How far a function of (x, weight, bias) in bf16 is from itself in f32 on the same numbers: the greatest distance over
/// its value and its first derivatives, and over the second ones of its first [`TWICE`] samples (theirs take longest),
/// each as a share of the norm in f32; infinite where one is no number. The numbers are a function of the shapes: the
/// verdict on a machine is always the same.
fn distance(
    like: [&Tensor; 2],
    bias: bool,
    run: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Tensor,
) -> f64 {
    let [x, weight] = [(like[0], 1), (like[1], 2)].map(|(like, seed)| pattern(like, seed));
    let few = x.narrow(0, 0, x.size()[0].min(TWICE));
    let y = tch::no_grad(|| run(&few, &weight, None));
    let bias = bias.then(|| pattern(&y.select(0, 0).select(1, 0).select(1, 0), 3));
    let of = |kind: Kind| -> Vec<Tensor> {
        tch::with_grad(|| {
            let leaf = |t: &Tensor| t.to_kind(kind).detach().copy().set_requires_grad(true);
            let (x, weight, bias) = (leaf(&x), leaf(&weight), bias.as_ref().map(leaf));
            let loss =
                |y: &Tensor| (y.to_kind(Kind::Float).square() * pattern(y, 4)).sum(Kind::Float);
            let y = run(&x, &weight, bias.as_ref());
            let leaves: Vec<&Tensor> = [&x, &weight].into_iter().chain(bias.as_ref()).collect();
            let first = Tensor::run_backward(&[loss(&y)], &leaves, false, false);
            let few = leaf(&few);
            let once = loss(&run(&few, &weight, bias.as_ref()));
            let once = Tensor::run_backward(&[once], &[&few], true, true);
            let penalty = once[0].to_kind(Kind::Float).square().sum(Kind::Float);
            let second = Tensor::run_backward(&[penalty], &[&few, &weight], false, false);
            std::iter::once(y).chain(first).chain(second).collect()
        })
    };
    let expected = of(Kind::Float);
    let found = of(Kind::BFloat16);
    tch::no_grad(|| {
        let norm = |t: &Tensor| t.norm().double_value(&[]);
        let far = |(found, expected): (&Tensor, &Tensor)| {
            let share = norm(&(found.to_kind(Kind::Float) - expected)) / norm(expected).max(1e-30);
            if share.is_finite() { share } else { f64::INFINITY }
        };
        found.iter().zip(&expected).map(far).fold(0.0, f64::max)
    })
}

/// Numbers between −1 and 1 that bf16 holds exactly, shaped and lying in memory as `like`, in f32. They are drawn: sums
/// over a regular pattern would cancel, and what is left of them would be rounding.
fn pattern(like: &Tensor, seed: u64) -> Tensor {
    tch::no_grad(|| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = (0..like.numel()).map(|_| rng.random_range(-1.0_f32..1.0)).collect();
        let values = Tensor::from_slice(&values).reshape(like.size());
        let mut laid = like.empty_like().to_kind(Kind::Float);
        laid.copy_(&values.to_kind(Kind::BFloat16));
        laid
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::conv::channels_last;
    use tch::Device;

    fn zeros(shape: [i64; 4]) -> Tensor {
        channels_last(&Tensor::zeros(shape, (Kind::Float, Device::Cpu)), Device::Cpu)
    }

    /// Kernels, strides, groups and widths of the networks here, and those that were wrong in some versions.
    #[test]
    fn the_convolutions_of_the_networks_are_sound() {
        let plain = Convolution::plain;
        let up = Convolution::transposed;
        for (convolution, x, weight, bias) in [
            (plain(1, 1), [2, 8, 16, 16], [8, 8, 3, 3], true),
            (plain(1, 0), [2, 8, 16, 16], [4, 8, 1, 1], true),
            (plain(2, 1), [2, 8, 16, 16], [16, 8, 4, 4], false),
            (plain(2, 0), [2, 8, 17, 17], [16, 8, 3, 3], false),
            (plain(2, 2), [2, 8, 16, 16], [16, 8, 4, 4], true),
            (plain(1, 0), [2, 32, 4, 4], [1, 32, 4, 4], true), // output of width 1
            (plain(1, 0), [2, 8, 16, 2], [4, 8, 2, 2], true),
            (plain(1, 2), [2, 16, 9, 9], [16, 1, 4, 4], false),
            (up(2, 1), [2, 8, 8, 8], [8, 4, 4, 4], true),
            (up(1, 0), [2, 16, 1, 1], [16, 8, 4, 4], false),
            (up(2, 0), [2, 8, 8, 8], [8, 4, 3, 3], false),
        ] {
            let groups = if weight[1] == 1 { x[1] } else { 1 };
            let convolution = convolution.grouped(groups);
            let [x, weight] = [x, weight].map(zeros);
            let run = |x: &Tensor, w: &Tensor, b: Option<&Tensor>| convolution.run(x, w, b);
            let distance = distance([&x, &weight], bias, run);
            assert!(distance < TOLERANCE / 2.0, "{convolution:?} {distance}");
            assert!(is_sound(convolution, &x, &weight, bias));
        }
    }

    #[test]
    fn a_wrong_value_or_gradient_or_bias_is_seen() {
        let [x, weight] = [[2, 4, 8, 8], [4, 4, 3, 3]].map(zeros);
        let right =
            |x: &Tensor, w: &Tensor, b: Option<&Tensor>| Convolution::plain(1, 1).run(x, w, b);
        let in_bf16 = |x: &Tensor| if x.kind() == Kind::BFloat16 { 1.0 } else { 0.0 };
        let value =
            |x: &Tensor, w: &Tensor, b: Option<&Tensor>| right(x, w, b) * (1.0 + 0.05 * in_bf16(x));
        // The value is right, the gradient is not.
        let gradient = |x: &Tensor, w: &Tensor, b: Option<&Tensor>| {
            let y = right(x, w, b);
            let none = &y - y.detach();
            y + none * (0.05 * in_bf16(x))
        };
        let bias = |x: &Tensor, w: &Tensor, b: Option<&Tensor>| {
            let b = b.map(|b| b + (b - b.detach()) * in_bf16(x));
            right(x, w, b.as_ref())
        };
        let nan = |x: &Tensor, w: &Tensor, b: Option<&Tensor>| right(x, w, b) / (1.0 - in_bf16(x));
        assert!(distance([&x, &weight], true, right) < TOLERANCE);
        assert!(distance([&x, &weight], true, value) > TOLERANCE);
        assert!(distance([&x, &weight], true, gradient) > TOLERANCE);
        assert!(distance([&x, &weight], true, bias) > TOLERANCE);
        assert_eq!(distance([&x, &weight], true, nan), f64::INFINITY);
    }
}
