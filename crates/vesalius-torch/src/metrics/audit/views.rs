//! What the copy search compares: images at a working size with slow shading and fine noise taken off, and the views
//! (mirrored, turned, scaled) of a training image that count as the same image.

use crate::augment::classical::affine;
use crate::features::images::ImageSet;
use anyhow::{Result, bail};
use tch::{Device, Kind, Tensor};

/// Longest side at which images are compared, pixels; smaller images stay as they are.
pub const WORKING_SIDE: i64 = 64;
/// Longest side of the first, coarse comparison.
const COARSE_SIDE: i64 = 16;
/// Smallest side that can be compared: the window of SSIM has to fit into what remains after shifting.
const LEAST_SIDE: i64 = 16;
/// Standard deviations of the band-pass, as shares of the longest side: noise below the first, shading above the
/// second.
const BAND: [f64; 2] = [1.0 / 64.0, 1.0 / 8.0];
/// Rotations, degrees.
const ANGLES: [f64; 3] = [0.0, -6.0, 6.0];
const SCALES: [f64; 3] = [1.0, 0.94, 1.06];

/// Number of views.
pub const VIEWS: usize = 4 * ANGLES.len() * SCALES.len();

/// One way to look at a training image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Mirrored left to right, top to bottom.
    pub flip: [bool; 2],
    /// Degrees.
    pub angle: f64,
    /// Factor of the sampling grid.
    pub scale: f64,
}

impl View {
    /// View `i` of [`VIEWS`]; view 0 is the image itself.
    pub fn of(i: usize) -> Self {
        let [flips, rest] = [i % 4, i / 4];
        Self {
            flip: [flips % 2 == 1, flips / 2 == 1],
            angle: ANGLES[rest % ANGLES.len()],
            scale: SCALES[rest / ANGLES.len()],
        }
    }

    /// In words for a table: `as it is`, `mirrored left-right, turned by 6 degrees`.
    pub fn describe(self) -> String {
        let mut words = Vec::new();
        match self.flip {
            [false, false] => {}
            [true, false] => words.push("mirrored left-right".to_owned()),
            [false, true] => words.push("mirrored top-bottom".to_owned()),
            [true, true] => words.push("mirrored both ways".to_owned()),
        }
        if self.angle != 0.0 {
            words.push(format!("turned by {} degrees", self.angle));
        }
        if self.scale != 1.0 {
            words.push(format!("scaled by {:.2}", 1.0 / self.scale));
        }
        if words.is_empty() { "as it is".to_owned() } else { words.join(", ") }
    }
}

/// The view that is mirrored like `view`, and neither turned nor scaled.
pub(super) fn upright(view: usize) -> usize {
    view % 4
}

/// Each image of `x` `[n, C, H, W]` in its view: bilinear, edges continued outwards.
pub fn seen(x: &Tensor, views: &[usize]) -> Tensor {
    const BILINEAR: i64 = 0;
    const BORDER: i64 = 1;
    let (_, _, h, w) = x.size4().expect("a batch of images");
    let column = |f: &dyn Fn(View) -> f64| {
        let values: Vec<f32> = views.iter().map(|&view| f(View::of(view)) as f32).collect();
        Tensor::from_slice(&values)
    };
    let sign = |axis: usize| column(&move |view| if view.flip[axis] { -1.0 } else { 1.0 });
    let zero = column(&|_| 0.0);
    let map = affine(
        &column(&|view| view.angle.to_radians()),
        [&zero, &zero],
        [&sign(0), &sign(1)],
        h as f64 / w as f64,
    );
    let map = map * column(&|view| view.scale).reshape([-1, 1, 1]);
    let grid = Tensor::affine_grid_generator(&map, x.size(), false);
    x.grid_sampler(&grid, BILINEAR, BORDER, false)
}

