//! Differentiable augmentation of real and fake samples alike: Zhao et al. 2020, "Differentiable Augmentation for
//! Data-Efficient GAN Training" (arXiv:2006.10738); ranges as in the authors' `DiffAugment_pytorch.py`.
//!
//! On joint samples colour acts on the image channels only (saturation would mix the mask into the image), geometry on
//! all. Sequences of MRI are pictures of their own, each with a draw of its own: they are no colours to be mixed.
//! Regions that translation and cutout empty become 0 in every channel, as there.

mod volumes;

use crate::pairs::joint::Pictures;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// One augmentation; they are applied in this order whatever the order in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiffAugment {
    /// Brightness, saturation, contrast.
    Color,
    /// Shift by up to an eighth of the side.
    Translation,
    /// A square hole of half the side.
    Cutout,
}

/// Applies `policies` to `[N, C+M, (D,) H, W]`, of which the first channels are the image. Draws from LibTorch's generator; the
/// same draw count whatever the values.
pub fn diff_augment(sample: &Tensor, image: Pictures, policies: &[DiffAugment]) -> Tensor {
    let samples = diff_augment_alike(&[sample], image, policies);
    samples.into_iter().next().expect("as many as given")
}

/// The same for several batches of one shape whose i-th samples belong together and get the same draw.
pub fn diff_augment_alike(
    samples: &[&Tensor],
    image: Pictures,
    policies: &[DiffAugment],
) -> Vec<Tensor> {
    let mut policies = policies.to_vec();
    policies.sort_unstable();
    let size = samples[0].size();
    let (n, sides) = (size[0], size[2..].to_vec());
    let [.., h, w] = sides[..] else { unreachable!("a batch of samples") };
    let planes = (sides.len() == 3).then(|| sides[0]);
    let device = samples[0].device();
    let one_each: Vec<i64> = sides.iter().map(|_| 1).collect();
    let each_picture = [&[n * image.pictures, 1], &one_each[..]].concat();
    let uniform = || Tensor::rand(&each_picture[..], (Kind::Float, device));
    let integer = |low: i64, high: i64| Tensor::randint_low(low, high, [n], (Kind::Int64, device));
    let mut samples: Vec<Tensor> = samples.iter().map(|sample| sample.shallow_clone()).collect();
    for policy in policies {
        let each: Box<dyn Fn(&Tensor) -> Tensor> = match policy {
            DiffAugment::Color => {
                let (shift, saturate, stretch) =
                    (uniform() - 0.5, uniform() * 2.0, uniform() + 0.5);
                let pictures = [&[n * image.pictures, -1], &sides[..]].concat();
                Box::new(move |x| {
                    let (values, mask) = split(x, image.channels);
                    let each = values.reshape(&pictures[..]);
                    let each = saturation(&brightness(&each, &shift), &saturate);
                    let each = contrast(&each, &stretch).reshape(values.size());
                    Tensor::cat(&[each, mask], 1)
                })
            }
            DiffAugment::Translation => {
                let [limit_y, limit_x] = [h, w].map(|side| (side as f64 * 0.125 + 0.5) as i64);
                let down = integer(-limit_y, limit_y + 1);
                let right = integer(-limit_x, limit_x + 1);
                let deeper = planes.map(|planes| {
                    let limit = (planes as f64 * 0.125 + 0.5) as i64;
                    integer(-limit, limit + 1)
                });
                Box::new(move |x| match &deeper {
                    None => translation(x, &down, &right),
                    Some(deeper) => volumes::translation(x, [deeper, &down, &right]),
                })
            }
            DiffAugment::Cutout => {
                let [size_y, size_x] = [h, w].map(|side| (side as f64 * 0.5 + 0.5) as i64);
                let top = integer(0, h + (1 - size_y % 2));
                let left = integer(0, w + (1 - size_x % 2));
                let deep = planes.map(|planes| {
                    let size = (planes as f64 * 0.5 + 0.5) as i64;
                    (integer(0, planes + (1 - size % 2)), size)
                });
                Box::new(move |x| match &deep {
                    None => cutout(x, &top, &left, [size_y, size_x]),
                    Some((first, size)) => {
                        volumes::cutout(x, [first, &top, &left], [*size, size_y, size_x])
                    }
                })
            }
        };
        for sample in &mut samples {
            *sample = each(sample);
        }
    }
    samples
}

