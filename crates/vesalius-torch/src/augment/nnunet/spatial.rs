//! Rotation, scaling and mirrors of slices with their labels: batchgeneratorsv2's `SpatialTransform` and
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

/// Moves the slices that have a map. Images: bilinear, 0 from outside. Labels: the one with the largest share of the
/// pixel, of equals the nearest; what comes from outside is background, but is a label of its own until then.
pub fn transform(pair: &Pair, maps: &[Option<Map>], classes: i64) -> Pair {
    let moved: Vec<i64> =
        maps.iter().enumerate().filter(|(_, map)| map.is_some()).map(|(i, _)| i as i64).collect();
    if moved.is_empty() {
        return pair.shallow();
    }
    let (.., height, width) = pair.image.size4().expect("a batch of images");
    let device = pair.image.device();
    let thetas: Vec<f32> =
        maps.iter().flatten().flat_map(|map| map.theta(height as f64 / width as f64)).collect();
    let thetas = Tensor::from_slice(&thetas).reshape([-1, 2, 3]).to_device(device);
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
    let inside = Tensor::full(
        [labels.size()[0], 1, labels.size()[1], labels.size()[2]],
        -1000.0,
        (grid.kind(), grid.device()),
    );
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
