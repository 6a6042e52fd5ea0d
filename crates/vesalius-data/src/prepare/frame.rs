//! Which rectangle of a slice is kept: spacing, crop and aspect ratio as one frame in the source's pixels.

use super::settings::{Crop, Preprocess};
use crate::volume::Case;
use anyhow::{Result, bail};

/// The kept rectangle in the source's pixel coordinates; it may reach outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) top: f64,
    pub(super) left: f64,
    pub(super) height: f64,
    pub(super) width: f64,
}

impl Frame {
    /// Of one case; `thresholds`: what counts as brighter than the background, of all channels or of each.
    pub(super) fn of(case: &Case, settings: &Preprocess, thresholds: &[f32]) -> Result<Self> {
        let [rows, columns] = [case.volume.height, case.volume.width].map(|n| n as f64);
        // Source pixels per pixel of the wanted spacing.
        let scale = match (settings.spacing_mm, case.spacing_mm) {
            (None, _) => [1.0, 1.0],
            (Some(wanted), Some(spacing)) => spacing.map(|s| wanted / s),
            (Some(wanted), None) => {
                bail!("no spacing in the header, expected one to resample to {wanted} mm")
            }
        };
        let about = |centre: [f64; 2], size: [usize; 2]| {
            let [height, width] = [size[0] as f64 * scale[0], size[1] as f64 * scale[1]];
            // Whole source pixels where nothing is resampled.
            let start = |centre: f64, extent: f64| {
                let start = centre - extent / 2.0;
                if settings.spacing_mm.is_none() { start.floor() } else { start }
            };
            Self { top: start(centre[0], height), left: start(centre[1], width), height, width }
        };
        let aspect = settings.size[0] as f64 / settings.size[1] as f64;
        Ok(match settings.crop {
            Crop::None {} if settings.spacing_mm.is_some() => {
                about([rows / 2.0, columns / 2.0], settings.size)
            }
            Crop::None {} => {
                Self { top: 0.0, left: 0.0, height: rows, width: columns }.widened(aspect)
            }
            Crop::Centre { size } => about([rows / 2.0, columns / 2.0], size),
            Crop::Foreground { margin } => {
                Self::foreground(case, thresholds, margin)?.widened(aspect)
            }
            Crop::Labels { size } => about(label_centre(case)?, size),
        })
    }

    fn foreground(case: &Case, thresholds: &[f32], margin: usize) -> Result<Self> {
        let volume = &case.volume;
        let [mut top, mut left] = [volume.height, volume.width];
        let [mut bottom, mut right] = [0, 0];
        let pixels = volume.height * volume.width;
        for (at, plane) in volume.values.chunks_exact(pixels).enumerate() {
            let threshold = thresholds[at % volume.channels % thresholds.len()];
            let padding = volume.padding.get(at * pixels..(at + 1) * pixels).unwrap_or(&[]);
            for (y, row) in plane.chunks_exact(volume.width).enumerate() {
                // Padding is no foreground, whatever value stands in it.
                let padded = |x: usize| padding.get(y * volume.width + x) == Some(&true);
                let bright = |x: &usize| row[*x] > threshold && !padded(*x);
                let Some(first) = (0..row.len()).find(bright) else { continue };
                let last = (0..row.len()).rfind(bright).unwrap_or(first);
                (top, bottom) = (top.min(y), bottom.max(y + 1));
                (left, right) = (left.min(first), right.max(last + 1));
            }
        }
        if top >= bottom {
            let least: Vec<String> = thresholds.iter().map(ToString::to_string).collect();
            bail!("nothing brighter than {}, expected a foreground to crop to", least.join(", "));
        }
        let [top, left] = [top, left].map(|edge| edge.saturating_sub(margin) as f64);
        let bottom = (bottom + margin).min(volume.height) as f64;
        let right = (right + margin).min(volume.width) as f64;
        Ok(Self { top, left, height: bottom - top, width: right - left })
    }

    /// The smallest frame of this aspect ratio (height / width) with the same centre that holds all of it.
    fn widened(self, aspect: f64) -> Self {
        let height = self.height.max(self.width * aspect);
        let width = self.width.max(self.height / aspect);
        Self {
            top: self.top - (height - self.height) / 2.0,
            left: self.left - (width - self.width) / 2.0,
            height,
            width,
        }
    }

    /// Share of the labelled pixels that lie outside, or in slices that are not kept.
    pub(super) fn cut_off(&self, case: &Case, keeps: &dyn Fn(usize) -> bool) -> f64 {
        let [mut all, mut outside] = [0_u64, 0];
        let inside = |at: usize, start: f64, extent: f64| {
            let centre = at as f64 + 0.5;
            centre >= start && centre < start + extent
        };
        let planes = case.labels.values.chunks_exact(case.labels.height * case.labels.width);
        for (slice, plane) in planes.enumerate() {
            for (i, _) in plane.iter().enumerate().filter(|(_, label)| **label != 0) {
                let (y, x) = (i / case.labels.width, i % case.labels.width);
                all += 1;
                let kept = keeps(slice)
                    && inside(y, self.top, self.height)
                    && inside(x, self.left, self.width);
                outside += u64::from(!kept);
            }
        }
        outside as f64 / all.max(1) as f64
    }
}

fn label_centre(case: &Case) -> Result<[f64; 2]> {
    let [mut rows, mut columns, mut count] = [0.0; 3];
    for plane in case.labels.values.chunks_exact(case.labels.height * case.labels.width) {
        for (i, _) in plane.iter().enumerate().filter(|(_, label)| **label != 0) {
            rows += (i / case.labels.width) as f64 + 0.5;
            columns += (i % case.labels.width) as f64 + 0.5;
            count += 1.0;
        }
    }
    if count == 0.0 {
        bail!("no labelled pixel, expected some to crop about");
    }
    Ok([rows / count, columns / count])
}

#[cfg(test)]
mod tests;
