//! What `turing score` writes beside `result.json`: every answer as CSV, and the images that convinced most and least.

use super::Kind;
use super::score::{Opinion, Reading, opinions};
use super::store::Turing;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use vesalius_data::pack::manifest::{PixelType, SliceShape};
use vesalius_data::pictures::montage::{Tile, montage};
use vesalius_data::text::escape;

/// Images in a picture of the most or least convincing.
const SHOWN: usize = 8;
/// Of those in a row.
const COLUMNS: usize = 4;

/// A picture of several images: its name, its PNG, and what readers thought of each image.
pub type Sheet = (&'static str, Vec<u8>, Vec<Opinion>);

/// Every answer: a line per reader and image. Names of readers are text.
pub fn csv(readings: &[Reading]) -> String {
    let mut text =
        "reader,place,picture,kind,slice,verdict,confidence,right,secs_to_first_answer\n"
            .to_owned();
    for reading in readings {
        for judged in &reading.judged {
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{},{},{:.3}",
                escape::csv(&reading.reader),
                judged.place + 1,
                judged.picture,
                judged.kind.name(),
                judged.slice,
                judged.rating.verdict.name(),
                judged.rating.confidence,
                u8::from(judged.kind == judged.rating.verdict),
                f64::from(judged.viewed_ms) / 1000.0
            );
        }
    }
    text
}

/// `most-convincing.png` and `least-convincing.png`: the synthetic images that were most surely taken for real and for
/// synthetic. Gives names, files, and of each its images.
///
/// # Errors
/// When the test's file is damaged.
pub fn pictures(turing: &Turing, readings: &[Reading]) -> Result<Vec<Sheet>> {
    let mut synthetic = opinions(readings);
    synthetic.retain(|opinion| opinion.kind == Kind::Synthetic);
    if synthetic.is_empty() {
        return Ok(vec![]);
    }
    let shown = SHOWN.min(synthetic.len());
    let most = synthetic[..shown].to_vec();
    let least: Vec<Opinion> = synthetic.iter().rev().take(shown).cloned().collect();
    [("most-convincing", most), ("least-convincing", least)]
        .into_iter()
        .map(|(name, opinions)| Ok((name, sheet(turing, &opinions)?, opinions)))
        .collect()
}

fn sheet(turing: &Turing, opinions: &[Opinion]) -> Result<Vec<u8>> {
    let mut slices: Vec<(Vec<u8>, Vec<u8>)> = vec![];
    let mut slice_shape =
        SliceShape { channels: 1, planes: 1, height: 1, width: 1, pixel_type: PixelType::U8 };
    let planes = turing.about().planes;
    for opinion in opinions {
        let (image, mask) = turing.by_row(opinion.picture)?;
        let image = image::load_from_memory(&image).context("a stored picture")?;
        let mask = image::load_from_memory(&mask).context("a stored mask")?.to_luma8();
        slice_shape.height = image.height() as usize / planes;
        slice_shape.width = image.width() as usize;
        let pixels = if image.color().has_color() {
            slice_shape.channels = 3;
            let interleaved = image.to_rgb8().into_raw();
            let plane = |of: &[u8]| -> Vec<u8> {
                (0..3).flat_map(|c| of.iter().skip(c).step_by(3).copied()).collect()
            };
            interleaved.chunks_exact(interleaved.len() / planes).flat_map(plane).collect()
        } else {
            image.to_luma8().into_raw()
        };
        // Planes of a volume are a row.
        let each = |bytes: &[u8]| -> Vec<Vec<u8>> {
            bytes.chunks_exact(bytes.len() / planes).map(<[u8]>::to_vec).collect()
        };
        slices.extend(each(&pixels).into_iter().zip(each(&mask)));
    }
    let tiles: Vec<Tile> = slices.iter().map(|(pixels, labels)| Tile { pixels, labels }).collect();
    let columns = if planes > 1 { planes } else { COLUMNS };
    montage(&tiles, slice_shape, columns, None)
}