/// Adds N(0, `std`²) to all channels of `[N, C+M, …]` but the first `image_channels`. 0 draws nothing.
pub fn mask_noise(sample: &Tensor, image_channels: i64, std: f64) -> Tensor {
    if std == 0.0 {
        return sample.shallow_clone();
    }
    let (image, mask) = split(sample, image_channels);
    let noise = mask.detach().randn_like() * std;
    Tensor::cat(&[image, mask + noise], 1)
}

fn split(sample: &Tensor, image_channels: i64) -> (Tensor, Tensor) {
    let rest = sample.size()[1] - image_channels;
    (sample.narrow(1, 0, image_channels), sample.narrow(1, image_channels, rest))
}

/// Adds `shift` `[N, 1, 1, 1]`.
pub fn brightness(image: &Tensor, shift: &Tensor) -> Tensor {
    image + shift
}

/// Scales about the mean over channels by `factor` `[N, 1, 1, 1]`; of a single channel nothing changes.
pub fn saturation(image: &Tensor, factor: &Tensor) -> Tensor {
    let mean = image.mean_dim(&[1_i64][..], true, Kind::Float);
    (image - &mean) * factor + mean
}

/// Scales about the mean over channels and pixels by `factor` `[N, 1, 1, 1]`.
pub fn contrast(image: &Tensor, factor: &Tensor) -> Tensor {
    let all: Vec<i64> = (1..image.dim() as i64).collect();
    let mean = image.mean_dim(&all[..], true, Kind::Float);
    (image - &mean) * factor + mean
}

/// Output pixel (y, x) takes input (y + `down`, x + `right`), 0 outside; shifts `[N]`, i64.
pub fn translation(sample: &Tensor, down: &Tensor, right: &Tensor) -> Tensor {
    let (n, channels, h, w) = sample.size4().expect("a batch of samples");
    let device = sample.device();
    // One pixel of zeros around; every index outside the image is clamped into it.
    let padded = sample.constant_pad_nd([1, 1, 1, 1]).permute([0, 2, 3, 1]); // [N, H+2, W+2, ·]
    let axis = |shift: &Tensor, side: i64| {
        let at = Tensor::arange(side, (Kind::Int64, device)).reshape([1, side]);
        (at + shift.reshape([n, 1]) + 1).clamp(0, side + 1)
    };
    let rows = axis(down, h).reshape([n, h, 1]);
    let columns = axis(right, w).reshape([n, 1, w]);
    let batch = Tensor::arange(n, (Kind::Int64, device)).reshape([n, 1, 1]);
    let flat = (batch * ((h + 2) * (w + 2)) + rows * (w + 2) + columns).reshape([-1]);
    padded
        .reshape([-1, channels])
        .index_select(0, &flat)
        .reshape([n, h, w, channels])
        .permute([0, 3, 1, 2])
}

/// Sets a rectangle of `size` (rows, columns) centred at (`row`, `column`) `[N]` to 0, cut at the border.
pub fn cutout(sample: &Tensor, row: &Tensor, column: &Tensor, size: [i64; 2]) -> Tensor {
    let (n, _, h, w) = sample.size4().expect("a batch of samples");
    let rows = inside(row, h, size[0]).reshape([n, 1, h, 1]);
    let columns = inside(column, w, size[1]).reshape([n, 1, 1, w]);
    let keep = rows.logical_and(&columns).logical_not().to_kind(Kind::Float);
    sample * keep
}

