//! Low-pass filtered resampling of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958; NVlabs/stylegan2-ada-pytorch,
//! `torch_utils/ops/upfirdn2d.py`): blur, upsample ×2 and downsample ×2 with one small filter for every channel.
//!
//! In f32 each is a single depthwise convolution, strided where resolution changes, where the reference code's CPU path
//! inserts zeros or filters at full resolution and throws three quarters of the result away.
//!
//! In bf16 it is a product with a banded matrix along the height and one along the width: oneDNN's way back through a
//! strided depthwise convolution takes ten times as long there as the products do (`bench/README.md`), and LibTorch's
//! second derivative of one goes through the channels one by one, for a gradient of the filter that nobody asked for.

mod volumes;

use super::axes::Axes;
use super::compute::{Convolution, gpu, like};
use super::soundness::{LayerKind, checked};
use std::cell::RefCell;
use std::collections::HashMap;
use tch::{Kind, Tensor};

/// Taps of every resampling filter of StyleGAN2.
const TAPS: [f32; 4] = [1.0, 3.0, 3.0, 1.0];

/// The 2-D filter `[4, 4]`, summing to 1, on the CPU.
pub fn filter() -> Tensor {
    let taps = Tensor::from_slice(&TAPS) / f64::from(TAPS.iter().sum::<f32>());
    taps.outer(&taps)
}

/// `[N, ·, H, W]` → `[N, ·, H + 2·padding − k + 1, W + 2·padding − k + 1]` with a separable filter `[k, k]`.
pub fn blur(x: &Tensor, filter: &Tensor, gain: f64, padding: i64) -> Tensor {
    if x.kind() != Kind::BFloat16 {
        return depthwise(x, filter, gain, Convolution::plain(1, padding));
    }
    along_both(x, filter, gain, |size, taps| Band::blur(size, taps, padding))
}

/// `[N, ·, H, W]` → `[N, ·, H/2, W/2]`: low-pass filtered, every second pixel kept.
pub fn downsample(x: &Tensor, filter: &Tensor) -> Tensor {
    if x.kind() != Kind::BFloat16 {
        return depthwise(x, filter, 1.0, Convolution::plain(2, 1));
    }
    along_both(x, filter, 1.0, Band::down)
}

/// `[N, ·, H, W]` → `[N, ·, 2H, 2W]`: zeros inserted, low-pass filtered, brightness kept.
pub fn upsample(x: &Tensor, filter: &Tensor) -> Tensor {
    if x.kind() != Kind::BFloat16 {
        return depthwise(x, filter, 4.0, Convolution::transposed(2, 1));
    }
    along_both(x, filter, 4.0, Band::up)
}

/// [`blur`] in front of or behind a change of resolution by `factor`: along the axes that it changes, `gain` for each; of
/// volumes planes first, then the depth.
pub fn blur_along(x: &Tensor, filter: &Tensor, gain: f64, padding: i64, factor: Axes) -> Tensor {
    let of_planes = |x: &Tensor| blur(x, filter, gain * gain, padding);
    volumes::along(
        x,
        factor,
        of_planes,
        |depth, taps| (Band::blur(depth, taps, padding), gain),
        filter,
    )
}

/// [`downsample`] along the axes that `factor` halves.
pub fn downsample_along(x: &Tensor, filter: &Tensor, factor: Axes) -> Tensor {
    let of_planes = |x: &Tensor| downsample(x, filter);
    volumes::along(x, factor, of_planes, |depth, taps| (Band::down(depth, taps), 1.0), filter)
}

/// [`upsample`] along the axes that `factor` doubles.
pub fn upsample_along(x: &Tensor, filter: &Tensor, factor: Axes) -> Tensor {
    let of_planes = |x: &Tensor| upsample(x, filter);
    volumes::along(x, factor, of_planes, |depth, taps| (Band::up(depth, taps), 2.0), filter)
}

fn depthwise(x: &Tensor, filter: &Tensor, gain: f64, convolution: Convolution) -> Tensor {
    let channels = x.size()[1];
    // The filter is given for convolution; LibTorch correlates, and its transposed convolution convolves.
    let filter =
        if convolution.is_transposed() { filter.shallow_clone() } else { filter.flip([0, 1]) };
    let [h, w] = [filter.size()[0], filter.size()[1]];
    let kernel = (filter * gain).reshape([1, 1, h, w]).expand([channels, 1, h, w], false);
    convolution.grouped(channels).apply(x, &kernel.contiguous(), None)
}

/// Along an axis: output o is the sum of the taps times inputs stride·o − padding, … of which those outside are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Band {
    inputs: i64,
    outputs: i64,
    stride: i64,
    padding: i64,
    taps: i64,
    /// The adjoint, from outputs to inputs.
    transposed: bool,
}

impl Band {
    fn blur(size: i64, taps: i64, padding: i64) -> Self {
        let outputs = size + 2 * padding - taps + 1;
        Self { inputs: size, outputs, stride: 1, padding, taps, transposed: false }
    }

    fn down(size: i64, taps: i64) -> Self {
        let outputs = (size + 2 - taps) / 2 + 1;
        Self { inputs: size, outputs, stride: 2, padding: 1, taps, transposed: false }
    }

    fn up(size: i64, taps: i64) -> Self {
        Self { transposed: true, ..Self::down(2 * size, taps) }
    }

