//! Surfaces of the labels of a volume, as a picture: rays through the smoothed share of each class, stopped where it is a
//! half. What marching cubes would turn into triangles is drawn as it is.

use super::volume::{Volume, colour_of, png};
use anyhow::Result;
use image::{Rgb, RgbImage};

/// Side of the picture, pixels.
const SIDE: usize = 192;
/// From the front to the right and above, radians.
const TURN: [f64; 2] = [0.6, 0.45];
/// How much of what is behind a surface is seen through it.
const THROUGH: f64 = 0.45;
const BACKGROUND: f64 = 255.0;
/// Steps that halve the place of a surface.
const HALVINGS: usize = 5;

/// How much of each voxel is of a class, smoothed over its neighbours.
struct Share {
    values: Vec<f32>,
    size: [usize; 3],
}

impl Share {
    fn of(volume: &Volume, class: u8) -> Self {
        let size = volume.size();
        let mut values: Vec<f32> =
            volume.labels.iter().map(|label| f32::from(u8::from(*label == class))).collect();
        // 1 2 1 along rows and columns; planes lie far apart.
        for (axis, step) in [(1, size[2]), (2, 1)] {
            let before = values.clone();
            for (at, value) in values.iter_mut().enumerate() {
                let place = at / step % size[axis];
                let low = if place > 0 { before[at - step] } else { 0.0 };
                let high = if place + 1 < size[axis] { before[at + step] } else { 0.0 };
                *value = (low + 2.0 * before[at] + high) / 4.0;
            }
        }
        Self { values, size }
    }

    fn voxel(&self, at: [isize; 3]) -> f64 {
        let inside =
            |axis: usize| usize::try_from(at[axis]).ok().filter(|at| *at < self.size[axis]);
        match [inside(0), inside(1), inside(2)] {
            [Some(z), Some(y), Some(x)] => {
                f64::from(self.values[(z * self.size[1] + y) * self.size[2] + x])
            }
            _ => 0.0,
        }
    }

    /// Between voxels, whose middles have whole numbers.
    fn at(&self, place: [f64; 3]) -> f64 {
        let low = place.map(f64::floor);
        let mut sum = 0.0;
        for corner in 0..8_usize {
            let up = [corner & 1, corner >> 1 & 1, corner >> 2 & 1];
            let mut weight = 1.0;
            let mut voxel = [0; 3];
            for axis in 0..3 {
                let part = place[axis] - low[axis];
                weight *= if up[axis] == 1 { part } else { 1.0 - part };
                voxel[axis] = low[axis] as isize + up[axis] as isize;
            }
            if weight > 0.0 {
                sum += weight * self.voxel(voxel);
            }
        }
        sum
    }
}

/// PNG of the surfaces of all classes (`classes` with the background), seen from the front, the right and above, the first
/// plane on top; nearer ones let those behind shine through.
///
/// # Errors
/// Those of the encoder.
pub fn surfaces(volume: &Volume, classes: usize) -> Result<Vec<u8>> {
    let shares: Vec<(u8, Share)> = (1..classes as u8)
        .filter(|class| volume.labels.contains(class))
        .map(|class| (class, Share::of(volume, class)))
        .collect();
    let (middle, reach) = ball(volume);
    let step = volume.spacing_mm.into_iter().fold(f64::INFINITY, f64::min) / 2.0;
    let (turn, tilt) = (TURN[0].sin_cos(), TURN[1].sin_cos());
    // Millimetres about the middle, seen from the eye (right, down, away) → voxels.
    let place = |[right, down, away]: [f64; 3]| {
        let (up_down, away) = (down * tilt.1 + away * tilt.0, away * tilt.1 - down * tilt.0);
        let (x, y) = (right * turn.1 + away * turn.0, away * turn.1 - right * turn.0);
        let mm = [up_down, -y, x];
        [0, 1, 2].map(|i| (mm[i] + middle[i]) / volume.spacing_mm[i])
    };
    let steps = (2.0 * reach / step).ceil() as usize;
    let mut picture = RgbImage::new(SIDE as u32, SIDE as u32);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let eye = |at: usize| ((at as f64 + 0.5) / SIDE as f64 * 2.0 - 1.0) * reach;
            let on_ray = |depth: f64| place([eye(column), eye(row), depth - reach]);
            let mut hits: Vec<(f64, [f64; 3])> = vec![];
            for (class, share) in &shares {
                let inside = |depth: f64| share.at(on_ray(depth)) >= 0.5;
                let Some(first) = (0..steps).find(|i| inside(*i as f64 * step)) else { continue };
                let (mut low, mut high) = ((first as f64 - 1.0) * step, first as f64 * step);
                for _ in 0..HALVINGS {
                    let middle = f64::midpoint(low, high);
                    if inside(middle) { high = middle } else { low = middle }
                }
                let light = light(share, on_ray(high), volume.spacing_mm, on_ray(high - 1.0));
                hits.push((high, colour_of(*class).map(|part| f64::from(part) * light)));
            }
            hits.sort_by(|a, b| b.0.total_cmp(&a.0));
            let blend = |behind: [f64; 3], (_, own): &(f64, [f64; 3])| {
                [0, 1, 2].map(|i| behind[i] * THROUGH + own[i] * (1.0 - THROUGH))
            };
            let seen = hits.iter().fold([BACKGROUND; 3], blend);
            picture.put_pixel(column as u32, row as u32, Rgb(seen.map(|part| part.round() as u8)));
        }
    }
    png(&picture)
}

