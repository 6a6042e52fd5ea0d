//! What is done to grey values: batchgeneratorsv2's transforms as nnU-Net sets them, with a strength for each slice and
//! channel. Images are `[N, C, H, W]`, strengths `[N, C, 1, 1]`; where a strength is neutral, values stay as they are.

use tch::{Device, Kind, Tensor};

/// Strengths of slices, each with one for each channel.
pub fn per_channel<'a>(rows: impl Iterator<Item = &'a [f64]>, device: Device) -> Tensor {
    let mut count = 0;
    let values: Vec<f32> = rows
        .inspect(|_| count += 1)
        .flat_map(|row| row.iter().map(|&value| value as f32))
        .collect();
    Tensor::from_slice(&values).reshape([count, -1, 1, 1]).to_device(device)
}

/// `GaussianNoiseTransform`: + N(0, σ), neutral at 0. Draws from LibTorch's generator.
pub fn noise(image: &Tensor, sigma: &Tensor) -> Tensor {
    image + image.randn_like() * sigma
}

/// `GaussianBlurTransform`: along columns, then along rows, with mirrored edges; neutral at 0. σ in pixels, at most 1.
pub fn blur(image: &Tensor, sigmas: [&Tensor; 2]) -> Tensor {
    blur_along(&blur_along(image, sigmas[0], 0), sigmas[1], 1)
}

/// Along one axis: columns (0), or rows (1).
pub fn blur_along(image: &Tensor, sigma: &Tensor, axis: usize) -> Tensor {
    let (n, channels, height, width) = image.size4().expect("a batch of images");
    let reach = REACH.min([height, width][axis] - 1);
    let kernels = kernels(&sigma.reshape([n * channels, 1]), reach);
    let (shape, padding) = if axis == 0 {
        ([n * channels, 1, 2 * reach + 1, 1], [0, 0, reach, reach])
    } else {
        ([n * channels, 1, 1, 2 * reach + 1], [reach, reach, 0, 0])
    };
    let padded = image.reshape([1, n * channels, height, width]).reflection_pad2d(padding);
    let none = None::<&Tensor>;
    let x = padded.conv2d(&kernels.reshape(shape), none, [1, 1], [0, 0], [1, 1], n * channels);
    x.reshape([n, channels, height, width])
}

/// Half the width of the widest kernel, that of σ = 1.
const REACH: i64 = 3;

/// Gaussians of `sigma` `[K, 1]` → `[K, 2·reach + 1]`, each cut where batchgeneratorsv2 cuts it: at the odd number nearest
/// to 6σ + 0.5 pixels.
fn kernels(sigma: &Tensor, reach: i64) -> Tensor {
    let at = Tensor::arange_start(-reach, reach + 1, (Kind::Float, sigma.device()));
    let width: Vec<f32> = Vec::<f32>::try_from(sigma.reshape([-1]).to_device(Device::Cpu))
        .expect("a dense tensor")
        .into_iter()
        .map(|sigma| (nearest_odd(f64::from(sigma) * 6.0 + 0.5) / 2) as f32)
        .collect();
    let half = Tensor::from_slice(&width).reshape([-1, 1]).to_device(sigma.device());
    // σ = 0 has a width of 1 pixel.
    let pdf = ((&at / sigma.clamp_min(1e-3)).square() * -0.5).exp();
    let pdf = pdf * at.abs().le_tensor(&half).to_kind(Kind::Float);
    &pdf / pdf.sum_dim_intlist(&[1_i64][..], true, Kind::Float)
}

/// `_round_to_nearest_odd`, whose `round` takes halves to the even number.
fn nearest_odd(n: f64) -> i64 {
    let rounded = n.round_ties_even();
    if rounded as i64 % 2 == 1 {
        return rounded as i64;
    }
    if n - rounded >= 0.0 { rounded as i64 + 1 } else { rounded as i64 - 1 }
}

/// Least, mean and greatest value of each channel, `[N, C, 1, 1]` each.
fn extent(image: &Tensor) -> [Tensor; 3] {
    let pixels = &[2_i64, 3][..];
    [image.amin(pixels, true), image.mean_dim(pixels, true, image.kind()), image.amax(pixels, true)]
}

/// `ContrastTransform` that preserves the range: distances from the mean times `factor`; neutral at 1.
pub fn contrast(image: &Tensor, factor: &Tensor) -> Tensor {
    let [least, mean, greatest] = extent(image);
    let stretched = ((image - &mean) * factor + &mean).clamp_tensor(Some(&least), Some(&greatest));
    stretched.where_self(&factor.ne(1.0), image)
}

/// `GammaTransform` that retains mean and standard deviation: values between least and greatest to the power of `gamma`;
/// neutral at 1.
pub fn gamma(image: &Tensor, gamma: &Tensor) -> Tensor {
    const EPS: f64 = 1e-7;
    let [least, mean, greatest] = extent(image);
    let range = greatest - &least;
    let y = ((image - &least) / range.clamp_min(EPS)).pow(gamma) * range + least;
    let deviation = |x: &Tensor| x.std_dim(&[2_i64, 3][..], true, true);
    let [_, mean_now, _] = extent(&y);
    let y = (&y - mean_now) * (deviation(image) / deviation(&y).clamp_min(EPS)) + mean;
    y.where_self(&gamma.ne(1.0), image)
}

/// `SimulateLowResolutionTransform`: to a share of the pixels along each side by the nearest pixel, and back bilinearly;
/// a share for each slice (or volume, along all three axes) and channel, neutral at 1.
pub fn low_resolution(image: &Tensor, shares: &[&[f64]]) -> Tensor {
    let sides = image.size()[2..].to_vec();
    let out = image.copy();
    for (i, row) in shares.iter().enumerate() {
        for (channel, &share) in row.iter().enumerate().filter(|&(_, &share)| share != 1.0) {
            let size: Vec<i64> = sides
                .iter()
                .map(|side| ((*side as f64 * share).round_ties_even() as i64).max(1))
                .collect();
            let at = |x: &Tensor| x.narrow(0, i as i64, 1).narrow(1, channel as i64, 1);
            let back = if sides.len() == 3 {
                let coarse = at(image).internal_upsample_nearest_exact3d(size, None, None, None);
                coarse.upsample_trilinear3d(&sides[..], false, None, None, None)
            } else {
                let coarse = at(image).internal_upsample_nearest_exact2d(size, None, None);
                coarse.upsample_bilinear2d(&sides[..], false, None, None)
            };
            at(&out).copy_(&back);
        }
    }
    out
}
