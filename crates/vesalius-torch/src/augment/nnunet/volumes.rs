//! The table for volumes: values are changed with one strength for a whole volume, and all three axes are mirrored. Volumes
//! of few planes are turned, scaled and made coarse within their planes, all planes alike, as nnU-Net does it; others about
//! and along all axes.

use super::{Draw, Table, intensity, is_flat, spatial};
use crate::pairs::batch::Pair;
use rand::{Rng, RngExt as _};
use spatial::{Map, Turn};
use tch::Tensor;

/// What happens to a volume beside what happens to a slice.
struct Deep {
    /// Turned around along planes.
    mirror: bool,
    /// σ across planes, of each channel.
    blur: Vec<f64>,
    /// In place of the slice's map.
    turn: Option<Turn>,
}

impl Deep {
    fn new(table: &Table, draw: &Draw, rng: &mut impl Rng) -> Self {
        let mirror = rng.random_bool(table.mirror);
        let blurred = |sigma: &f64| {
            if *sigma > 0.0 { rng.random_range(table.blur.1.clone()) } else { 0.0 }
        };
        let blur = draw.blur[0].iter().map(blurred).collect();
        let turn = draw.map.map(|Map { angle, scales }| {
            // All axes or none.
            let mut another =
                || if angle == 0.0 { 0.0 } else { rng.random_range(table.rotation.1.clone()) };
            Turn { angles: [another(), another(), angle], scale: scales[0] }
        });
        Self { mirror, blur, turn }
    }
}

/// Transformed copies of volumes `[N, C, D, H, W]`.
pub(super) fn apply(table: &Table, pair: &Pair, classes: i64, rng: &mut impl Rng) -> Pair {
    let size = pair.image.size();
    let [n, channels, d, h, w] = size[..] else { unreachable!("a batch of volumes") };
    let draws: Vec<Draw> = (0..n).map(|_| Draw::new(table, channels as usize, rng)).collect();
    let deep: Vec<Deep> = draws.iter().map(|draw| Deep::new(table, draw, rng)).collect();
    let flat = is_flat([d, h, w]);
    // Each plane as its volume.
    let of_planes = |at: usize| &draws[at / d as usize];
    let planes = (n * d) as usize;
    let Pair { image, labels } = if flat {
        let maps: Vec<Option<Map>> = (0..planes).map(|at| of_planes(at).map).collect();
        spatial::transform(&pair.planes(), &maps, classes)
    } else {
        let turns: Vec<Option<Turn>> = deep.iter().map(|deep| deep.turn).collect();
        spatial::transform_volumes(pair, &turns, classes).planes()
    };
    let device = image.device();
    let of_volumes = |of: fn(&Draw) -> &Vec<f64>| {
        intensity::per_channel(draws.iter().map(|draw| of(draw).as_slice()), device)
    };
    let of_each = |of: fn(&Draw) -> &Vec<f64>| {
        intensity::per_channel((0..planes).map(|at| of(of_planes(at)).as_slice()), device)
    };
    // Planes of a volume one below the other, and apart again.
    let together = |x: &Tensor| {
        x.reshape([n, d, channels, h, w]).permute([0, 2, 1, 3, 4]).reshape([n, channels, d * h, w])
    };
    let apart = |x: &Tensor| {
        x.reshape([n, channels, d, h, w]).permute([0, 2, 1, 3, 4]).reshape([n * d, channels, h, w])
    };
    let mut image = intensity::noise(&image, &of_each(|draw| &draw.noise));
    let sigmas = [of_each(|draw| &draw.blur[0]), of_each(|draw| &draw.blur[1])];
    image = together(&intensity::blur(&image, [&sigmas[0], &sigmas[1]]));
    let across = intensity::per_channel(deep.iter().map(|deep| deep.blur.as_slice()), device);
    image = intensity::blur_along(&image.reshape([n, channels, d, h * w]), &across, 0);
    image = image.reshape([n, channels, d * h, w]) * of_volumes(|draw| &draw.brightness);
    image = intensity::contrast(&image, &of_volumes(|draw| &draw.contrast));
    image = if flat {
        let shares: Vec<&[f64]> =
            (0..planes).map(|at| of_planes(at).low_resolution.as_slice()).collect();
        together(&intensity::low_resolution(&apart(&image), &shares))
    } else {
        let shares: Vec<&[f64]> = draws.iter().map(|draw| draw.low_resolution.as_slice()).collect();
        let coarse = intensity::low_resolution(&image.reshape(&size[..]), &shares);
        coarse.reshape([n, channels, d * h, w])
    };
    image = -intensity::gamma(&-image, &of_volumes(|draw| &draw.inverted_gamma));
    image = intensity::gamma(&image, &of_volumes(|draw| &draw.gamma));
    let volumes = Pair { image: image.reshape(&size[..]), labels: labels.reshape([n, d, h, w]) };
    let mirrors: Vec<[bool; 3]> = draws
        .iter()
        .zip(&deep)
        .map(|(draw, deep)| [deep.mirror, draw.mirror[0], draw.mirror[1]])
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

    /// Of a cube neighbouring planes are turned into each other; of few planes never.
    #[test]
    fn cubes_are_turned_about_all_axes() {
        let table = Table { rotation: (1.0, 0.5..0.51), ..nothing() };
        let cube = |planes: i64| {
            let image = Tensor::zeros([1, 1, planes, 16, 16], (Kind::Float, Device::Cpu));
            let _ = image.narrow(2, planes / 2, 1).fill_(1.0);
            let labels = image.select(1, 0).to_kind(Kind::Int64);
            table.apply(&Pair { image, labels }, 2, &mut keyed(1, Purpose::Augment, 3)).labels
        };
        let held = |labels: &Tensor| {
            let planes = labels.sum_dim_intlist(&[0_i64, 2, 3][..], false, Kind::Int64);
            planes.gt(0).sum(Kind::Int64).int64_value(&[])
        };
        assert!(held(&cube(16)) > 6, "a plane becomes a slope");
        assert_eq!(held(&cube(5)), 1);
        let turned = |size: [i64; 3]| Table::nnunet_of_volumes(size).rotation.1.end;
        assert!(turned([8, 64, 64]) > 3.0 && turned([8, 24, 24]) < 0.53);
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
