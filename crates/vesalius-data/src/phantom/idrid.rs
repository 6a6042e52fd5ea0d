//! IDRiD phantoms: fundus photographs with vessels, disc and fovea as JPEG, and the disc's mask as a 1-bit palette
//! TIFF,
//! uncompressed, in the folders of "A. Segmentation"; every second eye has exudates.

use super::draw::{Ellipse, Texture, between, mix, normal};
use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// A quarter of the camera's 4288 x 2848.
const WIDTH: usize = 1072;
const HEIGHT: usize = 712;

/// Image and mask of one eye; the last third of the numbers is the testing set's, as 27 of 81 are.
///
/// # Errors
/// When a file cannot be written.
pub fn write_patient(root: &Path, patient: usize, rng: &mut ChaCha8Rng) -> Result<()> {
    let side = if patient.is_multiple_of(3) { "b. Testing Set" } else { "a. Training Set" };
    let images = root.join("1. Original Images").join(side);
    let masks = root.join("2. All Segmentation Groundtruths").join(side).join("5. Optic Disc");
    for folder in [&images, &masks] {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{}: cannot create the folder", folder.display()))?;
    }
    let eye = Eye::new(rng, patient.is_multiple_of(2));
    let picture = eye.draw(rng);
    let path = images.join(format!("IDRiD_{patient:02}.jpg"));
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 92).encode_image(&picture)?;
    std::fs::write(&path, jpeg)
        .with_context(|| format!("{}: cannot be written", path.display()))?;
    let path = masks.join(format!("IDRiD_{patient:02}_OD.tif"));
    let tiff = palette_tiff(|x, y| eye.disc.holds(x as f64, y as f64));
    std::fs::write(&path, tiff).with_context(|| format!("{}: cannot be written", path.display()))
}

struct Eye {
    field: Ellipse,
    disc: Ellipse,
    cup: Ellipse,
    fovea: [f64; 2],
    exudates: Vec<Ellipse>,
    vessels: Vec<f32>,
    texture: Texture,
    tint: [f64; 3],
}

