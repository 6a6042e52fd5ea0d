//! nnU-Net's augmentation of slices and volumes and their labels: which transform is applied to which slice, and how strongly.
//!
//! Source: `nnUNetTrainer.get_training_transforms` and `configure_rotation_dummyDA_mirroring_and_inital_patch_size` of
//! nnU-Net v2.8.1; the transforms are batchgeneratorsv2's ([`spatial`], [`intensity`]). A batch is transformed as a
//! whole; each slice has draws of its own.

pub mod intensity;
pub mod spatial;
mod volumes;

use crate::pairs::batch::Pair;
use rand::{Rng, RngExt as _};
use spatial::Map;
use std::f64::consts::PI;
use std::ops::Range;

/// How often each transform is applied, and from what its strength is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Share of slices that are rotated, and by how much, radians.
    pub rotation: (f64, Range<f64>),
    /// Share that are scaled, and by what; above 1 shrinks what is shown. Both axes alike.
    pub scaling: (f64, Range<f64>),
    /// Share that gets noise, and its standard deviation.
    pub noise: (f64, Range<f64>),
    /// Share that is blurred, and σ in pixels; each channel every other time.
    pub blur: (f64, Range<f64>),
    /// Share whose values are multiplied, each channel by its own.
    pub brightness: (f64, Range<f64>),
    /// Share whose distances from the mean are multiplied.
    pub contrast: (f64, Range<f64>),
    /// Share that loses resolution, and to which share of its pixels along each side; each channel every other time.
    pub low_resolution: (f64, Range<f64>),
    /// Share whose values, turned around, are raised to a power.
    pub inverted_gamma: (f64, Range<f64>),
    /// Share whose values are raised to a power.
    pub gamma: (f64, Range<f64>),
    /// Share that is mirrored, along each axis.
    pub mirror: f64,
}

impl Table {
    /// nnU-Net's, for slices of `size` pixels: long ones are turned less.
    pub fn nnunet(size: [i64; 2]) -> Self {
        let [short, long] = [size[0].min(size[1]), size[0].max(size[1])];
        let most = if long as f64 > 1.5 * short as f64 { PI / 12.0 } else { PI };
        Self {
            rotation: (0.2, -most..most),
            scaling: (0.2, 0.7..1.4),
            noise: (0.1, 0.0..0.1),
            blur: (0.2, 0.5..1.0),
            brightness: (0.15, 0.75..1.25),
            contrast: (0.15, 0.75..1.25),
            low_resolution: (0.25, 0.5..1.0),
            inverted_gamma: (0.1, 0.7..1.5),
            gamma: (0.3, 0.7..1.5),
            mirror: 0.5,
        }
    }

    /// nnU-Net's, for volumes of planes, rows and columns: turned by a twelfth of a circle about all axes, or, where a side is
    /// more than three times the planes ("dummy 2-D"), within their planes by any angle.
    pub fn nnunet_of_volumes([planes, height, width]: [i64; 3]) -> Self {
        let most = if is_flat([planes, height, width]) { PI } else { PI / 6.0 };
        Self { rotation: (0.2, -most..most), ..Self::nnunet([height, width]) }
    }

    /// Transformed copies. Image: standardised (0 is what comes in from outside). Draws from `rng`, and noise from
    /// LibTorch's generator.
    pub fn apply(&self, pair: &Pair, classes: i64, rng: &mut impl Rng) -> Pair {
        if pair.image.dim() == 5 {
            return volumes::apply(self, pair, classes, rng);
        }
        let (n, channels, ..) = pair.image.size4().expect("a batch of images");
        let draws: Vec<Draw> = (0..n).map(|_| Draw::new(self, channels as usize, rng)).collect();
        let maps: Vec<Option<Map>> = draws.iter().map(|draw| draw.map).collect();
        let Pair { image, labels } = spatial::transform(pair, &maps, classes);
        let device = image.device();
        let table = |of: fn(&Draw) -> &Vec<f64>| {
            intensity::per_channel(draws.iter().map(|draw| of(draw).as_slice()), device)
        };
        let mut image = image;
        image = intensity::noise(&image, &table(|draw| &draw.noise));
        let sigmas = [table(|draw| &draw.blur[0]), table(|draw| &draw.blur[1])];
        image = intensity::blur(&image, [&sigmas[0], &sigmas[1]]);
        image *= table(|draw| &draw.brightness);
        image = intensity::contrast(&image, &table(|draw| &draw.contrast));
        let shares: Vec<&[f64]> = draws.iter().map(|d| d.low_resolution.as_slice()).collect();
        image = intensity::low_resolution(&image, &shares);
        image = -intensity::gamma(&-image, &table(|draw| &draw.inverted_gamma));
        image = intensity::gamma(&image, &table(|draw| &draw.gamma));
        let mirrors: Vec<[bool; 2]> = draws.iter().map(|draw| draw.mirror).collect();
        spatial::mirror(&Pair { image, labels }, &mirrors)
    }
}

/// Whether planes are too few to be turned into each other (`ANISO_THRESHOLD`).
fn is_flat(size: [i64; 3]) -> bool {
    size.into_iter().max().unwrap_or(1) > 3 * size[0]
}

