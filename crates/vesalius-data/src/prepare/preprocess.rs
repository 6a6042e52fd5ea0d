//! From a case to slices of one size: window, frame (spacing and crop), antialiased resampling, integers.
//!
//! Spacing, crop and size are one affine map, so every image is interpolated once. Images are resampled with the
//! triangle filter stretched by the reduction factor (PIL's and PyTorch's antialiased bilinear); masks as one
//! probability map per class with the same filter, then arg-max, which never invents a label between two others.

mod range;

pub use range::{RangeUsed, notes_on_range};

use super::frame::Frame;
use super::resample::Resampler;
use super::settings::{Preprocess, SliceChoice, Window};
use crate::pack::manifest::PixelType;
use crate::pack::source_grid::SourceGrid;
use crate::volume::{Case, Volume};
use anyhow::{Context, Result, bail};
use std::borrow::Cow;

/// Slices of one case, ready for the pack.
#[derive(Debug)]
pub struct Prepared {
    /// Position in the volume, pixel bytes `[C, H, W]`, labels `[H, W]`.
    pub slices: Vec<(usize, Vec<u8>, Vec<u8>)>,
    /// Spacing of the pack's pixels in mm.
    pub spacing_mm: Option<[f64; 2]>,
    /// From one slice to the next in mm, of a volume.
    pub between_mm: Option<f64>,
    /// Where they were cut out of the source.
    pub source_grid: SourceGrid,
    /// Share of the labelled pixels that the crop cut off.
    pub cut_off: f64,
    /// Intensities that became black and white, in the source's units: of all channels, or of each.
    pub windows: Vec<[f32; 2]>,
    /// How much of its type's range the case uses, where the window is that range.
    pub range_used: Option<RangeUsed>,
}

/// Applies the settings to one case, whose labels are below `classes`. Sequences have a window each, colour has one.
///
/// # Errors
/// A spacing is asked for and the files have none, a window that holds no contrast, labels to crop about that are
/// not there.
pub fn prepare_case(case: &Case, settings: &Preprocess, classes: usize) -> Result<Prepared> {
    let several = case.sequences.len();
    if several > 0 && settings.channels.is_some_and(|wanted| wanted != several) {
        bail!(
            "{several} sequences ({}) are no colours, expected --modalities to choose some, not --channels",
            case.sequences.join(", ")
        );
    }
    let windows = limits(case, settings.window)?;
    let thresholds: Vec<f32> =
        windows.iter().map(|[low, high]| low + 0.05 * (high - low)).collect();
    let frame = Frame::of(case, settings, &thresholds)?;
    let channels = settings.channels.unwrap_or(case.volume.channels);
    let mut kept = Vec::with_capacity(case.volume.slices);
    let mut resampler =
        Resampler::new(frame, [case.volume.height, case.volume.width], settings.size);
    for position in 0..case.volume.slices {
        let labels = resampler.labels(case.labels.plane(position), classes)?;
        if settings.slices == SliceChoice::Labelled && labels.iter().all(|&label| label == 0) {
            continue;
        }
        let mut pixels = Vec::new();
        let planes = planes(&case.volume, position, channels, &windows)?;
        for (plane, [low, high]) in planes.into_iter().zip(windows.iter().copied().cycle()) {
            let unit: Vec<f32> =
                plane.iter().map(|v| ((v - low) / (high - low)).clamp(0.0, 1.0)).collect();
            quantise(&resampler.image(&unit)?, settings.depth, &mut pixels);
        }
        if channels == 3 && case.volume.channels == 1 {
            let once = pixels.clone();
            pixels.extend_from_slice(&once);
            pixels.extend_from_slice(&once);
        }
        kept.push((position, pixels, labels));
    }
    let spacing_mm = case.spacing_mm.map(|[row, column]| {
        [
            row * frame.height / settings.size[0] as f64,
            column * frame.width / settings.size[1] as f64,
        ]
    });
    // What a header calls the distance of slices is the thickness where there is one slice.
    let volume = case.geometry.filter(|_| case.volume.slices > 1);
    let between_mm = volume.map(|geometry| geometry.spacing_mm()[2]);
    let source_grid = SourceGrid {
        shape: [case.volume.slices, case.volume.height, case.volume.width],
        frame: [frame.top, frame.left, frame.height, frame.width],
        geometry: case.geometry,
        stored: case.stored,
    };
    let full = settings.window == Window::Full {};
    let range_used = if full { RangeUsed::of(&case.volume) } else { None };
    let cut_off = frame.cut_off(case);
    Ok(Prepared { slices: kept, spacing_mm, between_mm, source_grid, cut_off, windows, range_used })
}

