//! ACDC phantoms: short-axis stacks at end-diastole and end-systole, in the official layout with `Info.cfg`.
//!
//! The five groups differ as the challenge defines them: dilated (DCM) and thick (HCM) left ventricles, infarcts that
//! do not thicken (MINF), large right ventricles (RV), and normal ones (NOR).

use super::draw::{BiasField, Ellipse, Texture, between, mix, rician};
use crate::formats::nifti;
use anyhow::{Context, Result};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const GROUPS: [&str; 5] = ["NOR", "DCM", "HCM", "MINF", "RV"];
/// Share of the patients that go to `testing/`, as in the challenge's 50 of 150.
const TEST_SHARE: f64 = 1.0 / 3.0;

/// A heart at one phase, in mm.
#[derive(Clone, Copy)]
struct Heart {
    lv_radius: f64,
    wall: f64,
    rv_reach: f64,
}

fn hearts(group: &str, rng: &mut ChaCha8Rng) -> [Heart; 2] {
    let vary = between(rng, 0.9, 1.1);
    let (lv, wall, rv) = match group {
        "DCM" => (33.0, 8.0, 26.0),
        "HCM" => (21.0, 16.0, 24.0),
        "RV" => (23.0, 9.0, 40.0),
        "MINF" => (28.0, 8.5, 26.0),
        _ => (24.0, 9.5, 27.0),
    };
    let shrink = match group {
        "DCM" => 0.88,
        "HCM" => 0.5,
        "MINF" => 0.8,
        _ => 0.62,
    };
    let diastole = Heart { lv_radius: lv * vary, wall: wall * vary, rv_reach: rv * vary };
    let systole = Heart {
        lv_radius: diastole.lv_radius * shrink,
        wall: diastole.wall * (1.0 + 0.7 * (1.0 - shrink)),
        rv_reach: diastole.rv_reach * if group == "RV" { 0.85 } else { 0.7 },
    };
    [diastole, systole]
}

/// The patient's folder `training/patientNNN` or `testing/patientNNN` below `root`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_patient(root: &Path, patient: usize, of: usize, rng: &mut ChaCha8Rng) -> Result<()> {
    let group = GROUPS[(patient - 1) % GROUPS.len()];
    let tested = (patient as f64) > of as f64 * (1.0 - TEST_SHARE) && of > 1;
    let side = if tested { "testing" } else { "training" };
    let name = format!("patient{patient:03}");
    let folder = root.join(side).join(&name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{}: cannot create the folder", folder.display()))?;

    let spacing = between(rng, 1.37, 1.68);
    let height = between(rng, 200.0, 240.0) as usize;
    let width = between(rng, 190.0, 220.0) as usize;
    let slices = between(rng, 7.0, 11.0) as usize;
    let systole_frame = between(rng, 9.0, 14.0) as usize;
    let scene = Scene::new(rng, [height, width], spacing);
    let [diastole, systole] = hearts(group, rng);
    let info = format!(
        "ED: 1\nES: {systole_frame}\nGroup: {group}\nHeight: {:.1}\nNbFrame: 30\nWeight: {:.1}\n",
        between(rng, 150.0, 190.0),
        between(rng, 50.0, 100.0)
    );
    std::fs::write(folder.join("Info.cfg"), info)
        .with_context(|| format!("{}: Info.cfg cannot be written", folder.display()))?;
    for (frame, heart) in [(1, diastole), (systole_frame, systole)] {
        let mut image = Vec::with_capacity(slices * height * width);
        let mut labels = Vec::with_capacity(slices * height * width);
        for slice in 0..slices {
            scene.draw(
                rng,
                heart,
                group,
                slice as f64 / (slices - 1) as f64,
                &mut image,
                &mut labels,
            );
        }
        let shape = [slices, height, width];
        let stem = format!("{name}_frame{frame:02}");
        let spacing_mm = [10.0, spacing, spacing];
        nifti::write_i16(&folder.join(format!("{stem}.nii.gz")), shape, image, spacing_mm)?;
        nifti::write_u8(&folder.join(format!("{stem}_gt.nii.gz")), shape, labels, spacing_mm)?;
    }
    Ok(())
}

/// What stays the same over slices and phases of a patient.
struct Scene {
    size: [usize; 2],
    /// Pixels per mm.
    scale: f64,
    body: Ellipse,
    lungs: [Ellipse; 2],
    liver: Ellipse,
    heart: [f64; 2],
    /// Direction from the left to the right ventricle.
    angle: f64,
    squash: f64,
    bias: BiasField,
    texture: Texture,
    trabeculae: Texture,
    scar: f64,
    gain: f64,
}

