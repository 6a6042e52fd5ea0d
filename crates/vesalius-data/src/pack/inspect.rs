//! Counts of a pack: who, how many, which labels, which intensities.

use super::manifest::{PixelType, Split};
use crate::pack::{Pack, PackError};
use serde::Serialize;
use std::collections::BTreeSet;

/// Bins of an intensity histogram.
const BINS: usize = 64;

/// What is in a pack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Where the slices came from.
    pub provenance: String,
    /// Training side, then test side; a side without slices is left out.
    pub sides: Vec<Side>,
    /// Per channel: pixels in 64 equal bins from black to white.
    pub histograms: Vec<Vec<u64>>,
}

/// One side of the split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Which.
    pub split: Split,
    /// Number of patients.
    pub patients: usize,
    /// Number of examinations.
    pub cases: usize,
    /// Number of slices.
    pub slices: usize,
    /// Every class, the background included.
    pub classes: Vec<ClassCount>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassCount {
    /// Its name.
    pub name: String,
    /// Slices with at least one pixel of it.
    pub slices: usize,
    /// Share of all pixels.
    pub pixel_share: f64,
}

/// Reads every slice.
///
/// # Errors
/// When a slice was damaged.
pub fn summarise(pack: &Pack) -> Result<Summary, PackError> {
    let manifest = pack.manifest();
    let slice_shape = pack.slice_shape();
    let pixels = slice_shape.height * slice_shape.width;
    let mut histograms = vec![vec![0_u64; BINS]; slice_shape.channels];
    let mut sides = Vec::new();
    for split in Split::ALL {
        let indices = pack.indices(split);
        if indices.is_empty() {
            continue;
        }
        let mut slices = vec![0_usize; pack.classes()];
        let mut counts = vec![0_u64; pack.classes()];
        for &i in &indices {
            let slice = pack.slice(i)?;
            let mut present = [0_u64; 256];
            slice.labels.iter().for_each(|&label| present[usize::from(label)] += 1);
            for (class, &count) in present[..pack.classes()].iter().enumerate() {
                counts[class] += count;
                slices[class] += usize::from(count > 0);
            }
            for (histogram, plane) in histograms
                .iter_mut()
                .zip(slice.pixels.chunks_exact(pixels * slice_shape.pixel_type.bytes()))
            {
                // The high byte decides the bin.
                let skip = match slice_shape.pixel_type {
                    PixelType::U8 => 0,
                    PixelType::U16 => 1,
                };
                for &byte in plane.iter().skip(skip).step_by(slice_shape.pixel_type.bytes()) {
                    histogram[usize::from(byte) * BINS / 256] += 1;
                }
            }
        }
        let of = |name: fn(&super::manifest::CaseRecord) -> &str| {
            let names: BTreeSet<&str> = indices.iter().map(|&i| name(manifest.case(i))).collect();
            names.len()
        };
        let total = (indices.len() * pixels) as f64;
        sides.push(Side {
            split,
            patients: of(|case| &case.patient),
            cases: of(|case| &case.id),
            slices: indices.len(),
            classes: (0..pack.classes())
                .map(|class| ClassCount {
                    name: manifest.classes[class].clone(),
                    slices: slices[class],
                    pixel_share: counts[class] as f64 / total,
                })
                .collect(),
        });
    }
    Ok(Summary { provenance: manifest.provenance.describe(), sides, histograms })
}
