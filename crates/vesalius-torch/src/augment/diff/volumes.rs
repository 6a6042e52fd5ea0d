//! Geometry of DiffAugment with a third axis: what the authors do to rows and columns is done to planes, too.

use super::inside;
use tch::{Kind, Tensor};

/// Voxel (z, y, x) takes voxel (z + `deeper`, y + `down`, x + `right`), 0 outside: `[N, ·, D, H, W]`, shifts `[N]`, i64.
pub(super) fn translation(sample: &Tensor, [deeper, down, right]: [&Tensor; 3]) -> Tensor {
    let size = sample.size();
    let [n, channels, d, h, w] = size[..] else { unreachable!("a batch of volumes") };
    // Planes move together, as channels do; then planes are rows of a picture.
    let within = super::translation(&sample.reshape([n, channels * d, h, w]), down, right);
    let rows = within.reshape([n, channels, d, h * w]);
    super::translation(&rows, deeper, &deeper.zeros_like()).reshape(&size[..])
}

/// Sets a box of `size` (planes, rows, columns) centred at `centre` `[N]` to 0, cut at the border.
pub(super) fn cutout(sample: &Tensor, centre: [&Tensor; 3], size: [i64; 3]) -> Tensor {
    let all = sample.size();
    let [n, _, d, h, w] = all[..] else { unreachable!("a batch of volumes") };
    let planes = inside(centre[0], d, size[0]).reshape([n, 1, d, 1, 1]);
    let rows = inside(centre[1], h, size[1]).reshape([n, 1, 1, h, 1]);
    let columns = inside(centre[2], w, size[2]).reshape([n, 1, 1, 1, w]);
    let hole = planes.logical_and(&rows).logical_and(&columns);
    sample * hole.logical_not().to_kind(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::diff::{DiffAugment, diff_augment};
    use crate::pairs::joint::Pictures;
    use tch::Device;

    #[test]
    fn volumes_move_and_are_holed_along_all_three_axes() {
        let at = |z: i64, y: i64, x: i64| f64::from((100 * z + 10 * y + x) as i32);
        let values: Vec<f64> = (0..4)
            .flat_map(|z| (0..3).flat_map(move |y| (0..5).map(move |x| 1.0 + at(z, y, x))))
            .collect();
        let sample = Tensor::from_slice(&values).reshape([1, 1, 4, 3, 5]).repeat([2, 2, 1, 1, 1]);
        let shift = |of: [i64; 2]| Tensor::from_slice(&of);
        let moved = translation(&sample, [&shift([1, -2]), &shift([0, 1]), &shift([-1, 2])]);
        let value = |n, z, y, x| moved.double_value(&[n, 1, z, y, x]);
        assert_eq!(value(0, 2, 1, 3), 1.0 + at(3, 1, 2));
        assert_eq!((value(0, 3, 1, 3), value(0, 2, 1, 0)), (0.0, 0.0), "outside");
        assert_eq!(value(1, 2, 1, 2), 1.0 + at(0, 2, 4));
        assert_eq!((value(1, 1, 1, 2), value(1, 2, 2, 2), value(1, 2, 1, 3)), (0.0, 0.0, 0.0));
        let holed = cutout(&sample, [&shift([1, 0]), &shift([1, 1]), &shift([2, 4])], [2, 1, 3]);
        let gone = |n: i64| {
            let zero = holed.select(0, n).select(0, 0).eq(0.0).to_kind(Kind::Int64);
            zero.sum(Kind::Int64).int64_value(&[])
        };
        assert_eq!(gone(0), 2 * 3);
        assert_eq!(gone(1), 2, "cut at two borders");
    }

    #[test]
    fn image_and_mask_of_a_volume_move_together_and_colour_leaves_the_mask_alone() {
        tch::manual_seed(2);
        let one = Tensor::rand([3, 1, 8, 16, 16], (Kind::Float, Device::Cpu)) + 0.1;
        let sample = Tensor::cat(&[&one, &one], 1);
        let grey = Pictures { channels: 1, pictures: 1 };
        let moved = diff_augment(&sample, grey, &[DiffAugment::Translation, DiffAugment::Cutout]);
        assert_eq!(moved.narrow(1, 0, 1), moved.narrow(1, 1, 1));
        assert_ne!(moved, sample);
        let coloured = diff_augment(&sample, grey, &[DiffAugment::Color]);
        assert_eq!(coloured.narrow(1, 1, 1), one);
        assert_ne!(coloured.narrow(1, 0, 1), one);
    }
}
