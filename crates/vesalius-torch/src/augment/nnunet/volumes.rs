//! The table for volumes. Their planes are turned and scaled alike, within themselves, as nnU-Net does where planes lie far
//! apart ("dummy 2-D" augmentation: a side more than three times another); values are changed with one strength for a whole
//! volume, and all three axes are mirrored.
//!
//! Deviations: planes are never turned into each other, whatever the spacing, and blur acts within planes.

use super::{Draw, Table, intensity, spatial};
use crate::pairs::batch::Pair;
use rand::{Rng, RngExt as _};
use spatial::Map;
use tch::Tensor;

/// Transformed copies of volumes `[N, C, D, H, W]`.
pub(super) fn apply(table: &Table, pair: &Pair, classes: i64, rng: &mut impl Rng) -> Pair {
    let size = pair.image.size();
    let [n, channels, d, h, w] = size[..] else { unreachable!("a batch of volumes") };
    let draws: Vec<Draw> = (0..n).map(|_| Draw::new(table, channels as usize, rng)).collect();
    let turned: Vec<bool> = (0..n).map(|_| rng.random_bool(table.mirror)).collect();
    // Each plane as its volume.
    let of_planes = |at: usize| &draws[at / d as usize];
    let planes = (n * d) as usize;
    let maps: Vec<Option<Map>> = (0..planes).map(|at| of_planes(at).map).collect();
    let Pair { image, labels } = spatial::transform(&pair.planes(), &maps, classes);
    let device = image.device();
    let of_volumes = |of: fn(&Draw) -> &Vec<f64>| {
        intensity::per_channel(draws.iter().map(|draw| of(draw).as_slice()), device)
    };
    let of_each = |of: fn(&Draw) -> &Vec<f64>| {
        intensity::per_channel((0..planes).map(|at| of(of_planes(at)).as_slice()), device)
    };
    // A volume's planes one below the other, and apart again.
    let together = |x: &Tensor| {
        x.reshape([n, d, channels, h, w]).permute([0, 2, 1, 3, 4]).reshape([n, channels, d * h, w])
    };
    let apart = |x: &Tensor| {
        x.reshape([n, channels, d, h, w]).permute([0, 2, 1, 3, 4]).reshape([n * d, channels, h, w])
    };
    let mut image = intensity::noise(&image, &of_each(|draw| &draw.noise));
    let sigmas = [of_each(|draw| &draw.blur[0]), of_each(|draw| &draw.blur[1])];
    image = together(&intensity::blur(&image, [&sigmas[0], &sigmas[1]]));
    image *= of_volumes(|draw| &draw.brightness);
    image = apart(&intensity::contrast(&image, &of_volumes(|draw| &draw.contrast)));
    let shares: Vec<&[f64]> =
        (0..planes).map(|at| of_planes(at).low_resolution.as_slice()).collect();
    image = together(&intensity::low_resolution(&image, &shares));
    image = -intensity::gamma(&-image, &of_volumes(|draw| &draw.inverted_gamma));
    image = intensity::gamma(&image, &of_volumes(|draw| &draw.gamma));
    let volumes = Pair { image: image.reshape(&size[..]), labels: labels.reshape([n, d, h, w]) };
    let mirrors: Vec<[bool; 3]> = draws
        .iter()
        .zip(turned)
        .map(|(draw, turned)| [turned, draw.mirror[0], draw.mirror[1]])
        .collect();
    mirror(volumes, &mirrors)
}

/// Turns volumes around: planes, rows, columns.
fn mirror(mut pair: Pair, mirrors: &[[bool; 3]]) -> Pair {
    for axis in 0..3 {
        let turned: Vec<bool> = mirrors.iter().map(|mirror| mirror[axis]).collect();
        let turned = Tensor::from_slice(&turned).to_device(pair.image.device());
        let along = 1 + axis as i64;
        let of_image = turned.reshape([-1, 1, 1, 1, 1]);
        let image = pair.image.flip([along + 1]).where_self(&of_image, &pair.image);
        let of_labels = turned.reshape([-1, 1, 1, 1]);
        let labels = pair.labels.flip([along]).where_self(&of_labels, &pair.labels);
        pair = Pair { image, labels };
    }
    pair
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, keyed};
    use tch::{Device, Kind};

    /// A table that does nothing.
    fn nothing() -> Table {
        let off = |(_, range): (f64, std::ops::Range<f64>)| (0.0, range);
        let table = Table::nnunet([16, 16]);
        Table {
            rotation: off(table.rotation),
            scaling: off(table.scaling),
            noise: off(table.noise),
            blur: off(table.blur),
            brightness: off(table.brightness),
            contrast: off(table.contrast),
            low_resolution: off(table.low_resolution),
            inverted_gamma: off(table.inverted_gamma),
            gamma: off(table.gamma),
            mirror: 0.0,
        }
    }

    fn volumes() -> Pair {
        let values = Tensor::arange(2 * 2 * 4 * 16 * 16, (Kind::Float, Device::Cpu));
        let image = (values * 0.37).sin().reshape([2, 2, 4, 16, 16]);
        let labels = image.select(1, 0).gt(0.0).to_kind(Kind::Int64);
        Pair { image, labels }
    }

    #[test]
    fn what_is_off_changes_nothing_and_mirrors_turn_image_and_labels_together() {
        let pair = volumes();
        let same = nothing().apply(&pair, 2, &mut keyed(1, Purpose::Augment, 0));
        assert!((&same.image - &pair.image).abs().max().double_value(&[]) < 1e-6);
        assert_eq!(same.labels, pair.labels);
        let all = Table { mirror: 1.0, ..nothing() };
        let turned = all.apply(&pair, 2, &mut keyed(1, Purpose::Augment, 0));
        let back = turned.image.flip([2, 3, 4]);
        assert!((back - &pair.image).abs().max().double_value(&[]) < 1e-6);
        assert_eq!(turned.labels.flip([1, 2, 3]), pair.labels);
    }

    #[test]
    fn planes_of_a_volume_are_moved_alike_and_values_changed_as_one() {
        let table = Table { rotation: (1.0, 0.5..0.6), contrast: (1.0, 1.2..1.25), ..nothing() };
        let one = volumes().image.narrow(2, 0, 1).repeat([1, 1, 4, 1, 1]);
        let labels = one.select(1, 0).gt(0.0).to_kind(Kind::Int64);
        let pair = Pair { image: one, labels };
        let moved = table.apply(&pair, 2, &mut keyed(1, Purpose::Augment, 3));
        for plane in 1..4 {
            let apart = moved.image.select(2, 0) - moved.image.select(2, plane);
            assert!(apart.abs().max().double_value(&[]) < 1e-5);
            assert_eq!(moved.labels.select(1, 0), moved.labels.select(1, plane));
        }
        assert_ne!(moved.labels, pair.labels);
    }
}