/// What happens to one slice: strengths of each channel, neutral where nothing happens.
#[derive(Debug, Clone, PartialEq)]
struct Draw {
    map: Option<Map>,
    noise: Vec<f64>,
    /// Along columns and along rows.
    blur: [Vec<f64>; 2],
    brightness: Vec<f64>,
    contrast: Vec<f64>,
    low_resolution: Vec<f64>,
    inverted_gamma: Vec<f64>,
    gamma: Vec<f64>,
    mirror: [bool; 2],
}

impl Draw {
    fn new(table: &Table, channels: usize, rng: &mut impl Rng) -> Self {
        let rotated = rng.random_bool(table.rotation.0);
        let scaled = rng.random_bool(table.scaling.0);
        let angle = if rotated { rng.random_range(table.rotation.1.clone()) } else { 0.0 };
        let scale = if scaled { rng.random_range(table.scaling.1.clone()) } else { 1.0 };
        let map = (rotated || scaled).then_some(Map { angle, scales: [scale; 2] });
        let mut noise = vec![0.0; channels];
        if rng.random_bool(table.noise.0) {
            noise.fill(rng.random_range(table.noise.1.clone()));
        }
        let mut blur = [vec![0.0; channels], vec![0.0; channels]];
        if rng.random_bool(table.blur.0) {
            let [along_columns, along_rows] = &mut blur;
            for (column, row) in along_columns.iter_mut().zip(along_rows) {
                if rng.random_bool(0.5) {
                    *column = rng.random_range(table.blur.1.clone());
                    *row = rng.random_range(table.blur.1.clone());
                }
            }
        }
        let brightness = factors(&table.brightness, channels, rng);
        let contrast = factors(&table.contrast, channels, rng);
        let mut low_resolution = vec![1.0; channels];
        if rng.random_bool(table.low_resolution.0) {
            for share in &mut low_resolution {
                if rng.random_bool(0.5) {
                    *share = rng.random_range(table.low_resolution.1.clone());
                }
            }
        }
        let inverted_gamma = factors(&table.inverted_gamma, channels, rng);
        let gamma = factors(&table.gamma, channels, rng);
        let mirror = [rng.random_bool(table.mirror), rng.random_bool(table.mirror)];
        Self {
            map,
            noise,
            blur,
            brightness,
            contrast,
            low_resolution,
            inverted_gamma,
            gamma,
            mirror,
        }
    }
}

/// Of each channel; 1 where the slice is not chosen.
fn factors((share, range): &(f64, Range<f64>), channels: usize, rng: &mut impl Rng) -> Vec<f64> {
    let applied = rng.random_bool(*share);
    (0..channels).map(|_| if applied { factor(range, rng) } else { 1.0 }).collect()
}

/// `BGContrast`: below 1 as often as above.
fn factor(range: &Range<f64>, rng: &mut impl Rng) -> f64 {
    if range.start < 1.0 && rng.random_bool(0.5) {
        rng.random_range(range.start..1.0)
    } else {
        rng.random_range(range.start.max(1.0)..range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, keyed};

    #[test]
    fn each_transform_comes_as_often_as_the_table_says() {
        let table = Table::nnunet([64, 64]);
        let mut rng = keyed(3, Purpose::Augment, 0);
        let draws: Vec<Draw> = (0..20_000).map(|_| Draw::new(&table, 2, &mut rng)).collect();
        let share = |of: &dyn Fn(&Draw) -> bool| {
            draws.iter().filter(|draw| of(draw)).count() as f64 / draws.len() as f64
        };
        for (name, expected, found) in [
            ("moved", 1.0 - 0.8 * 0.8, share(&|d| d.map.is_some())),
            ("noise", 0.1, share(&|d| d.noise[0] > 0.0)),
            // Each of two channels every other time.
            ("blur", 0.2 * 0.75, share(&|d| d.blur[0].iter().any(|&sigma| sigma > 0.0))),
            ("brightness", 0.15, share(&|d| d.brightness[1] != 1.0)),
            ("contrast", 0.15, share(&|d| d.contrast[0] != 1.0)),
            ("resolution", 0.25 * 0.5, share(&|d| d.low_resolution[1] < 1.0)),
            ("inverted gamma", 0.1, share(&|d| d.inverted_gamma[0] != 1.0)),
            ("gamma", 0.3, share(&|d| d.gamma[0] != 1.0)),
            ("gamma below 1", 0.15, share(&|d| d.gamma[0] < 1.0)),
            ("mirror", 0.5, share(&|d| d.mirror[1])),
        ] {
            // Four standard errors of a share of 20,000.
            assert!((found - expected).abs() < 0.015, "{name}: {found}, expected {expected}");
        }
        let noise = draws.iter().find(|d| d.noise[0] > 0.0).unwrap();
        assert_eq!(noise.noise[0], noise.noise[1], "one for all channels");
        assert!(draws.iter().all(|d| d.map.is_none_or(|map| map.scales[0] == map.scales[1])));
    }

    #[test]
    fn long_slices_are_turned_less() {
        assert_eq!(Table::nnunet([64, 96]).rotation.1.end, PI);
        assert_eq!(Table::nnunet([64, 97]).rotation.1.end, PI / 12.0);
    }
}