impl Scene {
    fn new(rng: &mut ChaCha8Rng, size: [usize; 2], spacing: f64) -> Self {
        let scale = 1.0 / spacing;
        let [h, w] = size.map(|n| n as f64);
        let centre = [w / 2.0, h / 2.0];
        let heart = [
            centre[0] + between(rng, -4.0, 8.0) * scale,
            centre[1] + between(rng, -8.0, 8.0) * scale,
        ];
        let ellipse = |dx: f64, dy: f64, rx: f64, ry: f64, angle: f64| Ellipse {
            centre: [heart[0] + dx * scale, heart[1] + dy * scale],
            radii: [rx * scale, ry * scale],
            angle,
            wobble: 0.05,
        };
        Self {
            size,
            scale,
            body: Ellipse { centre, radii: [0.47 * w, 0.46 * h], angle: 0.0, wobble: 0.03 },
            lungs: [
                ellipse(78.0, between(rng, -20.0, 10.0), 46.0, 75.0, 0.2),
                ellipse(-88.0, between(rng, -30.0, 0.0), 42.0, 62.0, -0.2),
            ],
            liver: ellipse(-55.0, between(rng, 65.0, 80.0), 60.0, 42.0, 0.3),
            heart,
            angle: std::f64::consts::PI + between(rng, -0.5, 0.4),
            squash: between(rng, 0.9, 1.0),
            bias: BiasField::new(rng),
            texture: Texture::new(rng, size[0].max(size[1]), 9.0),
            trabeculae: Texture::new(rng, size[0].max(size[1]), 3.0),
            scar: between(rng, -3.0, 3.0),
            gain: between(rng, 0.8, 1.3),
        }
    }

    /// Appends one slice; `depth` 0 at the base, 1 at the apex.
    fn draw(
        &self,
        rng: &mut ChaCha8Rng,
        heart: Heart,
        group: &str,
        depth: f64,
        image: &mut Vec<i16>,
        labels: &mut Vec<u8>,
    ) {
        let taper = (1.0 - (0.05 + 0.88 * depth).powi(2)).sqrt();
        let drift = 6.0 * self.scale * depth;
        let centre = [self.heart[0] + drift, self.heart[1] + 0.5 * drift];
        let radius = heart.lv_radius * self.scale * taper;
        let cavity = Ellipse {
            centre,
            radii: [radius, radius * self.squash],
            angle: self.angle,
            wobble: 0.02,
        };
        let wall = cavity.grown(heart.wall * self.scale * (0.6 + 0.4 * taper));
        let reach = heart.rv_reach * self.scale * taper * (1.0 - (depth / 0.85).powi(4)).max(0.0);
        let direction = [self.angle.cos(), self.angle.sin()];
        let offset = wall.radii[0] * 0.55 + reach * 0.35;
        let right = Ellipse {
            centre: [centre[0] + direction[0] * offset, centre[1] + direction[1] * offset],
            radii: [
                (wall.radii[0] * 0.45 + reach * 0.65).max(0.1),
                (wall.radii[1] * 0.62 + reach * 0.45).max(0.1),
            ],
            angle: self.angle,
            wobble: 0.05,
        };
        let has_right = reach > 2.0;
        let fat = wall.grown(5.0 * self.scale);
        let [h, w] = self.size.map(|n| n as f64);
        for row in 0..self.size[0] {
            for column in 0..self.size[1] {
                let [x, y] = [column as f64, row as f64];
                let fine = self.texture.at(x, y);
                let body = self.body.cover(x, y);
                // Air, then subcutaneous fat, then muscle.
                let mut signal = mix(4.0, 190.0 + 20.0 * fine, body);
                signal =
                    mix(signal, 85.0 + 12.0 * fine, self.body.grown(-9.0 * self.scale).cover(x, y));
                signal = mix(signal, 95.0 + 10.0 * fine, self.liver.cover(x, y));
                for lung in &self.lungs {
                    let inside = lung.cover(x, y) * self.body.grown(-14.0 * self.scale).cover(x, y);
                    signal = mix(signal, 18.0 + 6.0 * fine, inside);
                }
                signal = mix(signal, 150.0 + 20.0 * fine, fat.cover(x, y) * 0.6);
                let rough = self.trabeculae.at(x, y);
                if has_right {
                    signal = mix(signal, 195.0 + 14.0 * rough, right.cover(x, y));
                }
                let angle = || (y - centre[1]).atan2(x - centre[0]);
                let infarct = group == "MINF" && (angle() - self.scar).cos() > 0.75;
                let muscle = if infarct { 110.0 } else { 70.0 } + 8.0 * fine;
                signal = mix(signal, muscle, wall.cover(x, y));
                signal = mix(signal, 210.0 + 12.0 * rough, cavity.cover(x, y));
                let bias = self.bias.at(2.0 * x / w - 1.0, 2.0 * y / h - 1.0);
                let value = rician(rng, signal * bias * self.gain, 7.0);
                image.push(value.round().clamp(0.0, 4000.0) as i16);
                labels.push(if cavity.holds(x, y) {
                    3
                } else if wall.holds(x, y) {
                    2
                } else {
                    u8::from(has_right && right.holds(x, y))
                });
            }
        }
    }
}
