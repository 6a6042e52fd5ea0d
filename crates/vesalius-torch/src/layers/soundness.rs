//! Whether a layer in bf16 is the one in f32: asked once for every shape of every kind of layer that a process meets, of
//! values and of first and second derivatives, before its result is used.
//!
//! Some versions of oneDNN were wrong in bf16 for small kernels and for outputs of width 1. Numbers that are wrong
//! without a sign would be the worst of a faster arithmetic; the check costs each shape a few passes, once.

use super::activation::Activation;
use super::compute::{Convolution, gpu};
use super::norm::NormKind;
use crate::memory;
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

/// A kind of layer, with all that decides what it does but its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerKind {
    /// Plain and transposed.
    Convolution(Convolution),
    /// In training: by the batch's own statistics.
    Norm(NormKind),
    /// Between layers.
    Activation(Activation),
    /// Of any slope.
    LeakyRelu,
    /// A halving as a product with its patches (see [`super::patches`]).
    Halving,
    /// Its way back.
    Doubling,
    /// Filtered resampling as products with banded matrices (see [`super::resample`]).
    Resampling {
        /// Of the filter along each axis.
        stride: i64,
        /// Zeros before and behind each axis.
        padding: i64,
        /// From the outputs to the inputs.
        transposed: bool,
    },
}

/// All that decides which of its routines a library takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    layer: LayerKind,
    /// Sizes and strides of what it is given.
    given: Vec<[Vec<i64>; 2]>,
    /// Which GPU, where it is one.
    gpu: Option<usize>,
}

static VERDICTS: LazyLock<Mutex<HashMap<Shape, bool>>> = LazyLock::new(Mutex::default);

/// `run(x, rest)`: `x` `[N, …]` in the kind of the activations, `rest` (weights, biases) in f32 → the kind of `x`. Where
/// that is bf16 and the layer is not [`is_sound`], it is done in f32.
pub fn checked(
    layer: LayerKind,
    x: &Tensor,
    rest: &[&Tensor],
    run: impl Fn(&Tensor, &[&Tensor]) -> Tensor,
) -> Tensor {
    checked_by(layer, x, rest, &run, |x| run(x, rest))
}

/// The same for a layer that does more than what is checked, such as keeping running statistics: `check` is compared,
/// `run(x)` is done.
pub fn checked_by(
    layer: LayerKind,
    x: &Tensor,
    rest: &[&Tensor],
    check: impl Fn(&Tensor, &[&Tensor]) -> Tensor,
    run: impl FnOnce(&Tensor) -> Tensor,
) -> Tensor {
    if x.kind() != Kind::BFloat16 || is_sound(layer, x, rest, check) {
        return run(x);
    }
    run(&x.to_kind(Kind::Float)).to_kind(Kind::BFloat16)
}

/// Whether bf16 may be used for these shapes. Says once where it may not.
fn is_sound(
    layer: LayerKind,
    x: &Tensor,
    rest: &[&Tensor],
    run: impl Fn(&Tensor, &[&Tensor]) -> Tensor,
) -> bool {
    let given = std::iter::once(&x).chain(rest).map(|t| [t.size(), t.stride()]).collect();
    let shape = Shape { layer, given, gpu: gpu(x.device()) };
    let known =
        |shape: &Shape| VERDICTS.lock().unwrap_or_else(PoisonError::into_inner).get(shape).copied();
    if let Some(sound) = known(&shape) {
        return sound;
    }
    let distance = distance(x, rest, run);
    memory::give_back_holes();
    let sound = distance <= TOLERANCE;
    if !sound {
        say!(
            "warning: bf16 differs from f32 by {:.1} % in {layer:?} of {:?}, expected at most {:.0} %: it is done in f32",
            100.0 * distance,
            shape.given.iter().map(|[size, _]| size).collect::<Vec<_>>(),
            100.0 * TOLERANCE
        );
    }
    VERDICTS.lock().unwrap_or_else(PoisonError::into_inner).insert(shape, sound);
    sound
}

/// How far a function of (x, rest) in bf16 is from itself in f32 on the same numbers: the greatest distance over its
/// value and its first derivatives, and over the second ones of its first [`TWICE`] samples (theirs take longest), each
/// as a share of the norm in f32; infinite where one is no number. The numbers are a function of the shapes: the verdict
/// on a machine is always the same.
///
/// It comes in the midst of a step and must not be a step's peak of memory: one thing after the other.
fn distance(x: &Tensor, rest: &[&Tensor], run: impl Fn(&Tensor, &[&Tensor]) -> Tensor) -> f64 {
    let leaf = |t: &Tensor| t.detach().set_requires_grad(true);
    let rest: Vec<Tensor> =
        (2..).zip(rest).map(|(seed, like)| leaf(&pattern(like, seed))).collect();
    let rest: Vec<&Tensor> = rest.iter().collect();
    let x = pattern(x, 1);
    // With a linear term: the gradient of a bias would otherwise be a sum that cancels; and weights of both signs: what a
    // normalisation gives has squares whose sum is always the same.
    let loss = |y: &Tensor| {
        let y = y.to_kind(Kind::Float);
        (&y + y.square() * pattern(&y, 0)).sum(Kind::Float)
    };
    let once = |kind: Kind| {
        tch::with_grad(|| {
            let x = leaf(&x.to_kind(kind));
            let y = run(&x, &rest);
            let leaves: Vec<&Tensor> = std::iter::once(&x).chain(rest.iter().copied()).collect();
            let first = Tensor::run_backward(&[loss(&y)], &leaves, false, false);
            std::iter::once(y.detach()).chain(first).collect()
        })
    };
    let few = x.narrow(0, 0, x.size()[0].min(TWICE));
    let twice = |kind: Kind| {
        tch::with_grad(|| {
            let x = leaf(&few.to_kind(kind));
            let gradient = Tensor::run_backward(&[loss(&run(&x, &rest))], &[&x], true, true);
            let penalty = gradient[0].to_kind(Kind::Float).square().sum(Kind::Float);
            // Of x and the weight; a bias has none in most layers.
            let leaves: Vec<&Tensor> = std::iter::once(&x).chain(rest.first().copied()).collect();
            Tensor::run_backward(&[penalty], &leaves, false, false)
        })
    };
    farthest(once).max(farthest(twice))
}

