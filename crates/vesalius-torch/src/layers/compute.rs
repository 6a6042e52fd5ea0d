//! Convolutions and products in the arithmetic of their activations: weights, which are f32, are cast to the kind of
//! `x` for the pass, and their gradients come back in f32. In f32 nothing is cast, and nothing changes.

use super::axes::Axes;
use super::soundness::{LayerKind, checked};
use tch::{Device, Tensor};

/// A convolution but for its tensors: of pictures, or of volumes where its numbers are for three axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Convolution {
    transposed: bool,
    stride: Axes,
    padding: Axes,
    /// What a transposed convolution adds at the end of each axis.
    output_padding: Axes,
    groups: i64,
}

impl Convolution {
    /// Of stride and zero padding, the same along both axes of a picture.
    pub fn plain(stride: i64, padding: i64) -> Self {
        Self::along(Axes::both(stride), Axes::both(padding))
    }

    /// Of a stride and zero padding for each axis.
    pub fn along(stride: Axes, padding: Axes) -> Self {
        let output_padding = stride.map(|_| 0);
        Self { transposed: false, stride, padding, output_padding, groups: 1 }
    }

    /// Transposed, likewise.
    pub fn transposed(stride: i64, padding: i64) -> Self {
        Self::plain(stride, padding).turned()
    }

    /// The transposed convolution of the same numbers.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { transposed: true, ..self }
    }

    /// With a stride for each axis.
    #[must_use]
    pub fn strided(self, stride: [i64; 2]) -> Self {
        Self { stride: Axes::picture(stride), ..self }
    }

    /// With channels in groups.
    #[must_use]
    pub fn grouped(self, groups: i64) -> Self {
        Self { groups, ..self }
    }

    /// With something at the end of each axis.
    #[must_use]
    pub fn with_rest(self, output_padding: Axes) -> Self {
        Self { output_padding, ..self }
    }

    /// Whether it is a transposed one.
    pub fn is_transposed(self) -> bool {
        self.transposed
    }

    /// `x` `[N, inputs, (D,) H, W]` of either kind; weight and bias in f32 or in the kind of `x` → the kind of `x`.
    ///
    /// A convolution in bf16 that differs from the one in f32 (see [`super::soundness`]) is done in f32.
    pub fn apply(self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let rest: Vec<&Tensor> = std::iter::once(weight).chain(bias).collect();
        checked(LayerKind::Convolution(self), x, &rest, |x, rest| self.cast(x, rest))
    }

    /// With weight and, where there is one, bias cast to the kind of `x`.
    pub fn cast(self, x: &Tensor, rest: &[&Tensor]) -> Tensor {
        let bias = rest.get(1).map(|bias| like(bias, x));
        self.run(x, &like(rest[0], x), bias.as_ref())
    }

    /// As LibTorch does it: all tensors of one kind.
    pub fn run(self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let Self { transposed, groups, .. } = self;
        let [stride, padding, rest] =
            [&self.stride, &self.padding, &self.output_padding].map(Axes::as_slice);
        match (self.stride.is_volume(), transposed) {
            (false, false) => x.conv2d(weight, bias, stride, padding, [1, 1], groups),
            (true, false) => x.conv3d(weight, bias, stride, padding, [1, 1, 1], groups),
            (false, true) => {
                x.conv_transpose2d(weight, bias, stride, padding, rest, groups, [1, 1])
            }
            (true, true) => {
                x.conv_transpose3d(weight, bias, stride, padding, rest, groups, [1, 1, 1])
            }
        }
    }
}

/// Which GPU, where a device is one: [`Device`] itself is no key of a map.
pub fn gpu(device: Device) -> Option<usize> {
    if let Device::Cuda(index) = device { Some(index) } else { None }
}

/// A scale, a shift or noise in the kind of the activations that it meets: `[…]` in f32 → the same values.
pub fn like(values: &Tensor, x: &Tensor) -> Tensor {
    values.to_kind(x.kind())
}
