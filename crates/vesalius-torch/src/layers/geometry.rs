//! What convolutions do to the resolution: kernels, strides and zero padding along each axis.

use super::axes::Axes;

/// What a convolution does to the resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// Kernel, stride, zero padding of each axis.
    Conv {
        /// Kernel.
        kernel: Axes,
        /// Stride.
        stride: Axes,
        /// Zero padding.
        padding: Axes,
    },
    /// Transposed, likewise.
    Transposed {
        /// Kernel.
        kernel: Axes,
        /// Stride.
        stride: Axes,
        /// Zero padding.
        padding: Axes,
    },
    /// Nearest-neighbour upsampling by 1 or 2 along each axis, then a kernel of 3 (or 1 along an axis that stays) that
    /// keeps the size.
    Nearest {
        /// 1 or 2.
        factor: Axes,
        /// 3; 1 where the factor is 1.
        kernel: Axes,
    },
}

impl Geometry {
    /// A square kernel with one stride and padding for both axes of pictures.
    pub const fn square(kernel: i64, stride: i64, padding: i64) -> Self {
        Self::Conv {
            kernel: Axes::both(kernel),
            stride: Axes::both(stride),
            padding: Axes::both(padding),
        }
    }

    /// An odd kernel with as many zeros around as keep the size.
    pub fn keeping(kernel: Axes) -> Self {
        Self::Conv { kernel, stride: kernel.map(|_| 1), padding: kernel.map(|side| side / 2) }
    }

    /// A kernel as large as what it sees.
    pub fn whole(size: Axes) -> Self {
        Self::Conv { kernel: size, stride: size.map(|_| 1), padding: size.map(|_| 0) }
    }

    /// From one value to something as large as the kernel.
    pub fn unfold(size: Axes) -> Self {
        Self::Transposed { kernel: size, stride: size.map(|_| 1), padding: size.map(|_| 0) }
    }

    /// Halves the axes of factor 2 (kernel 4, padding 1), and looks along the others with a kernel that keeps their size.
    pub fn halving(factor: Axes, kernel: Axes) -> Self {
        Self::Conv {
            kernel: strided(factor, kernel),
            stride: factor,
            padding: around(factor, kernel),
        }
    }

    /// Doubles what [`Self::halving`] halves.
    pub fn doubling(factor: Axes, kernel: Axes) -> Self {
        Self::Transposed {
            kernel: strided(factor, kernel),
            stride: factor,
            padding: around(factor, kernel),
        }
    }
}

/// 4 along axes that are halved or doubled, else the kernel.
fn strided(factor: Axes, kernel: Axes) -> Axes {
    factor.zip(kernel, |factor, kernel| if factor == 2 { 4 } else { kernel })
}

/// Zeros that keep the size, or halve and double it.
pub(super) fn around(factor: Axes, kernel: Axes) -> Axes {
    factor.zip(kernel, |factor, kernel| if factor == 2 { 1 } else { kernel / 2 })
}

/// What a discriminator of DCGAN halves pictures with.
pub const HALVING: Geometry = Geometry::square(4, 2, 1);

/// What a generator of DCGAN doubles them with.
pub const DOUBLING: Geometry =
    Geometry::Transposed { kernel: Axes::both(4), stride: Axes::both(2), padding: Axes::both(1) };

/// Nearest ×2, then 3x3 with padding 1.
pub const NEAREST_CONV3: Geometry =
    Geometry::Nearest { factor: Axes::both(2), kernel: Axes::both(3) };
