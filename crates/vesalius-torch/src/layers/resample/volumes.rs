//! The same of volumes: of each plane as of a picture, and along the depth, where it changes, by a product with a banded
//! matrix. A depth is so short that this costs next to nothing, in either kind and in second derivatives.

use super::{Band, taps_of};
use crate::layers::axes::Axes;
use crate::layers::compute::like;
use tch::Tensor;

/// `[N, ·, (D,) H, W]`: `of_planes` of pictures `[N, ·, H, W]`, then the band and the gain that `depth` gives for D and the
/// number of taps, where `factor` changes it.
pub(super) fn along(
    x: &Tensor,
    factor: Axes,
    of_planes: impl Fn(&Tensor) -> Tensor,
    depth: impl Fn(i64, i64) -> (Band, f64),
    filter: &Tensor,
) -> Tensor {
    let [n, channels, planes, h, w] = x.size()[..] else { return of_planes(x) };
    // In channels-last order this only renames.
    let slices = x.permute([0, 2, 1, 3, 4]).reshape([n * planes, channels, h, w]);
    let slices = of_planes(&slices);
    let [h, w] = [slices.size()[2], slices.size()[3]];
    let rows = slices.permute([0, 2, 3, 1]).reshape([n, planes, h * w * channels]);
    let (rows, planes) = if factor.as_slice()[0] == 1 {
        (rows, planes)
    } else {
        let taps = taps_of(filter);
        let (band, gain) = depth(planes, taps.size()[0]);
        let matrix = like(&(band.of_convolution(&taps) * gain), x);
        let outputs = matrix.size()[0];
        (matrix.unsqueeze(0).expand([n, -1, -1], false).bmm(&rows), outputs)
    };
    rows.reshape([n, planes, h, w, channels]).permute([0, 4, 1, 2, 3])
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use tch::Device;

    /// Sizes, and that a constant stays one inside.
    #[test]
    fn volumes_change_along_the_axes_of_the_factor() {
        let options = (Kind::Float, Device::Cpu);
        let x = Tensor::ones([2, 3, 8, 16, 12], options);
        let filter = filter();
        let flat = Axes::volume([1, 2, 2]);
        let deep = Axes::volume([2, 2, 2]);
        for (y, size) in [
            (upsample_along(&x, &filter, flat), [2, 3, 8, 32, 24]),
            (upsample_along(&x, &filter, deep), [2, 3, 16, 32, 24]),
            (downsample_along(&x, &filter, flat), [2, 3, 8, 8, 6]),
            (downsample_along(&x, &filter, deep), [2, 3, 4, 8, 6]),
            (blur_along(&x, &filter, 1.0, 2, deep), [2, 3, 9, 17, 13]),
        ] {
            assert_eq!(y.size(), size);
            let inside = y.slice(2, 2, -2, 1).slice(3, 2, -2, 1).slice(4, 2, -2, 1);
            if inside.numel() > 0 {
                assert!((inside - 1.0).abs().max().double_value(&[]) < 1e-6, "{size:?}");
            }
        }
    }

    /// Along the depth as along rows: a volume turned onto its side gives the same, turned.
    #[test]
    fn the_depth_is_an_axis_like_others() {
        let x = Tensor::randn([1, 2, 8, 8, 6], (Kind::Double, Device::Cpu));
        let taps = Tensor::from_slice(&[0.1, 0.2, 0.3, 0.4]);
        let filter = taps.outer(&taps);
        let deep = Axes::volume([2, 2, 2]);
        let turned = |x: &Tensor| x.transpose(2, 3);
        for how in [
            (|x, filter, factor| upsample_along(x, filter, factor))
                as fn(&Tensor, &Tensor, Axes) -> Tensor,
            |x, filter, factor| downsample_along(x, filter, factor),
            |x, filter, factor| blur_along(x, filter, 2.0, 1, factor),
        ] {
            let (own, other) = (how(&x, &filter, deep), turned(&how(&turned(&x), &filter, deep)));
            assert_eq!(own.size(), other.size());
            assert!((own - other).abs().max().double_value(&[]) < 1e-12);
        }
    }
}
