//! The third axis of a volume: which slices of the source its planes are made of.
//!
//! In-plane every slice is resampled as it always is (`resample`); along the axis the same triangle filter is applied,
//! stretched where planes are fewer than slices. Without a spacing of its own, planes are the source's slices, cut or
//! padded.

use super::settings::{Crop, Deep, Preprocess};
use crate::volume::Case;
use anyhow::{Context as _, Result, bail};

/// The kept range in the source's slices; it may reach outside.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Depth {
    /// First edge, in slices.
    pub(super) start: f64,
    /// Slices from edge to edge.
    pub(super) extent: f64,
    /// Of each plane, slices and their weights; those outside of the source are left out: they are black.
    taps: Vec<Vec<(usize, f32)>>,
}

impl Depth {
    /// Of one case.
    ///
    /// # Errors
    /// A case of one slice or of too few, or whose files do not say how far its slices are apart.
    pub(super) fn of(case: &Case, deep: &Deep, settings: &Preprocess) -> Result<Self> {
        let slices = case.volume.slices;
        if slices < 2 {
            bail!("one slice, expected a volume of several for --volume");
        }
        let geometry = case.geometry.context(
            "its files do not say how far slices are apart, or slices lie unevenly; expected one distance for --volume",
        )?;
        let own_mm = geometry.spacing_mm()[2];
        let between_mm = deep.between_mm.unwrap_or(own_mm);
        let extent = deep.planes as f64 * between_mm / own_mm;
        if 2.0 * (slices as f64) < extent {
            bail!(
                "{slices} slices of {own_mm:.2} mm, expected at least half of a volume of {} planes of {between_mm:.2} mm",
                deep.planes
            );
        }
        let centre = match settings.crop {
            Crop::Labels { .. } => label_centre(case)?,
            _ => slices as f64 / 2.0,
        };
        let start = centre - extent / 2.0;
        // Whole slices where nothing is resampled.
        let start = if deep.between_mm.is_none() { start.floor() } else { start };
        Ok(Self::between([start, extent], slices, deep.planes))
    }

    /// `planes` planes of a range (first edge, extent) of as many slices.
    pub(super) fn between([start, extent]: [f64; 2], slices: usize, planes: usize) -> Self {
        Self { start, extent, taps: taps([start, extent], slices, planes) }
    }

    /// Planes `[H, W]` of the volume, of all slices `[H, W]` of the source.
    pub(super) fn apply(&self, slices: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let size = slices.first().map_or(0, Vec::len);
        let plane = |taps: &Vec<(usize, f32)>| {
            let mut plane = vec![0.0_f32; size];
            for (slice, weight) in taps {
                plane.iter_mut().zip(&slices[*slice]).for_each(|(to, from)| *to += weight * from);
            }
            plane
        };
        self.taps.iter().map(plane).collect()
    }

    /// Whether a plane lies outside of the source altogether.
    pub(super) fn padded(&self) -> bool {
        self.taps.iter().any(Vec::is_empty)
    }

    /// Whether the middle of a slice is inside.
    pub(super) fn holds(&self, slice: usize) -> bool {
        let centre = slice as f64 + 0.5;
        centre >= self.start && centre < self.start + self.extent
    }
}

/// Weights of the triangle filter for `planes` planes of a range of slices, as `fast_image_resize` has them for rows: wide
/// as one plane or one slice, whatever is wider; black beyond the source, but nothing beyond source and range.
fn taps([start, extent]: [f64; 2], slices: usize, planes: usize) -> Vec<Vec<(usize, f32)>> {
    let scale = extent / planes as f64;
    let support = scale.max(1.0);
    let first = start.floor().min(0.0) as i64;
    let last = ((start + extent).ceil() as i64).max(slices as i64);
    (0..planes)
        .map(|plane| {
            let centre = start + (plane as f64 + 0.5) * scale;
            let from = ((centre - support).floor() as i64).max(first);
            let to = ((centre + support).ceil() as i64).min(last);
            let weight =
                |slice: i64| (1.0 - ((slice as f64 + 0.5 - centre) / support).abs()).max(0.0);
            let all: f64 = (from..to).map(weight).sum();
            (from..to)
                .filter(|slice| (0..slices as i64).contains(slice) && weight(*slice) > 0.0)
                .map(|slice| (slice as usize, (weight(slice) / all) as f32))
                .collect()
        })
        .collect()
}

/// Middle of all labelled voxels, in slices.
fn label_centre(case: &Case) -> Result<f64> {
    let [mut sum, mut count] = [0.0, 0.0];
    for slice in 0..case.labels.slices {
        let here = case.labels.plane(slice).iter().filter(|label| **label != 0).count() as f64;
        sum += here * (slice as f64 + 0.5);
        count += here;
    }
    if count == 0.0 {
        bail!("no labelled voxel, expected some to crop about");
    }
    Ok(sum / count)
}

#[cfg(test)]
mod tests;
