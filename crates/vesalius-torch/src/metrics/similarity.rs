//! Likeness of two images: SSIM (Wang et al. 2004) and PSNR, as scikit-image computes them.
//!
//! SSIM: Gaussian window of 11 pixels, σ 1.5, K₁ 0.01, K₂ 0.03, covariances divided by N, only windows that lie inside,
//! mean over channels (scikit-image: `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`).

use anyhow::{Result, bail};
use tch::{Kind, Tensor};

/// Side of the window, pixels.
pub const WINDOW: i64 = 11;
const SIGMA: f64 = 1.5;

fn check(a: &Tensor, b: &Tensor) -> Result<()> {
    if a.size() != b.size() || a.dim() != 4 {
        bail!("images of shapes {:?} and {:?}, expected two batches alike", a.size(), b.size());
    }
    Ok(())
}

/// PSNR of each pair, decibels: batches `[N, C, H, W]`, `range` the distance between white and black. Equal images
/// have infinity. `[N]`, f64.
///
/// # Errors
/// When the shapes differ.
pub fn psnr(a: &Tensor, b: &Tensor, range: f64) -> Result<Tensor> {
    check(a, b)?;
    let error = (a.to_kind(Kind::Double) - b.to_kind(Kind::Double)).square();
    let mean = error.mean_dim(&[1_i64, 2, 3][..], false, Kind::Double);
    Ok((mean.reciprocal() * (range * range)).log10() * 10.0)
}

/// SSIM of each pair `[N]`, f64; `black` and `white` as the images have them. Unlike PSNR it depends on where black
/// lies:
/// means are compared as ratios, so images are counted from black = 0, as files of grey values are.
///
/// # Errors
/// When the shapes differ, or a side is smaller than the window.
pub fn ssim(a: &Tensor, b: &Tensor, [black, white]: [f64; 2]) -> Result<Tensor> {
    check(a, b)?;
    let (n, c, h, w) = a.size4()?;
    if h.min(w) < WINDOW {
        bail!("SSIM: images of {h}x{w} pixels, expected at least {WINDOW}x{WINDOW}");
    }
    let range = white - black;
    let [a, b] = [a, b].map(|x| (x.to_kind(Kind::Double) - black).reshape([n * c, 1, h, w]));
    let mean = |x: &Tensor| window_mean(x);
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let (aa, bb, ab) = (&mean_a * &mean_a, &mean_b * &mean_b, &mean_a * &mean_b);
    let var_a = mean(&(&a * &a)) - &aa;
    let var_b = mean(&(&b * &b)) - &bb;
    let covariance = mean(&(&a * &b)) - &ab;
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let map = ((ab * 2.0 + c1) * (covariance * 2.0 + c2)) / ((aa + bb + c1) * (var_a + var_b + c2));
    Ok(map.mean_dim(&[1_i64, 2, 3][..], false, Kind::Double).reshape([n, c]).mean_dim(
        1,
        false,
        Kind::Double,
    ))
}

/// Gaussian mean over every window inside the image, along one axis after the other.
fn window_mean(x: &Tensor) -> Tensor {
    let at = Tensor::arange(WINDOW, (Kind::Double, x.device())) - (WINDOW / 2) as f64;
    let weights = (at.square() / (-2.0 * SIGMA * SIGMA)).exp();
    let weights = &weights / weights.sum(Kind::Double);
    let stride = [1_i64, 1];
    let down = x.conv2d(
        &weights.reshape([1, 1, WINDOW, 1]),
        None::<Tensor>,
        stride,
        [0_i64, 0],
        stride,
        1,
    );
    down.conv2d(&weights.reshape([1, 1, 1, WINDOW]), None::<Tensor>, stride, [0_i64, 0], stride, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn equal_images_are_alike_and_noise_is_not() {
        tch::manual_seed(2);
        let x = Tensor::rand([2, 1, 24, 20], (Kind::Float, Device::Cpu));
        assert!((ssim(&x, &x, [0.0, 1.0]).unwrap() - 1.0).abs().max().double_value(&[]) < 1e-12);
        assert!(psnr(&x, &x, 1.0).unwrap().isinf().all().int64_value(&[]) == 1);
        let y = x.rand_like();
        assert!(ssim(&x, &y, [0.0, 1.0]).unwrap().max().double_value(&[]) < 0.3);
        let shifted = psnr(&x, &(&x + 0.1), 1.0).unwrap();
        assert!((shifted - 20.0).abs().max().double_value(&[]) < 1e-4);
    }

    #[test]
    fn other_shapes_and_small_images_are_refused() {
        let of = |h: i64| Tensor::zeros([1, 1, h, 24], (Kind::Float, Device::Cpu));
        assert!(ssim(&of(24), &of(23), [0.0, 1.0]).is_err());
        assert!(ssim(&of(10), &of(10), [0.0, 1.0]).unwrap_err().to_string().contains("10x24"));
    }
}
