//! Geometric transformations of ADA: one affine map per sample, executed at twice the resolution between two sym6
//! wavelet filters so that edges do not alias (Karras et al. 2020, arXiv:2006.06676, appendix B).

use tch::{Device, Tensor};

/// Low-pass filter of the sym6 wavelet (Daubechies 1992; PyWavelets, `sym6`), as the reference lists it.
const SYM6: [f64; 12] = [
    0.015_404_109_327_027_373,
    0.003_490_712_084_217_470_2,
    -0.117_990_111_148_190_57,
    -0.048_311_742_585_633,
    0.491_055_941_926_746_7,
    0.787_641_141_030_194,
    0.337_929_421_727_621_8,
    -0.072_637_522_786_462_52,
    -0.021_060_292_512_300_564,
    0.044_724_901_770_665_78,
    0.001_767_711_864_242_803_6,
    -0.007_800_708_325_034_148,
];
/// A quarter of the filter, in pixels.
const PAD: i64 = SYM6.len() as i64 / 4;

/// Where an output pixel is looked up in the input: homogeneous coordinates (x, y, 1), in pixels from the centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine([[f64; 3]; 3]);

impl Affine {
    /// Nothing moves.
    pub fn identity() -> Self {
        Self::scale(1.0, 1.0)
    }

    /// Whether nothing moves.
    pub fn is_identity(&self) -> bool {
        *self == Self::identity()
    }

    /// (x, y) → (x·`sx`, y·`sy`).
    pub fn scale(sx: f64, sy: f64) -> Self {
        Self([[sx, 0.0, 0.0], [0.0, sy, 0.0], [0.0, 0.0, 1.0]])
    }

    /// (x, y) → (x + `tx`, y + `ty`).
    pub fn shift(tx: f64, ty: f64) -> Self {
        Self([[1.0, 0.0, tx], [0.0, 1.0, ty], [0.0, 0.0, 1.0]])
    }

    /// Rotation by `angle`, in radians.
    pub fn rotation(angle: f64) -> Self {
        let (s, c) = angle.sin_cos();
        Self([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    }

    /// The lookup through `inner` first, then through this one: `self · inner`.
    #[must_use]
    pub fn then(&self, inner: &Self) -> Self {
        let mut product = [[0.0; 3]; 3];
        for (row, out) in self.0.iter().zip(&mut product) {
            for (k, value) in out.iter_mut().enumerate() {
                *value = (0..3).map(|j| row[j] * inner.0[j][k]).sum();
            }
        }
        Self(product)
    }

    fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [0, 1].map(|i| self.0[i][0] * x + self.0[i][1] * y + self.0[i][2])
    }
}

/// How often what was warped will be differentiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By LibTorch's `grid_sampler`, which has one derivative.
    Once,
    /// By gathers, which have all, at a multiple of the time: R1 needs it.
    Twice,
}

/// Moves `[N, ·, H, W]`, sample i by `maps[i]`: reflected at the border, filtered, bilinear.
pub fn warp(sample: &Tensor, maps: &[Affine], order: Order) -> Tensor {
    let (n, channels, h, w) = sample.size4().expect("a batch of samples");
    let [left, top, right, bottom] = margins(maps, h, w);
    let padded = sample.contiguous().reflection_pad2d([left, right, top, bottom]);
    let doubled = upsample(&padded);
    // From pixels of the doubled output to pixels of the doubled input, both from their corners.
    let centre = Affine::shift((left - right) as f64 / 2.0, (top - bottom) as f64 / 2.0);
    let [wide, high] = [2 * (w + 2 * PAD), 2 * (h + 2 * PAD)];
    let (_, _, high_in, wide_in) = doubled.size4().expect("a batch of samples");
    let half = Affine::shift(-0.5, -0.5);
    let unhalf = Affine::shift(0.5, 0.5);
    let rows: Vec<Affine> = maps
        .iter()
        .map(|map| {
            let doubled =
                Affine::scale(2.0, 2.0).then(&centre.then(map)).then(&Affine::scale(0.5, 0.5));
            let moved = half.then(&doubled).then(&unhalf);
            Affine::shift((wide_in as f64 - 1.0) / 2.0, (high_in as f64 - 1.0) / 2.0)
                .then(&moved)
                .then(&Affine::shift(-(wide as f64 - 1.0) / 2.0, -(high as f64 - 1.0) / 2.0))
        })
        .collect();
    let sampled = match order {
        Order::Once => grid_sampled(&doubled, &rows, [high, wide]),
        Order::Twice => bilinear(&doubled, &rows, [high, wide]),
    };
    downsample(&sampled).reshape([n, channels, h, w])
}

