//! Classical augmentation of real pairs, as the study's second row: small rotations, shifts, flips.
//!
//! One affine map per pair for image and labels: bilinear for the image, nearest for the labels. What comes in from
//! outside is black background.

use crate::pairs::batch::Pair;
use tch::{Kind, Tensor};

/// Largest rotation, radians (15 degrees).
const MAX_ROTATION: f64 = std::f64::consts::PI / 12.0;
/// Largest shift as a share of the side.
const MAX_SHIFT: f64 = 0.1;

/// A randomly moved copy of each pair; draws from LibTorch's generator.
pub fn augment(pair: &Pair) -> Pair {
    let (n, _, height, width) = pair.image.size4().expect("a batch of images");
    let options = (Kind::Float, pair.image.device());
    let symmetric = |limit: f64| (Tensor::rand([n], options) * 2.0 - 1.0) * limit;
    let flip = || Tensor::rand([n], options).ge(0.5).to_kind(Kind::Float) * 2.0 - 1.0;
    // Shifts are in units of half a side.
    let map = affine(
        &symmetric(MAX_ROTATION),
        [&symmetric(2.0 * MAX_SHIFT), &symmetric(2.0 * MAX_SHIFT)],
        [&flip(), &flip()],
        height as f64 / width as f64,
    );
    apply(pair, &map)
}

/// Maps `[n, 2, 3]` from output to input coordinates, both (x, y) in [-1, 1]: rotation by `angle`, then `flip` (±1) of
/// each axis, then `shift`; each `[n]`. `aspect`: height / width, so that rotations stay rigid.
pub fn affine(angle: &Tensor, shift: [&Tensor; 2], flip: [&Tensor; 2], aspect: f64) -> Tensor {
    let (sin, cos) = (angle.sin(), angle.cos());
    let row_x = Tensor::stack(&[&(&cos * flip[0]), &(-&sin * aspect * flip[0]), shift[0]], 1);
    let row_y = Tensor::stack(&[&(&sin / aspect * flip[1]), &(&cos * flip[1]), shift[1]], 1);
    Tensor::stack(&[row_x, row_y], 1)
}

/// Applies maps of [`affine`].
pub fn apply(pair: &Pair, map: &Tensor) -> Pair {
    const BILINEAR: i64 = 0;
    const NEAREST: i64 = 1;
    const ZEROS: i64 = 0;
    let grid = Tensor::affine_grid_generator(map, pair.image.size(), false);
    // Black is -1: zero padding has to mean black.
    let image = (&pair.image + 1.0).grid_sampler(&grid, BILINEAR, ZEROS, false) - 1.0;
    let labels = pair.labels.unsqueeze(1).to_kind(Kind::Float);
    let labels = labels.grid_sampler(&grid, NEAREST, ZEROS, false);
    Pair { image, labels: labels.squeeze_dim(1).round().to_kind(Kind::Int64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn pair() -> Pair {
        let labels = Tensor::arange(64, (Kind::Int64, Device::Cpu)).reshape([1, 8, 8]).remainder(4);
        let image = labels.unsqueeze(1).to_kind(Kind::Float) / 1.5 - 1.0;
        Pair { image, labels }
    }

    fn of(value: f64) -> Tensor {
        Tensor::from_slice(&[value as f32])
    }

    #[test]
    fn the_neutral_map_changes_nothing_and_a_flip_is_a_flip() {
        let pair = pair();
        let neutral =
            apply(&pair, &affine(&of(0.0), [&of(0.0), &of(0.0)], [&of(1.0), &of(1.0)], 1.0));
        assert_eq!(neutral.labels, pair.labels);
        assert!((neutral.image - &pair.image).abs().max().double_value(&[]) < 1e-6);
        let flipped =
            apply(&pair, &affine(&of(0.0), [&of(0.0), &of(0.0)], [&of(-1.0), &of(1.0)], 1.0));
        assert_eq!(flipped.labels, pair.labels.flip([2]));
    }

    #[test]
    fn image_and_labels_move_together() {
        tch::manual_seed(7);
        let labels = Tensor::zeros([16, 32, 32], (Kind::Int64, Device::Cpu));
        let _ = labels.narrow(1, 8, 12).narrow(2, 10, 14).fill_(1);
        let image = labels.unsqueeze(1).to_kind(Kind::Float) * 2.0 - 1.0;
        let moved = augment(&Pair { image, labels });
        let bright = moved.image.squeeze_dim(1).gt(0.0);
        let differs = bright.to_kind(Kind::Int64).ne_tensor(&moved.labels);
        // Only rounding at the edges may differ.
        assert!(differs.to_kind(Kind::Float).mean(Kind::Float).double_value(&[]) < 0.02);
    }
}