/// A ball that holds all labels, mm from the middle of the first voxel: its middle, that of their box, and its radius.
fn ball(volume: &Volume) -> ([f64; 3], f64) {
    let size = volume.size();
    let mut ends_of = [[usize::MAX, 0]; 3];
    for (at, _) in volume.labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let voxel = [at / (size[1] * size[2]), at / size[2] % size[1], at % size[2]];
        for (ends, at) in ends_of.iter_mut().zip(voxel) {
            *ends = [ends[0].min(at), ends[1].max(at)];
        }
    }
    let mut middle = [0.0; 3];
    let mut square = 0.0;
    for (axis, [low, high]) in
        ends_of.into_iter().enumerate().filter(|(_, ends)| ends[0] <= ends[1])
    {
        middle[axis] = (low + high) as f64 / 2.0 * volume.spacing_mm[axis];
        square += ((high - low + 2) as f64 / 2.0 * volume.spacing_mm[axis]).powi(2);
    }
    (middle, square.sqrt().max(1.0))
}

/// Between 0.35 and 1: how far the surface at `place` faces the eye, which lies in the direction of `nearer`.
fn light(share: &Share, place: [f64; 3], spacing_mm: [f64; 3], nearer: [f64; 3]) -> f64 {
    let slope = [0, 1, 2].map(|axis| {
        let moved = |by: f64| {
            let mut place = place;
            place[axis] += by;
            share.at(place)
        };
        (moved(-0.5) - moved(0.5)) / spacing_mm[axis]
    });
    let towards = [0, 1, 2].map(|axis| (nearer[axis] - place[axis]) * spacing_mm[axis]);
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = (dot(slope, slope) * dot(towards, towards)).sqrt();
    let facing = if lengths > 0.0 { dot(slope, towards) / lengths } else { 0.0 };
    0.35 + 0.65 * facing.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::volume::tests::boxed;
    use super::*;

    #[test]
    fn a_body_is_drawn_shaded_in_the_middle_and_nothing_is_where_there_is_none() {
        let (pixels, labels, shape) = boxed();
        let volume =
            Volume { pixels: &pixels, labels: &labels, shape, spacing_mm: [10.0, 2.0, 2.0] };
        let read = image::load_from_memory(&surfaces(&volume, 2).unwrap()).unwrap().to_rgb8();
        let drawn = |x: u32, y: u32| read.get_pixel(x, y).0 != [255; 3];
        assert!(drawn(96, 96) && !drawn(2, 2) && !drawn(189, 189));
        let count = read.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
        // A box of 20 x 16 x 8 mm in a ball of 38 mm.
        assert!((5000..16_000).contains(&count), "{count}");
        let shades: std::collections::BTreeSet<[u8; 3]> = read.pixels().map(|p| p.0).collect();
        assert!(shades.len() > 3, "sides in different light");
        let nothing = vec![0; labels.len()];
        let empty = Volume { labels: &nothing, ..volume };
        let read = image::load_from_memory(&surfaces(&empty, 2).unwrap()).unwrap().to_rgb8();
        assert!(read.pixels().all(|pixel| pixel.0 == [255; 3]));
    }
}