/// Moves `[N, ·, H, W]` without mixing values: the nearest pixel, reflected at the border.
pub fn warp_nearest(sample: &Tensor, maps: &[Affine]) -> Tensor {
    let (n, channels, h, w) = sample.size4().expect("a batch of samples");
    let reflect = |at: f64, side: i64| {
        let period = 2 * (side - 1).max(1);
        let at = (at.round() as i64).rem_euclid(period);
        if at < side { at } else { period - at }
    };
    let [cx, cy] = [w, h].map(|side| (side - 1) as f64 / 2.0);
    let mut rows = Vec::with_capacity((n * h * w) as usize);
    for (i, map) in maps.iter().enumerate() {
        for y in 0..h {
            for x in 0..w {
                let [at_x, at_y] = map.at(x as f64 - cx, y as f64 - cy);
                rows.push((i as i64 * h + reflect(at_y + cy, h)) * w + reflect(at_x + cx, w));
            }
        }
    }
    let rows = Tensor::from_slice(&rows).to_device(sample.device());
    let flat = sample.permute([0, 2, 3, 1]).reshape([-1, channels]);
    flat.index_select(0, &rows).reshape([n, h, w, channels]).permute([0, 3, 1, 2])
}

/// Reflected pixels needed on each side (left, top, right, bottom) so that no output pixel looks outside, but at most
/// a whole image.
fn margins(maps: &[Affine], h: i64, w: i64) -> [i64; 4] {
    let [cx, cy] = [w, h].map(|side| (side - 1) as f64 / 2.0);
    let corners = [[-cx, -cy], [cx, -cy], [cx, cy], [-cx, cy]];
    let looked_up: Vec<[f64; 2]> =
        maps.iter().flat_map(|map| corners.map(|[x, y]| map.at(x, y))).collect();
    let reach = |axis: usize, sign: f64| {
        looked_up.iter().map(|at| at[axis] * sign).fold(f64::NEG_INFINITY, f64::max)
    };
    let margin = |axis: usize, sign: f64| {
        let (centre, side) = if axis == 0 { (cx, w) } else { (cy, h) };
        let need = reach(axis, sign) + (2 * PAD) as f64 - centre;
        // Rounding in the last digit must not cost a pixel.
        ((need - 1e-6).ceil().max(0.0) as i64).min(side - 1)
    };
    [margin(0, -1.0), margin(1, -1.0), margin(0, 1.0), margin(1, 1.0)]
}

/// Taps as a kernel along rows (axis 2) or columns (axis 3).
fn kernel(axis: usize, gain: f64, device: Device) -> Tensor {
    let sum: f64 = SYM6.iter().sum();
    let taps = SYM6.map(|tap| (tap / sum * gain) as f32);
    let mut shape = [1_i64; 4];
    shape[axis] = SYM6.len() as i64;
    Tensor::from_slice(&taps).reshape(shape).to_device(device)
}

/// Each channel of each sample as a sample of one channel.
fn planes(x: &Tensor) -> Tensor {
    let (n, channels, h, w) = x.size4().expect("a batch of samples");
    x.reshape([n * channels, 1, h, w])
}

/// `[N, ·, H, W]` → `[N·, 1, 2H, 2W]`, filtered, brightness kept.
fn upsample(x: &Tensor) -> Tensor {
    let (n, channels, h, w) = x.size4().expect("a batch of samples");
    let none = None::<&Tensor>;
    let x = planes(x);
    let [down, across] = [2, 3].map(|axis| kernel(axis, 2.0, x.device()));
    let x = x.conv_transpose2d(&down, none, [2, 1], [5, 0], [0, 0], 1, [1, 1]);
    let x = x.conv_transpose2d(&across, none, [1, 2], [0, 5], [0, 0], 1, [1, 1]);
    x.reshape([n, channels, 2 * h, 2 * w])
}

/// `[N, ·, 2(H + 2·PAD), 2(W + 2·PAD)]` → `[N·, 1, H, W]`, filtered and cropped.
fn downsample(x: &Tensor) -> Tensor {
    let (_, _, h, w) = x.size4().expect("a batch of samples");
    let none = None::<&Tensor>;
    let x = planes(x).narrow(2, 1, h - 2).narrow(3, 1, w - 2);
    let [down, across] = [2, 3].map(|axis| kernel(axis, 1.0, x.device()));
    let x = x.conv2d(&down, none, [2, 1], [0, 0], [1, 1], 1);
    x.conv2d(&across, none, [1, 2], [0, 0], [1, 1], 1)
}

/// Bilinear lookup of `size` output pixels at the coordinates that `maps` give, 0 outside.
fn grid_sampled(x: &Tensor, maps: &[Affine], size: [i64; 2]) -> Tensor {
    const BILINEAR: i64 = 0;
    const ZEROS: i64 = 0;
    let (n, channels, h, w) = x.size4().expect("a batch of samples");
    let [high, wide] = size;
    // From normalised output coordinates to normalised input coordinates, as `affine_grid` has them.
    let theta: Vec<f32> = maps
        .iter()
        .flat_map(|map| {
            let to_pixels = Affine::shift((wide - 1) as f64 / 2.0, (high - 1) as f64 / 2.0)
                .then(&Affine::scale(wide as f64 / 2.0, high as f64 / 2.0));
            let from_pixels = Affine::scale(2.0 / w as f64, 2.0 / h as f64)
                .then(&Affine::shift(-(w - 1) as f64 / 2.0, -(h - 1) as f64 / 2.0));
            let Affine(m) = from_pixels.then(map).then(&to_pixels);
            [m[0], m[1]].concat().into_iter().map(|v| v as f32).collect::<Vec<f32>>()
        })
        .collect();
    let theta = Tensor::from_slice(&theta).reshape([n, 2, 3]).to_device(x.device());
    let grid = Tensor::affine_grid_generator(&theta, [n, channels, high, wide], false);
    x.grid_sampler(&grid, BILINEAR, ZEROS, false)
}

