//! Low-pass filtered resampling of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958; NVlabs/stylegan2-ada-pytorch,
//! `torch_utils/ops/upfirdn2d.py`): blur, upsample ×2 and downsample ×2 with one small filter for every channel.
//!
//! Each is a single depthwise convolution, strided where resolution changes, where the reference code's CPU path
//! inserts zeros or filters at full resolution and throws three quarters of the result away.

use super::compute::Convolution;
use tch::Tensor;

/// Taps of every resampling filter of StyleGAN2.
const TAPS: [f32; 4] = [1.0, 3.0, 3.0, 1.0];

/// The 2-D filter `[4, 4]`, summing to 1, on the CPU.
pub fn filter() -> Tensor {
    let taps = Tensor::from_slice(&TAPS) / f64::from(TAPS.iter().sum::<f32>());
    taps.outer(&taps)
}

/// `[N, ·, H, W]` → `[N, ·, H + 2·padding − 3, W + 2·padding − 3]`.
pub fn blur(x: &Tensor, filter: &Tensor, gain: f64, padding: i64) -> Tensor {
    depthwise(x, filter, gain, 1, padding)
}

/// `[N, ·, H, W]` → `[N, ·, H/2, W/2]`: low-pass filtered, every second pixel kept.
pub fn downsample(x: &Tensor, filter: &Tensor) -> Tensor {
    depthwise(x, filter, 1.0, 2, 1)
}

/// `[N, ·, H, W]` → `[N, ·, 2H, 2W]`: zeros inserted, low-pass filtered, brightness kept.
pub fn upsample(x: &Tensor, filter: &Tensor) -> Tensor {
    let channels = x.size()[1];
    let kernel = kernel(filter, channels, 4.0);
    Convolution::transposed(2, 1).grouped(channels).apply(x, &kernel, None)
}

fn depthwise(x: &Tensor, filter: &Tensor, gain: f64, stride: i64, padding: i64) -> Tensor {
    let channels = x.size()[1];
    // The filter is given for convolution; LibTorch correlates.
    let kernel = kernel(&filter.flip([0, 1]), channels, gain);
    Convolution::plain(stride, padding).grouped(channels).apply(x, &kernel, None)
}

fn kernel(filter: &Tensor, channels: i64, gain: f64) -> Tensor {
    let [h, w] = [filter.size()[0], filter.size()[1]];
    (filter * gain).reshape([1, 1, h, w]).expand([channels, 1, h, w], false).contiguous()
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
}