/// Planes of one slice: as stored, or luma, with `black` in all that was not measured, whatever the window. Repeating
/// grey is left to the caller, after resampling.
fn planes<'a>(
    volume: &'a Volume,
    position: usize,
    channels: usize,
    windows: &[[f32; 2]],
) -> Result<Vec<Cow<'a, [f32]>>> {
    let plane = |channel: usize| -> Cow<'a, [f32]> {
        let [black, _] = windows[channel % windows.len()];
        let (values, padded) = (volume.plane(position, channel), volume.padded(position, channel));
        if !padded.contains(&true) {
            return values.into();
        }
        let measured = values.iter().zip(padded);
        measured.map(|(value, padded)| if *padded { black } else { *value }).collect()
    };
    match (volume.channels, channels) {
        (have, want) if have == want => Ok((0..have).map(plane).collect()),
        (1, 3) => Ok(vec![plane(0)]),
        (3, 1) => {
            let [r, g, b] = [0, 1, 2].map(plane);
            let luma = r.iter().zip(&*g).zip(&*b).map(|((r, g), b)| {
                // Of equal channels exactly their value: grey stored as colour loses nothing.
                if r == g && g == b { *r } else { 0.299 * r + 0.587 * g + 0.114 * b }
            });
            Ok(vec![luma.collect()])
        }
        (have, want) => bail!("{have} channels, expected {want}, or 1 or 3 to convert from"),
    }
}

/// Black and white, of all channels together or of each.
fn limits(case: &Case, window: Window) -> Result<Vec<[f32; 2]>> {
    if case.sequences.is_empty() {
        return Ok(vec![limits_of(case, window, case.volume.measured())?]);
    }
    (0..case.volume.channels)
        .map(|channel| {
            limits_of(case, window, case.volume.measured_of(channel))
                .with_context(|| case.sequences[channel].clone())
        })
        .collect()
}

fn limits_of(case: &Case, window: Window, mut values: Vec<f32>) -> Result<[f32; 2]> {
    let [low, high] = match window {
        Window::Range { low, high } => [low as f32, high as f32],
        Window::Full {} => case.volume.full_range.context(
            "window `full`: the stored type has no natural range, or channels have several; expected percentile or range",
        )?,
        Window::Percentile { low, high } => {
            if values.is_empty() {
                bail!("an image of padding alone, expected some measured pixels");
            }
            let last = (values.len() - 1) as f64;
            let mut at = |percent: f64| {
                let index = (percent / 100.0 * last).round() as usize;
                *values.select_nth_unstable_by(index, f32::total_cmp).1
            };
            [at(low), at(high)]
        }
    };
    if low >= high {
        bail!("intensities from {low} to {high} inside the window, expected some contrast");
    }
    Ok([low, high])
}

pub(super) fn quantise(unit: &[f32], depth: PixelType, out: &mut Vec<u8>) {
    let max = f32::from(depth.max());
    let integers = unit.iter().map(|v| (v.clamp(0.0, 1.0) * max).round() as u16);
    match depth {
        PixelType::U8 => out.extend(integers.map(|v| v as u8)),
        PixelType::U16 => out.extend(integers.flat_map(u16::to_le_bytes)),
    }
}

#[cfg(test)]
mod tests;
