//! What a person looks at: a line per mask, and a picture of the worst ones.

use super::check::{Finding, most_broken};
use anyhow::Result;
use std::fmt::Write as _;
use vesalius_data::pack::Pack;
use vesalius_data::pictures::montage::{Tile, montage};
use vesalius_data::text::escape::csv;

/// Pairs in the picture.
const TILES: usize = 24;
/// Pairs in a row of it.
const COLUMNS: usize = 6;

/// `checks.csv`: of every slice its index, its case, the Dice of the real-data U-Net with its mask (mean over the
/// classes counted there; empty where none is) and the rules it breaks, `; ` between them.
///
/// # Panics
/// When the lengths differ.
pub fn checks_csv(
    pack: &Pack,
    findings: &[Finding],
    names: &[String],
    dice: &[Option<f64>],
) -> String {
    assert_eq!((findings.len(), dice.len()), (pack.len(), pack.len()), "one entry per slice");
    let mut text = "index,case,pair_dice,broken_rules\n".to_owned();
    for (i, (finding, dice)) in findings.iter().zip(dice).enumerate() {
        let broken: Vec<&str> = finding.broken.iter().map(|&rule| names[rule].as_str()).collect();
        let dice = dice.map_or(String::new(), |dice| format!("{dice:.4}"));
        let case = csv(&pack.manifest().case(i).id);
        let _ = writeln!(text, "{i},{case},{dice},{}", csv(&broken.join("; ")));
    }
    text
}

/// The implausible pairs that break most, worst first: their indices, and a PNG of them with outlines, row by row.
/// `None` where every pair is plausible.
///
/// # Errors
/// When a slice was damaged on the disk.
pub fn picture(pack: &Pack, findings: &[Finding]) -> Result<Option<(Vec<usize>, Vec<u8>)>> {
    let mut worst = most_broken(findings);
    if worst.is_empty() {
        return Ok(None);
    }
    worst.truncate(TILES);
    let tiles: Vec<Tile> = worst
        .iter()
        .map(|&i| {
            let slice = pack.slice(i)?;
            Ok(Tile { pixels: slice.pixels, labels: slice.labels })
        })
        .collect::<Result<_>>()?;
    let png = montage(&tiles, pack.slice_shape(), COLUMNS, None)?;
    Ok(Some((worst, png)))
}