/// Volumes `[N, C, D, H, W]` as pictures of C·D channels: all planes are mirrored, turned, scaled and moved alike, and
/// compared together. Pictures as they are.
pub fn as_pictures(images: &Tensor) -> Tensor {
    if images.dim() == 5 { images.flatten(1, 2) } else { images.shallow_clone() }
}

/// Images ready to be compared.
#[derive(Debug)]
pub struct Prepared {
    /// At the working size `[N, C, h, w]`, f32 in [-1, 1].
    pub plain: Tensor,
    /// The same, band-passed.
    pub band: Tensor,
}

impl Prepared {
    /// Prepares `[N, C, H, W]` in [-1, 1]; of volumes [`as_pictures`].
    ///
    /// # Errors
    /// When images are too small to be compared, or hold NaN.
    pub fn of(images: &Tensor) -> Result<Self> {
        let images = images.to_device(Device::Cpu).to_kind(Kind::Float);
        let (n, c, h, w) = images.size4()?;
        if images.isfinite().all().int64_value(&[]) == 0 {
            bail!("images hold NaN or infinity, expected values in [-1, 1]");
        }
        let longest = h.max(w);
        let plain = if longest > WORKING_SIDE {
            let shrink = |side: i64| (side * WORKING_SIDE + longest / 2) / longest;
            let size = [shrink(h).max(1), shrink(w).max(1)];
            images.internal_upsample_bilinear2d_aa(size, false, None, None)
        } else {
            images
        };
        let (_, _, h, w) = plain.size4()?;
        if h.min(w) < LEAST_SIDE {
            bail!(
                "images are compared at {h}x{w} pixels, expected at least {LEAST_SIDE} a side (longer sides are shrunk \
                 to {WORKING_SIDE})"
            );
        }
        let longest = h.max(w) as f64;
        let flat = plain.reshape([n * c, 1, h, w]);
        let band = gaussian(&flat, BAND[0] * longest) - gaussian(&flat, BAND[1] * longest);
        Ok(Self { band: band.reshape([n, c, h, w]), plain })
    }

    /// Prepares images `indices` of a set.
    ///
    /// # Errors
    /// As [`Prepared::of`], or when an image is damaged or they differ in shape.
    pub fn of_set(set: &dyn ImageSet, indices: &[usize]) -> Result<Self> {
        const BATCH: usize = 256;
        let (mut plain, mut band) = (Vec::new(), Vec::new());
        for chunk in indices.chunks(BATCH) {
            for batch in set.batches(chunk)? {
                let prepared = Self::of(&as_pictures(&batch))?;
                plain.push(prepared.plain);
                band.push(prepared.band);
            }
        }
        Ok(Self { plain: Tensor::cat(&plain, 0), band: Tensor::cat(&band, 0) })
    }

