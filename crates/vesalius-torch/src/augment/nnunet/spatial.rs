//! Rotation and scaling of slices and volumes, and mirrors of slices, with their labels: batchgeneratorsv2's `SpatialTransform` and
//! `MirrorTransform`, as nnU-Net sets them.

use crate::pairs::batch::{Pair, one_hot};
use tch::{Kind, Tensor};

/// What is shown where: a point of the new slice, in pixels from its centre, comes from R(angle) · diag(scales) · point of
/// the old one. Points are (row, column).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Map {
    /// Radians.
    pub angle: f64,
    /// Along rows and columns; above 1 shrinks what is shown.
    pub scales: [f64; 2],
}

impl Map {
    /// As `affine_grid` wants it: rows for x and y, of coordinates in [-1, 1] on slices of height / width `aspect`.
    fn theta(self, aspect: f64) -> [f32; 6] {
        let (sin, cos) = self.angle.sin_cos();
        let [down, right] = self.scales;
        let (x, y) =
            ([cos * right, sin * down * aspect, 0.0], [-sin * right / aspect, cos * down, 0.0]);
        [x[0], x[1], x[2], y[0], y[1], y[2]].map(|value| value as f32)
    }
}

/// The same of volumes, whose points are (plane, row, column): they are scaled, then turned about the first axis, the second
/// and the third.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// Radians, about each axis.
    pub angles: [f64; 3],
    /// Along all axes; above 1 shrinks what is shown.
    pub scale: f64,
}

impl Turn {
    /// As `affine_grid` wants it: rows for x, y and z, of coordinates in [-1, 1] on volumes of `size` `[D, H, W]`.
    fn theta(self, size: [i64; 3]) -> [f32; 12] {
        let [(sa, ca), (sb, cb), (sc, cc)] = self.angles.map(f64::sin_cos);
        // Rc · Rb · Ra.
        let turned = [
            [cc * cb, cc * sb * sa - sc * ca, cc * sb * ca + sc * sa],
            [sc * cb, sc * sb * sa + cc * ca, sc * sb * ca - cc * sa],
            [-sb, cb * sa, cb * ca],
        ];
        let mut theta = [0.0; 12];
        for (row, values) in theta.chunks_exact_mut(4).enumerate() {
            for (column, value) in values.iter_mut().take(3).enumerate() {
                // x is the last axis.
                let (to, from) = (2 - row, 2 - column);
                let sides = size[from] as f64 / size[to] as f64;
                *value = (turned[to][from] * self.scale * sides) as f32;
            }
        }
        theta
    }
}

/// Moves the slices that have a map. Images: bilinear, 0 from outside. Labels: the one with the largest share of the
/// pixel, of equals the nearest; what comes from outside is background, but is a label of its own until then.
pub fn transform(pair: &Pair, maps: &[Option<Map>], classes: i64) -> Pair {
    let (.., height, width) = pair.image.size4().expect("a batch of images");
    let aspect = height as f64 / width as f64;
    let thetas: Vec<_> = maps.iter().map(|map| map.map(|map| map.theta(aspect).to_vec())).collect();
    moved(pair, &thetas, classes)
}

/// The same of volumes `[N, C, D, H, W]`, trilinear.
pub fn transform_volumes(pair: &Pair, turns: &[Option<Turn>], classes: i64) -> Pair {
    let size = pair.image.size();
    let [.., depth, height, width] = size[..] else { unreachable!("a batch of volumes") };
    let theta = |turn: Turn| turn.theta([depth, height, width]).to_vec();
    let thetas: Vec<_> = turns.iter().map(|turn| turn.map(theta)).collect();
    moved(pair, &thetas, classes)
}

/// By the maps of `affine_grid`, of 2 x 3 or 3 x 4 numbers.
fn moved(pair: &Pair, thetas: &[Option<Vec<f32>>], classes: i64) -> Pair {
    let moved: Vec<i64> = thetas
        .iter()
        .enumerate()
        .filter(|(_, theta)| theta.is_some())
        .map(|(i, _)| i as i64)
        .collect();
    if moved.is_empty() {
        return pair.shallow();
    }
    let device = pair.image.device();
    let thetas: Vec<f32> = thetas.iter().flatten().flatten().copied().collect();
    let rank = pair.image.dim() as i64 - 2;
    let thetas = Tensor::from_slice(&thetas).reshape([-1, rank, rank + 1]).to_device(device);
    let rows = Tensor::from_slice(&moved).to_device(device);
    let image = pair.image.index_select(0, &rows);
    let grid = Tensor::affine_grid_generator(&thetas.to_kind(image.kind()), image.size(), false);
    let labels = moved_labels(&pair.labels.index_select(0, &rows), &grid, classes);
    let image = sampled(&image, &grid, BILINEAR);
    Pair {
        image: pair.image.index_copy(0, &rows, &image),
        labels: pair.labels.index_copy(0, &rows, &labels),
    }
}

const BILINEAR: i64 = 0;
const NEAREST: i64 = 1;

fn sampled(image: &Tensor, grid: &Tensor, mode: i64) -> Tensor {
    const ZEROS: i64 = 0;
    image.grid_sampler(grid, mode, ZEROS, false)
}

/// Scores are thousandths in f16, as there: near ties are ties.
fn moved_labels(labels: &Tensor, grid: &Tensor, classes: i64) -> Tensor {
    let shares = sampled(&(one_hot(labels, classes).to_kind(grid.kind()) * 1000.0), grid, BILINEAR);
    // Label -1, the first: what is missing to a whole pixel.
    let inside = labels.unsqueeze(1).full_like(-1000.0).to_kind(grid.kind());
    let outside = sampled(&inside, grid, BILINEAR) + 1000.0;
    let scores = Tensor::cat(&[outside, shares], 1).to_kind(Kind::Half).to_kind(Kind::Float);
    let (best, winner) = scores.max_dim(1, true); // the first of equals
    let from = (labels + 1).unsqueeze(1).to_kind(grid.kind());
    let nearest = sampled(&from, grid, NEAREST).round().to_kind(Kind::Int64); // 0 from outside
    let tied = scores.gather(1, &nearest, false).eq_tensor(&best);
    let label = nearest.where_self(&tied, &winner) - 1;
    label.squeeze_dim(1).clamp_min(0)
}

/// Turns slices around: rows, columns.
pub fn mirror(pair: &Pair, mirrors: &[[bool; 2]]) -> Pair {
    let mut pair = pair.shallow();
    for axis in [0, 1] {
        let turned: Vec<bool> = mirrors.iter().map(|mirror| mirror[axis]).collect();
        let turned = Tensor::from_slice(&turned).to_device(pair.image.device());
        let along = 1 + axis as i64;
        let of_image = turned.reshape([-1, 1, 1, 1]);
        let image = pair.image.flip([along + 1]).where_self(&of_image, &pair.image);
        let labels =
            pair.labels.flip([along]).where_self(&turned.reshape([-1, 1, 1]), &pair.labels);
        pair = Pair { image, labels };
    }
    pair
}