/// Which of `side` places are in a hole of `size` about each `centre` `[N]`: `[N, side]`.
fn inside(centre: &Tensor, side: i64, size: i64) -> Tensor {
    // The reference clamps the hole's indices to the border: what would fall outside hits the border row.
    let at = Tensor::arange(side, (Kind::Int64, centre.device())).reshape([1, side]);
    let first = (centre - size / 2).clamp(0, side - 1).reshape([-1, 1]);
    let last = (centre - size / 2 + size - 1).clamp(0, side - 1).reshape([-1, 1]);
    at.ge_tensor(&first).logical_and(&at.le_tensor(&last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    const GREY: Pictures = Pictures { channels: 1, pictures: 1 };

    #[test]
    fn colour_leaves_the_mask_alone_and_geometry_moves_both_together() {
        tch::manual_seed(1);
        let sample = Tensor::rand([4, 3, 16, 16], (Kind::Float, Device::Cpu)) + 0.1;
        let coloured = diff_augment(&sample, GREY, &[DiffAugment::Color]);
        assert_eq!(coloured.narrow(1, 1, 2), sample.narrow(1, 1, 2));
        assert_ne!(coloured.narrow(1, 0, 1), sample.narrow(1, 0, 1));
        let same = Tensor::cat(&[sample.narrow(1, 0, 1), sample.narrow(1, 0, 1)], 1);
        let moved = diff_augment(&same, GREY, &[DiffAugment::Cutout, DiffAugment::Translation]);
        assert_eq!(moved.narrow(1, 0, 1), moved.narrow(1, 1, 1));
        assert_ne!(moved, same);
    }

    #[test]
    fn sequences_change_each_by_itself_and_move_together() {
        tch::manual_seed(1);
        let picture = Tensor::rand([2, 1, 16, 16], (Kind::Float, Device::Cpu));
        let sample = picture.repeat([1, 4, 1, 1]);
        // The same grey values three times over are no colour: saturation would leave them alone.
        let sequences = Pictures { channels: 3, pictures: 3 };
        let coloured = diff_augment(&sample, sequences, &[DiffAugment::Color]);
        for (one, other) in [(0, 1), (1, 2), (0, 2)] {
            let apart = (coloured.narrow(1, one, 1) - coloured.narrow(1, other, 1)).abs();
            assert!(apart.amax([1_i64, 2, 3], false).min().double_value(&[]) > 0.01);
        }
        assert_eq!(coloured.narrow(1, 3, 1), picture);
        // Each by brightness and contrast alone, whatever the others hold.
        let alone = sample.zeros_like();
        alone.narrow(1, 0, 1).copy_(&picture);
        // One draw for both: two of equal seeds are not alike while other tests draw from LibTorch's one generator.
        let both = diff_augment_alike(&[&sample, &alone], sequences, &[DiffAugment::Color]);
        assert_eq!(both[0].narrow(1, 0, 1), both[1].narrow(1, 0, 1));
        let moved = diff_augment(&sample, sequences, &[DiffAugment::Translation]);
        assert_eq!(moved.narrow(1, 0, 1), moved.narrow(1, 3, 1));
    }

    #[test]
    fn mask_noise_leaves_the_image_alone_and_pairs_are_augmented_alike() {
        let sample = Tensor::ones([4, 3, 16, 16], (Kind::Float, Device::Cpu));
        let noisy = mask_noise(&sample, 1, 0.5);
        assert_eq!(noisy.narrow(1, 0, 1), sample.narrow(1, 0, 1));
        let spread = (noisy - &sample).narrow(1, 1, 2).std(true).double_value(&[]);
        assert!((spread - 0.5).abs() < 0.05, "{spread}");
        let policies = [DiffAugment::Color, DiffAugment::Translation, DiffAugment::Cutout];
        let image = sample * 0.5;
        let both = diff_augment_alike(&[&image, &image], GREY, &policies);
        assert_eq!(both[0], both[1]);
        assert_ne!(both[0], image);
    }
}