    /// N.
    pub fn len(&self) -> usize {
        self.plain.size()[0] as usize
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Images that are one grey level all over: they are like nothing, and cannot be judged.
    pub fn constant(&self) -> usize {
        let flat = self.plain.flatten(1, -1);
        let span = flat.amax([1_i64], false) - flat.amin([1_i64], false);
        span.le(1e-6).to_kind(Kind::Int64).sum(Kind::Int64).int64_value(&[]) as usize
    }
}

/// Farthest shift that is searched, pixels of the working size: a sixteenth of the longer side.
pub fn reach(h: i64, w: i64) -> i64 {
    (h.max(w) / 16).max(1)
}

/// Gaussian mean of `[n, 1, H, W]`, one axis after the other; edges continued outwards, window of 4 σ either side
/// (`scipy.ndimage.gaussian_filter(mode="nearest")`).
pub fn gaussian(x: &Tensor, sigma: f64) -> Tensor {
    let radius = (4.0 * sigma + 0.5) as i64;
    let at = Tensor::arange_start(-radius, radius + 1, (Kind::Double, x.device()));
    let weights = (at.square() / (-2.0 * sigma * sigma)).exp();
    let weights = (&weights / weights.sum(Kind::Double)).to_kind(x.kind());
    let padded = x.replication_pad2d([radius, radius, radius, radius]);
    let one = [1_i64, 1];
    let length = 2 * radius + 1;
    let along = |x: &Tensor, shape: [i64; 4]| {
        x.conv2d(&weights.reshape(shape), None::<Tensor>, one, [0_i64, 0], one, 1)
    };
    along(&along(&padded, [1, 1, length, 1]), [1, 1, 1, length])
}

/// Coarse pictures of every view: `[N, VIEWS, C, h, w]`.
pub(super) fn coarse_views(band: &Tensor) -> Tensor {
    const BATCH: i64 = 8;
    let n = band.size()[0];
    let all: Vec<usize> = (0..VIEWS).collect();
    let parts: Vec<Tensor> = (0..n)
        .step_by(BATCH as usize)
        .map(|first| {
            let rows = BATCH.min(n - first);
            let block = band.narrow(0, first, rows);
            let views = all.repeat(rows as usize);
            let each = seen(&block.repeat_interleave_self_int(VIEWS as i64, 0, None), &views);
            let small = coarse(&each);
            let mut size = small.size();
            size.splice(0..1, [rows, VIEWS as i64]);
            small.reshape(size)
        })
        .collect();
    Tensor::cat(&parts, 0)
}

/// Means of `[n, C, H, W]` over a grid of at most 16 a side.
pub(super) fn coarse(x: &Tensor) -> Tensor {
    let (_, _, h, w) = x.size4().expect("a batch of images");
    let longest = h.max(w);
    let side = |side: i64| ((side * COARSE_SIDE + longest / 2) / longest).max(4);
    x.adaptive_avg_pool2d([side(h), side(w)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw() -> Tensor {
        tch::manual_seed(1);
        Tensor::rand([2, 1, 64, 48], (Kind::Float, Device::Cpu)) * 2.0 - 1.0
    }

    #[test]
    fn view_zero_is_the_image_and_mirrors_are_exact() {
        let x = draw();
        let error =
            |found: &Tensor, expected: &Tensor| (found - expected).abs().max().double_value(&[]);
        assert!(error(&seen(&x, &[0, 0]), &x) < 1e-4);
        let found = seen(&x, &[1, 3]);
        assert!(error(&found.get(0), &x.get(0).flip([2])) < 1e-4);
        assert!(error(&found.get(1), &x.get(1).flip([1, 2])) < 1e-4);
        assert_eq!(View::of(0).describe(), "as it is");
        assert_eq!(View::of(6).describe(), "mirrored top-bottom, turned by -6 degrees");
        let mut different: Vec<String> = (0..VIEWS).map(|i| View::of(i).describe()).collect();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), VIEWS);
    }

    #[test]
    fn brightness_and_slow_shading_are_taken_off() {
        let x = draw();
        let ramp =
            Tensor::linspace(-0.3, 0.3, 48, (Kind::Float, Device::Cpu)).reshape([1, 1, 1, 48]);
        let [plain, shaded] =
            [Prepared::of(&x).unwrap(), Prepared::of(&(&x + ramp + 0.2)).unwrap()];
        let moved = (&plain.plain - &shaded.plain).abs().max().double_value(&[]);
        let inner = |x: &Tensor| x.narrow(3, 8, 32);
        let left = (inner(&plain.band) - inner(&shaded.band)).abs().max().double_value(&[]);
        assert!(moved > 0.45 && left < 0.02, "{moved} {left}");
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let of = |x: &Tensor| Prepared::of(x).unwrap_err().to_string();
        assert!(of(&(draw() / 0.0)).contains("NaN or infinity"));
        assert!(of(&Tensor::zeros([1, 1, 256, 40], (Kind::Float, Device::Cpu))).contains("64x10"));
        let flat = Tensor::cat(
            &[draw(), Tensor::full([1, 1, 64, 48], 0.3, (Kind::Float, Device::Cpu))],
            0,
        );
        assert_eq!(Prepared::of(&flat).unwrap().constant(), 1);
    }
}