/// The greatest distance of results in bf16 from those in f32.
fn farthest(results: impl Fn(Kind) -> Vec<Tensor>) -> f64 {
    let expected = results(Kind::Float);
    let found = results(Kind::BFloat16);
    tch::no_grad(|| {
        let norm = |t: &Tensor| t.to_kind(Kind::Float).norm().double_value(&[]);
        let far = |(found, expected): (Tensor, Tensor)| {
            let length = norm(&expected).max(1e-30);
            let share = norm(&(found.to_kind(Kind::Float) - expected)) / length;
            if share.is_finite() { share } else { f64::INFINITY }
        };
        found.into_iter().zip(expected).map(far).fold(0.0, f64::max)
    })
}

/// Numbers between −1 and 1 that bf16 holds exactly, shaped and lying in memory as `like`, in f32. They are drawn: sums
/// over a regular pattern would cancel, and what is left of them would be rounding. As many as a prime are, and come
/// again: no size here is a multiple of it.
fn pattern(like: &Tensor, seed: u64) -> Tensor {
    const DRAWN: usize = 65_521;
    tch::no_grad(|| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let count = like.numel();
        let values: Vec<f32> =
            (0..count.min(DRAWN)).map(|_| rng.random_range(-1.0_f32..1.0)).collect();
        let values = Tensor::from_slice(&values).to_kind(Kind::BFloat16);
        let values = values.repeat([count.div_ceil(DRAWN) as i64]).narrow(0, 0, count as i64);
        let mut laid = like.empty_like().to_kind(Kind::Float);
        laid.copy_(&values.reshape(like.size()));
        laid
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::conv::channels_last;
    use tch::Device;

    const F32: (Kind, Device) = (Kind::Float, Device::Cpu);

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
            let values =
                bias.then(|| Tensor::zeros([convolution.run(&x, &weight, None).size()[1]], F32));
            let rest: Vec<&Tensor> = std::iter::once(&weight).chain(&values).collect();
            let run = |x: &Tensor, rest: &[&Tensor]| convolution.cast(x, rest);
            let distance = distance(&x, &rest, run);
            assert!(distance < TOLERANCE / 2.0, "{convolution:?} {distance}");
            assert!(is_sound(LayerKind::Convolution(convolution), &x, &rest, run));
        }
    }

    #[test]
    fn norms_and_activations_are_sound() {
        let x = zeros([4, 8, 8, 8]);
        let [weight, bias] = [8, 8].map(|n| Tensor::zeros([n], F32));
        for kind in [NormKind::Batch, NormKind::Instance, NormKind::Layer] {
            let distance = distance(&x, &[&weight, &bias], |x, rest| kind.of_batch(x, rest));
            assert!(distance < TOLERANCE / 2.0, "{kind:?} {distance}");
        }
        for activation in
            [Activation::Relu, Activation::LeakyRelu, Activation::Elu, Activation::Selu]
        {
            let distance = distance(&x, &[], |x, _| activation.of(x));
            assert!(distance < TOLERANCE / 2.0, "{activation:?} {distance}");
        }
    }

    #[test]
    fn a_wrong_value_or_gradient_or_bias_is_seen() {
        let [x, weight] = [[2, 4, 8, 8], [4, 4, 3, 3]].map(zeros);
        let bias = Tensor::zeros([4], F32);
        let rest = [&weight, &bias];
        let right = |x: &Tensor, rest: &[&Tensor]| Convolution::plain(1, 1).cast(x, rest);
        let in_bf16 = |x: &Tensor| if x.kind() == Kind::BFloat16 { 1.0 } else { 0.0 };
        let value = |x: &Tensor, rest: &[&Tensor]| right(x, rest) * (1.0 + 0.05 * in_bf16(x));
        // The value is right, the gradient is not.
        let gradient = |x: &Tensor, rest: &[&Tensor]| {
            let y = right(x, rest);
            let none = &y - y.detach();
            y + none * (0.05 * in_bf16(x))
        };
        let of_bias = |x: &Tensor, rest: &[&Tensor]| {
            let wrong = rest[1] + (rest[1] - rest[1].detach()) * in_bf16(x);
            right(x, &[rest[0], &wrong])
        };
        let nan = |x: &Tensor, rest: &[&Tensor]| right(x, rest) / (1.0 - in_bf16(x));
        assert!(distance(&x, &rest, right) < TOLERANCE);
        assert!(distance(&x, &rest, value) > TOLERANCE);
        assert!(distance(&x, &rest, gradient) > TOLERANCE);
        assert!(distance(&x, &rest, of_bias) > TOLERANCE);
        assert_eq!(distance(&x, &rest, nan), f64::INFINITY);
        // And what is seen is not used: a layer of its own, so that no other test has asked for it.
        let layer = LayerKind::Resampling { stride: 9, padding: 9, transposed: false };
        let kind = x.to_kind(Kind::BFloat16) + 1.0;
        let used = checked(layer, &kind, &rest, value);
        let wanted = right(&kind.to_kind(Kind::Float), &rest).to_kind(Kind::BFloat16);
        assert_eq!(used.kind(), Kind::BFloat16);
        assert!((used - wanted).abs().max().double_value(&[]) == 0.0);
    }
}
