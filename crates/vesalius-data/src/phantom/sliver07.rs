//! SLiver07 phantoms: abdominal CT in Hounsfield units as `liver-origNNN.mhd/.raw` with `liver-segNNN.mhd/.raw`; every
//! third liver holds lesions.

use super::draw::{Ellipse, Texture, between, mix, normal};
use anyhow::{Context, Result};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const SIDE: usize = 256;
const FIELD_MM: f64 = 360.0;

/// Both volumes of a patient.
///
/// # Errors
/// When a file cannot be written.
pub fn write_patient(root: &Path, patient: usize, rng: &mut ChaCha8Rng) -> Result<()> {
    let slices = between(rng, 28.0, 40.0) as usize;
    let spacing = FIELD_MM / SIDE as f64;
    let texture = Texture::new(rng, SIDE, 6.0);
    let px = |mm: f64| mm / spacing;
    let middle = SIDE as f64 / 2.0;
    let at = |dx: f64, dy: f64| [middle + px(dx), middle + px(dy)];
    let size = between(rng, 0.9, 1.12);
    let turn = between(rng, -0.2, 0.2);
    let lesions: Vec<([f64; 3], f64)> = if patient.is_multiple_of(3) {
        (0..4)
            .map(|_| {
                let centre = [
                    between(rng, -110.0, -20.0),
                    between(rng, -60.0, 30.0),
                    between(rng, 0.3, 0.7),
                ];
                (centre, between(rng, 6.0, 16.0))
            })
            .collect()
    } else {
        vec![]
    };
    let [mut image, mut labels] = [Vec::new(), Vec::new()];
    for slice in 0..slices {
        let z = slice as f64 / (slices - 1) as f64; // 0 at the feet
        let bulge = (1.0 - (2.0 * (z - 0.55) / 1.0).powi(2)).max(0.0).sqrt();
        let body = Ellipse {
            centre: at(0.0, 0.0),
            radii: [px(160.0 * size), px(112.0 * size)],
            angle: 0.0,
            wobble: 0.01,
        };
        let liver = Ellipse {
            centre: at(-62.0 + 18.0 * z, -18.0),
            radii: [px(78.0 * size * bulge).max(0.1), px(66.0 * size * bulge).max(0.1)],
            angle: 0.35 + turn,
            wobble: 0.09,
        };
        let spleen = Ellipse {
            centre: at(98.0, 20.0),
            radii: [px(26.0), px(44.0 * bulge).max(0.1)],
            angle: -0.3,
            wobble: 0.04,
        };
        let stomach = Ellipse {
            centre: at(58.0, -38.0),
            radii: [px(38.0), px(30.0)],
            angle: turn,
            wobble: 0.06,
        };
        let spine = Ellipse::circle(at(0.0, 62.0), px(22.0));
        let aorta = Ellipse::circle(at(8.0, 30.0), px(11.0));
        let kidneys = [-1.0, 1.0].map(|side| Ellipse {
            centre: at(side * 62.0, 56.0),
            radii: [px(24.0), px(30.0)],
            angle: 0.0,
            wobble: 0.05,
        });
        for row in 0..SIDE {
            for column in 0..SIDE {
                let [x, y] = [column as f64, row as f64];
                let fine = texture.at(x, y);
                let mut hu = mix(-1000.0, -100.0 + 10.0 * fine, body.cover(x, y));
                let inside = body.grown(px(-18.0));
                hu = mix(hu, 45.0 + 8.0 * fine, inside.cover(x, y));
                hu = mix(hu, -90.0 + 15.0 * fine, inside.grown(px(-10.0)).cover(x, y));
                for kidney in &kidneys {
                    hu = mix(hu, 150.0, kidney.cover(x, y) * f64::from(u8::from(z < 0.6)));
                }
                hu = mix(hu, 35.0 + 25.0 * fine, stomach.cover(x, y));
                hu = mix(hu, 115.0, spleen.cover(x, y));
                hu = mix(hu, 105.0 + 10.0 * fine, liver.cover(x, y));
                let own = liver.holds(x, y) && body.holds(x, y);
                for ([dx, dy, level], radius) in &lesions {
                    let reach = radius * radius - ((z - level) * 120.0).powi(2);
                    if own && reach > 0.0 {
                        let lesion = Ellipse::circle(at(*dx, *dy), px(reach.sqrt()));
                        hu = mix(hu, 55.0, lesion.cover(x, y));
                    }
                }
                hu = mix(hu, 180.0, aorta.cover(x, y));
                hu = mix(hu, 380.0 + 120.0 * fine, spine.cover(x, y));
                // Photon noise: more where more is absorbed.
                let sigma = if body.holds(x, y) { 14.0 } else { 6.0 };
                let value = (hu + normal(rng, sigma)).round().clamp(-1024.0, 3071.0) as i16;
                image.extend_from_slice(&value.to_le_bytes());
                // A lesion is part of the liver, the aorta and the spine are not.
                let covered = aorta.holds(x, y) || spine.holds(x, y);
                labels.push(u8::from(own && !covered));
            }
        }
    }
    for (stem, element, bytes) in [("orig", "MET_SHORT", &image), ("seg", "MET_UCHAR", &labels)] {
        let name = format!("liver-{stem}{patient:03}");
        let header = format!(
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n\
             CompressedData = False\nElementSpacing = {spacing} {spacing} 5\nDimSize = {SIDE} {SIDE} {slices}\n\
             ElementType = {element}\nElementDataFile = {name}.raw\n"
        );
        let failure = || format!("{}: {name} cannot be written", root.display());
        std::fs::write(root.join(format!("{name}.raw")), bytes).with_context(failure)?;
        std::fs::write(root.join(format!("{name}.mhd")), header).with_context(failure)?;
    }
    Ok(())
}