    /// Where each tap stands in the matrix: `[taps, outputs · inputs]` of 0 and 1.
    fn places(self) -> Tensor {
        let Self { inputs, outputs, stride, padding, taps, .. } = self;
        let mut places = vec![0.0_f32; (taps * outputs * inputs) as usize];
        for tap in 0..taps {
            for output in 0..outputs {
                let input = stride * output + tap - padding;
                if (0..inputs).contains(&input) {
                    places[((tap * outputs + output) * inputs + input) as usize] = 1.0;
                }
            }
        }
        Tensor::from_slice(&places).reshape([taps, outputs * inputs])
    }

    /// The matrix for taps that are given for convolution: a band correlates, and its adjoint convolves.
    fn of_convolution(self, taps: &Tensor) -> Tensor {
        let taps = if self.transposed { taps.shallow_clone() } else { taps.flip([0]) };
        self.matrix(&taps)
    }

    /// The matrix for a filter's `taps` `[k]`.
    fn matrix(self, taps: &Tensor) -> Tensor {
        thread_local! {
            static PLACES: RefCell<HashMap<(Band, Option<usize>), Tensor>> = RefCell::default();
        }
        let device = taps.device();
        let places = PLACES.with_borrow_mut(|known| {
            let places = known.entry((self, gpu(device)));
            places.or_insert_with(|| self.places().to_device(device)).shallow_clone()
        });
        let matrix =
            taps.unsqueeze(0).matmul(&like(&places, taps)).reshape([self.outputs, self.inputs]);
        if self.transposed { matrix.tr() } else { matrix }
    }
}

fn along_both(x: &Tensor, filter: &Tensor, gain: f64, band: impl Fn(i64, i64) -> Band) -> Tensor {
    let Band { stride, padding, transposed, .. } = band(x.size()[2], filter.size()[0]);
    let layer = LayerKind::Resampling { stride, padding, transposed };
    checked(layer, x, &[filter], |x, rest| banded(x, rest[0], gain, &band))
}

/// Taps of a separable filter `[k, k]`.
fn taps_of(filter: &Tensor) -> Tensor {
    filter.sum_dim_intlist(&[0_i64][..], false, None)
}

fn banded(x: &Tensor, filter: &Tensor, gain: f64, band: impl Fn(i64, i64) -> Band) -> Tensor {
    let (n, channels, h, w) = x.size4().expect("a batch of activations");
    let taps = taps_of(filter);
    let matrix = |size: i64| like(&band(size, taps.size()[0]).of_convolution(&taps), x);
    let (rows, columns) = (matrix(h) * gain, matrix(w));
    let times = |matrix: &Tensor, x: &Tensor| {
        matrix.unsqueeze(0).expand([x.size()[0], -1, -1], false).bmm(x)
    };
    let (height, width) = (rows.size()[0], columns.size()[0]);
    let y = times(&rows, &x.permute([0, 2, 3, 1]).reshape([n, h, w * channels])); // [N, H', W·C]
    let y = times(&columns, &y.reshape([n * height, w, channels])); // [N·H', W', C]
    y.reshape([n, height, width, channels]).permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn resampling_keeps_a_constant_inside_and_doubles_or_halves_the_size() {
        let x = Tensor::ones([1, 3, 8, 12], (Kind::Float, Device::Cpu));
        let filter = filter();
        for (y, size) in [
            (upsample(&x, &filter), [1, 3, 16, 24]),
            (downsample(&x, &filter), [1, 3, 4, 6]),
            (blur(&x, &filter, 1.0, 2), [1, 3, 9, 13]),
        ] {
            assert_eq!(y.size(), size);
            let inside = y.narrow(2, 2, size[2] - 4).narrow(3, 2, size[3] - 4);
            if inside.numel() > 0 {
                assert!((inside - 1.0).abs().max().double_value(&[]) < 1e-6);
            }
        }
    }

    type Bands = fn(i64, i64) -> Band;

    /// In values and in second derivatives.
    #[test]
    fn products_with_bands_are_the_depthwise_convolutions() {
        // Not symmetric: an order that is the wrong way round would show.
        let taps = Tensor::from_slice(&[0.1, 0.2, 0.3, 0.4]);
        let filter = taps.outer(&taps);
        let all = |shape: [i64; 4], how: &dyn Fn(&Tensor) -> Tensor| -> Vec<Tensor> {
            let n = shape.iter().product::<i64>();
            let x = (Tensor::arange(n, (Kind::Double, Device::Cpu)) * 12.9898).sin();
            let x = x.reshape(shape).set_requires_grad(true);
            let y = how(&x);
            let loss = (y.tanh() * y.sin()).sum(Kind::Double);
            let first = Tensor::run_backward(&[loss], &[&x], true, true);
            let penalty = first[0].square().sum(Kind::Double);
            let second = Tensor::run_backward(&[penalty], &[&x], false, false);
            std::iter::once(y).chain(first).chain(second).collect()
        };
        let cases: [(f64, Bands, Convolution); 4] = [
            (4.0, |size, taps| Band::blur(size, taps, 1), Convolution::plain(1, 1)),
            (1.0, |size, taps| Band::blur(size, taps, 2), Convolution::plain(1, 2)),
            (1.0, Band::down, Convolution::plain(2, 1)),
            (4.0, Band::up, Convolution::transposed(2, 1)),
        ];
        for (gain, band, convolution) in cases {
            for shape in [[2, 3, 8, 12], [1, 3, 4, 6]] {
                let found = all(shape, &|x| along_both(x, &filter, gain, band));
                let expected = all(shape, &|x| depthwise(x, &filter, gain, convolution));
                for (found, expected) in found.iter().zip(&expected) {
                    assert_eq!(found.size(), expected.size());
                    assert!((found - expected).abs().max().double_value(&[]) < 1e-12);
                }
            }
        }
    }
}
