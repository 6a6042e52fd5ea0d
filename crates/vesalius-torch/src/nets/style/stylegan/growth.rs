//! How far a network has grown: when its resolution doubles, and what samples look like in between.

use serde::{Deserialize, Serialize};
use tch::Tensor;

/// When resolution doubles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrowthSpec {
    /// First resolution, counted as in a square network of base 4: 8 starts with one doubling done.
    pub start: i64,
    /// Thousands of images at each resolution …
    pub training_kimg: f64,
    /// … and while the next one fades in.
    pub transition_kimg: f64,
}

impl GrowthSpec {
    /// Level of detail after `images` images, of a network with `halvings` doublings
    /// (`training_loop.py`, `training_schedule`).
    pub fn lod(&self, images: u64, halvings: u32) -> f64 {
        let most = f64::from(halvings) - f64::from((self.start / 4).max(1).ilog2());
        let kimg = images as f64 / 1000.0;
        let phase = self.training_kimg + self.transition_kimg;
        let done = if phase > 0.0 { (kimg / phase).floor() } else { 0.0 };
        let mut lod = most - done;
        if self.transition_kimg > 0.0 {
            let faded = (kimg - done * phase - self.training_kimg).max(0.0);
            lod -= faded / self.transition_kimg;
        }
        lod.max(0.0)
    }
}

/// Doubled by nearest neighbour, `times` times.
pub(super) fn enlarge(x: &Tensor, times: u32) -> Tensor {
    let (_, _, h, w) = x.size4().expect("a batch");
    if times == 0 {
        return x.shallow_clone();
    }
    x.upsample_nearest2d([h << times, w << times], None, None)
}

/// Halved by averaging, `times` times.
pub fn shrink(x: &Tensor, times: u32) -> Tensor {
    if times == 0 {
        return x.shallow_clone();
    }
    let side = 1_i64 << times;
    x.avg_pool2d([side; 2], [side; 2], [0; 2], false, true, None)
}

/// Real samples as a network at `lod` shows them: averaged down to its resolution, fading like it, and enlarged again
/// (`training_loop.py`, `process_reals`).
pub fn fade(sample: &Tensor, lod: f64) -> Tensor {
    let whole = lod.floor() as u32;
    let small = shrink(sample, whole);
    let part = lod - lod.floor();
    let small = if part > 0.0 { small.lerp(&enlarge(&shrink(&small, 1), 1), part) } else { small };
    enlarge(&small, whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn growth_goes_through_training_and_transition_at_every_resolution() {
        let growth = GrowthSpec { start: 8, training_kimg: 6.0, transition_kimg: 4.0 };
        // 64 pixels: 4 doublings, of which one is done at the start.
        for (images, lod) in
            [(0, 3.0), (6_000, 3.0), (8_000, 2.5), (10_000, 2.0), (27_000, 0.75), (99_000, 0.0)]
        {
            assert!((growth.lod(images, 4) - lod).abs() < 1e-9, "{images}");
        }
        let at_once = GrowthSpec { start: 64, training_kimg: 0.0, transition_kimg: 0.0 };
        assert_eq!(at_once.lod(0, 4), 0.0);
    }

    #[test]
    fn a_network_that_is_still_small_ignores_detail() {
        let x = Tensor::arange(64, (Kind::Float, Device::Cpu)).reshape([1, 1, 8, 8]);
        assert_eq!(fade(&x, 0.0), x);
        let quarter = fade(&x, 2.0);
        assert_eq!(quarter.size(), x.size());
        assert_eq!(quarter.double_value(&[0, 0, 0, 0]), quarter.double_value(&[0, 0, 3, 3]));
    }

    #[test]
    fn a_real_sample_fades_towards_its_half_resolution() {
        let x = Tensor::arange(64, (Kind::Float, Device::Cpu)).reshape([1, 1, 8, 8]);
        let row = |lod: f64| -> Vec<f64> {
            Vec::try_from(fade(&x, lod).select(2, 0).reshape([-1]).to_kind(Kind::Double)).unwrap()
        };
        // The first 2x2 pixels are 0, 1, 8, 9 with mean 4.5, the next 6.5, …; their own 2x2 means are 13.5 and 17.5.
        assert_eq!(row(0.25), [1.125, 1.875, 3.125, 3.875, 5.125, 5.875, 7.125, 7.875]);
        assert_eq!(row(1.0), [4.5, 4.5, 6.5, 6.5, 8.5, 8.5, 10.5, 10.5]);
        assert_eq!(row(1.5), [9.0, 9.0, 10.0, 10.0, 13.0, 13.0, 14.0, 14.0]);
    }
}