/// The same with gathers.
fn bilinear(x: &Tensor, maps: &[Affine], size: [i64; 2]) -> Tensor {
    let (n, channels, h, w) = x.size4().expect("a batch of samples");
    let [high, wide] = size;
    let pixels = (n * high * wide) as usize;
    let mut rows: [Vec<i64>; 4] = std::array::from_fn(|_| Vec::with_capacity(pixels));
    let mut weights: [Vec<f32>; 4] = std::array::from_fn(|_| Vec::with_capacity(pixels));
    for (i, map) in maps.iter().enumerate() {
        for y in 0..high {
            for x in 0..wide {
                let [at_x, at_y] = map.at(x as f64, y as f64);
                let (x0, y0) = (at_x.floor(), at_y.floor());
                let (fx, fy) = ((at_x - x0) as f32, (at_y - y0) as f32);
                let corners = [(0, 0), (1, 0), (0, 1), (1, 1)];
                for (k, (dx, dy)) in corners.into_iter().enumerate() {
                    let (cx, cy) = (x0 as i64 + dx, y0 as i64 + dy);
                    let inside = (0..w).contains(&cx) && (0..h).contains(&cy);
                    let weight = (if dx == 0 { 1.0 - fx } else { fx })
                        * (if dy == 0 { 1.0 - fy } else { fy });
                    rows[k].push(if inside { (i as i64 * h + cy) * w + cx } else { 0 });
                    weights[k].push(if inside { weight } else { 0.0 });
                }
            }
        }
    }
    let flat = x.permute([0, 2, 3, 1]).reshape([-1, channels]);
    let parts: Vec<Tensor> = rows
        .iter()
        .zip(&weights)
        .map(|(rows, weights)| {
            let rows = Tensor::from_slice(rows).to_device(x.device());
            let weights = Tensor::from_slice(weights).to_device(x.device()).unsqueeze(1);
            flat.index_select(0, &rows) * weights
        })
        .collect();
    let sum = parts.into_iter().reduce(|a, b| a + b).expect("four corners");
    sum.reshape([n, high, wide, channels]).permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn whole_turns_and_shifts_move_pixels_exactly_in_the_inside() {
        let x = Tensor::arange(400, (Kind::Float, Device::Cpu)).reshape([1, 1, 20, 20]);
        let x = (x * 0.02).sin();
        let turned = warp(&x, &[Affine::rotation(std::f64::consts::PI)], Order::Once);
        // The authors' pipeline differs by 0.038 here: its filter is not a perfect low pass.
        let difference = (turned - x.flip([2, 3])).narrow(2, 6, 8).narrow(3, 6, 8);
        assert!(difference.abs().max().double_value(&[]) < 0.05);
        let shifted = warp_nearest(&x, &[Affine::shift(3.0, 0.0)]);
        assert_eq!(shifted.narrow(3, 0, 17), x.narrow(3, 3, 17));
    }

    /// The warp is linear, A: half the gradient of ‖Ax‖² is AᵀAx, and of that norm's square the gradient is
    /// 8 AᵀAAᵀAx.
    #[test]
    fn both_derivatives_of_the_warp_are_those_of_a_linear_map() {
        let maps = [Affine::rotation(0.3), Affine::scale(0.8, 1.2)];
        let x = Tensor::arange(512, (Kind::Float, Device::Cpu)).reshape([2, 1, 16, 16]);
        let x = (x * 0.7).sin();
        let normal = |x: &Tensor, order: Order| {
            let x = x.detach().set_requires_grad(true);
            let y = warp(&x, &maps, order).square().sum(Kind::Float) * 0.5;
            Tensor::run_backward(&[y], &[&x], false, false).remove(0)
        };
        let assert_same = |found: &Tensor, expected: &Tensor| {
            let difference = (found - expected).abs().max().double_value(&[]);
            let scale = expected.abs().max().double_value(&[]);
            assert!(difference < 1e-4 * scale, "{difference} of {scale}");
        };
        let once = normal(&x, Order::Twice);
        assert_same(&normal(&x, Order::Once), &once);
        let leaf = x.detach().set_requires_grad(true);
        let y = warp(&leaf, &maps, Order::Twice).square().sum(Kind::Float);
        let first = Tensor::run_backward(&[y], &[&leaf], true, true).remove(0);
        let square = first.square().sum(Kind::Float);
        let second = Tensor::run_backward(&[square], &[&leaf], false, false).remove(0);
        assert_same(&first.detach(), &(&once * 2.0));
        assert_same(&second, &(normal(&once, Order::Twice) * 8.0));
    }
}