impl Eye {
    fn new(rng: &mut ChaCha8Rng, diseased: bool) -> Self {
        let [w, h] = [WIDTH as f64, HEIGHT as f64];
        let left = rng.random_bool(0.5);
        let mirror = if left { 1.0 } else { -1.0 };
        let centre =
            [w / 2.0 + mirror * between(rng, 200.0, 260.0), h / 2.0 + between(rng, -40.0, 40.0)];
        let radius = between(rng, 56.0, 74.0);
        let disc = Ellipse {
            centre,
            radii: [radius, radius * between(rng, 0.9, 1.1)],
            angle: 0.3,
            wobble: 0.02,
        };
        let cup = disc.grown(-radius * between(rng, 0.4, 0.65));
        let fovea =
            [centre[0] - mirror * between(rng, 290.0, 330.0), centre[1] + between(rng, 0.0, 40.0)];
        let exudates = (0..if diseased { 25 } else { 0 })
            .map(|_| {
                let spot = [
                    fovea[0] + between(rng, -130.0, 130.0),
                    fovea[1] + between(rng, -130.0, 130.0),
                ];
                Ellipse::circle(spot, between(rng, 2.0, 8.0))
            })
            .collect();
        let tint = [between(rng, 0.9, 1.1), between(rng, 0.85, 1.15), between(rng, 0.8, 1.2)];
        Self {
            field: Ellipse::circle([w / 2.0, h / 2.0], 0.47 * w),
            disc,
            cup,
            fovea,
            exudates,
            vessels: vessels(rng, centre, mirror),
            texture: Texture::new(rng, WIDTH, 14.0),
            tint,
        }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> RgbImage {
        RgbImage::from_fn(WIDTH as u32, HEIGHT as u32, |px, py| {
            let [x, y] = [f64::from(px), f64::from(py)];
            let inside = self.field.cover(x, y);
            let far =
                (x - self.field.centre[0]).hypot(y - self.field.centre[1]) / self.field.radii[0];
            let light = (1.05 - 0.45 * far * far) * (1.0 + 0.06 * self.texture.at(x, y));
            let mut colour = [178.0, 84.0, 34.0];
            let macula = (x - self.fovea[0]).hypot(y - self.fovea[1]) / 70.0;
            let dark = 1.0 - 0.45 * (-macula * macula).exp();
            colour = colour.map(|c| c * dark);
            let paint = |colour: [f64; 3], over: [f64; 3], cover: f64| {
                [0, 1, 2].map(|i| mix(colour[i], over[i], cover))
            };
            for spot in &self.exudates {
                colour = paint(colour, [225.0, 200.0, 90.0], spot.cover(x, y));
            }
            colour = paint(colour, [238.0, 190.0, 104.0], self.disc.softened(x, y, 3.0));
            colour = paint(colour, [252.0, 228.0, 160.0], self.cup.softened(x, y, 8.0));
            let vessel = f64::from(self.vessels[py as usize * WIDTH + px as usize]).min(1.0);
            colour = paint(colour, [112.0, 34.0, 20.0], 0.8 * vessel);
            Rgb([0, 1, 2].map(|i| {
                let signal = colour[i] * light * self.tint[i] * inside + 2.0;
                // Photon noise grows with the root of the light.
                (signal + normal(rng, 0.35 * signal.max(0.0).sqrt())).round().clamp(0.0, 255.0)
                    as u8
            }))
        })
    }
}

/// Arcades that leave the disc upwards and downwards, bend around the fovea and branch; coverage per pixel.
fn vessels(rng: &mut ChaCha8Rng, disc: [f64; 2], mirror: f64) -> Vec<f32> {
    let mut canvas = vec![0.0_f32; WIDTH * HEIGHT];
    // Position, heading, bend per step, width, steps left.
    let mut tips: Vec<([f64; 2], f64, f64, f64, usize)> = Vec::new();
    for vertical in [-1.0, 1.0] {
        for temporal in [-1.0, 1.0, -0.5] {
            let heading = f64::atan2(vertical, mirror * temporal * between(rng, 0.3, 0.7));
            let bend = vertical * mirror * temporal.signum() * between(rng, 0.0, 0.0045);
            tips.push((disc, heading, bend, between(rng, 5.0, 8.0), 430));
        }
    }
    while let Some((mut at, mut heading, bend, mut width, steps)) = tips.pop() {
        for step in 0..steps {
            stamp(&mut canvas, at, width);
            heading += bend + normal(rng, 0.02);
            at = [at[0] + 1.5 * heading.cos(), at[1] + 1.5 * heading.sin()];
            width *= 0.9985;
            if width > 1.6 && rng.random_bool(0.012) && tips.len() < 200 {
                let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
                let turn = heading + side * between(rng, 0.4, 0.9);
                tips.push((at, turn, -side * 0.002, width * between(rng, 0.5, 0.75), steps - step));
            }
        }
    }
    canvas
}

fn stamp(canvas: &mut [f32], [x, y]: [f64; 2], width: f64) {
    let reach = (width / 2.0 + 1.0).ceil();
    let range = |centre: f64, limit: usize| {
        let low = (centre - reach).max(0.0) as usize;
        low..((centre + reach).max(0.0) as usize + 1).min(limit)
    };
    for row in range(y, HEIGHT) {
        for column in range(x, WIDTH) {
            let distance = (column as f64 - x).hypot(row as f64 - y);
            let cover = (width / 2.0 - distance + 0.5).clamp(0.0, 1.0) as f32;
            let pixel = &mut canvas[row * WIDTH + column];
            *pixel = pixel.max(cover);
        }
    }
}

/// A TIFF like the official masks: 1 bit per sample, palette with red for 1, uncompressed strips of 15 rows.
fn palette_tiff(foreground: impl Fn(usize, usize) -> bool) -> Vec<u8> {
    const ROWS_PER_STRIP: usize = 15;
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let row_bytes = WIDTH.div_ceil(8);
    let mut pixels = vec![0_u8; row_bytes * HEIGHT];
    for y in 0..HEIGHT {
        for x in (0..WIDTH).filter(|&x| foreground(x, y)) {
            pixels[y * row_bytes + x / 8] |= 0x80 >> (x % 8);
        }
    }
    let strips = HEIGHT.div_ceil(ROWS_PER_STRIP);
    let first = 8_u32;
    let mut offsets = Vec::new();
    let mut counts = Vec::new();
    for strip in 0..strips {
        let start = strip * ROWS_PER_STRIP * row_bytes;
        let end = (start + ROWS_PER_STRIP * row_bytes).min(pixels.len());
        offsets.push(first + start as u32);
        counts.push((end - start) as u32);
    }
    let mut tail = Vec::new(); // arrays that do not fit into a directory entry
    let base = first + pixels.len() as u32;
    let mut array = |bytes: &[u8]| {
        let at = base + tail.len() as u32;
        tail.extend_from_slice(bytes);
        at
    };
    let long_bytes =
        |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let offsets_at = array(&long_bytes(&offsets));
    let counts_at = array(&long_bytes(&counts));
    let palette_at = array(
        &[0, 65535, 0, 0, 0, 0].iter().flat_map(|v: &u16| v.to_le_bytes()).collect::<Vec<u8>>(),
    );
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, LONG, 1, WIDTH as u32),
        (257, LONG, 1, HEIGHT as u32),
        (258, SHORT, 1, 1),
        (259, SHORT, 1, 1),
        (262, SHORT, 1, 3),
        (273, LONG, strips as u32, offsets_at),
        (277, SHORT, 1, 1),
        (278, SHORT, 1, ROWS_PER_STRIP as u32),
        (279, LONG, strips as u32, counts_at),
        (320, SHORT, 6, palette_at),
    ];
    let directory = base + tail.len() as u32;
    let mut file = b"II*\0".to_vec();
    file.extend(directory.to_le_bytes());
    file.extend(pixels);
    file.extend(tail);
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file
}
