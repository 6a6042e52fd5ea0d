//! From a case to slices of one size: window, frame (spacing and crop), antialiased resampling, integers.
//!
//! Spacing, crop and size are one affine map, so every image is interpolated once. Images are resampled with the
//! triangle filter stretched by the reduction factor (PIL's and PyTorch's antialiased bilinear); masks as one
//! probability map per class with the same filter, then arg-max, which never invents a label between two others.

mod range;

pub use range::{RangeUsed, notes_on_range};

use super::depth::Depth;
use super::frame::Frame;
use super::resample::{Resampler, Winners};
use super::settings::{Preprocess, SliceChoice, Window};
use crate::pack::PackWriter;
use crate::pack::manifest::{PixelType, SliceRecord};
use crate::pack::source_grid::SourceGrid;
use crate::volume::{Case, Volume};
use anyhow::{Context, Result, bail};
use std::borrow::Cow;

/// A slice of the pack: its position in the source's volume (of a plane, in the pack's), pixel bytes `[C, H, W]`, labels
/// `[H, W]`.
pub type Cut = (usize, Vec<u8>, Vec<u8>);

/// Slices of one case, or planes of a volume, ready for the pack.
#[derive(Debug)]
pub struct Prepared {
    /// In order.
    pub slices: Vec<Cut>,
    /// Spacing of the pack's pixels in mm.
    pub spacing_mm: Option<[f64; 2]>,
    /// From one slice to the next in mm, of a volume.
    pub between_mm: Option<f64>,
    /// Where they were cut out of the source.
    pub source_grid: SourceGrid,
    /// Whether some planes of the volume lie outside of the source.
    pub padded: bool,
    /// Share of the labelled pixels that the crop cut off.
    pub cut_off: f64,
    /// Intensities that became black and white, in the source's units: of all channels, or of each.
    pub windows: Vec<[f32; 2]>,
    /// How much of its type's range the case uses, where the window is that range.
    pub range_used: Option<RangeUsed>,
}

impl Prepared {
    /// Appends slices of a case to a pack, or their planes as one volume.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn push(&self, writer: &mut PackWriter, case: usize) -> Result<()> {
        if self.source_grid.depth.is_some() {
            let all = |of: fn(&Cut) -> &Vec<u8>| -> Vec<u8> {
                self.slices.iter().flat_map(of).copied().collect()
            };
            let record = SliceRecord { case, position: 0 };
            return writer.push(&all(|plane| &plane.1), &all(|plane| &plane.2), record);
        }
        for (position, pixels, labels) in &self.slices {
            writer.push(pixels, labels, SliceRecord { case, position: *position })?;
        }
        Ok(())
    }
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
    let depth = settings.volume.as_ref().map(|deep| Depth::of(case, deep, settings)).transpose()?;
    let resampler =
        &mut Resampler::new(frame, [case.volume.height, case.volume.width], settings.size);
    let kept = match &depth {
        None => slices(case, settings, &windows, resampler, classes)?,
        Some(depth) => planes_of_volume(case, settings, &windows, (resampler, depth), classes)?,
    };
    let spacing_mm = case.spacing_mm.map(|[row, column]| {
        [
            row * frame.height / settings.size[0] as f64,
            column * frame.width / settings.size[1] as f64,
        ]
    });
    // What a header calls the distance of slices is the thickness where there is one slice.
    let volume = case.geometry.filter(|_| case.volume.slices > 1);
    let own_mm = volume.map(|geometry| geometry.spacing_mm()[2]);
    let between_mm = settings.volume.and_then(|deep| deep.between_mm).or(own_mm);
    let source_grid = SourceGrid {
        shape: [case.volume.slices, case.volume.height, case.volume.width],
        frame: [frame.top, frame.left, frame.height, frame.width],
        depth: depth.as_ref().map(|depth| [depth.start, depth.extent]),
        geometry: case.geometry,
        stored: case.stored,
    };
    let full = settings.window == Window::Full {};
    let range_used = if full { RangeUsed::of(&case.volume) } else { None };
    let cut_off =
        frame.cut_off(case, &|slice| depth.as_ref().is_none_or(|depth| depth.holds(slice)));
    let padded = depth.as_ref().is_some_and(Depth::padded);
    Ok(Prepared {
        slices: kept,
        spacing_mm,
        between_mm,
        source_grid,
        padded,
        cut_off,
        windows,
        range_used,
    })
}

/// The slices that are kept, each by itself.
fn slices(
    case: &Case,
    settings: &Preprocess,
    windows: &[[f32; 2]],
    resampler: &mut Resampler,
    classes: usize,
) -> Result<Vec<Cut>> {
    let mut kept = Vec::with_capacity(case.volume.slices);
    for position in 0..case.volume.slices {
        let labels = resampler.labels(case.labels.plane(position), classes)?;
        if settings.slices == SliceChoice::Labelled && labels.iter().all(|&label| label == 0) {
            continue;
        }
        let mut pixels = Vec::new();
        for plane in unit_planes(case, position, settings, windows, resampler)? {
            quantise(&plane, settings.depth, &mut pixels);
        }
        repeated(case, settings, &mut pixels);
        kept.push((position, pixels, labels));
    }
    Ok(kept)
}

/// The planes of the one volume that a case becomes: slices resampled in-plane, then along the third axis. A mask is one
/// map of shares for each class all the way, and the greatest share wins at the end.
fn planes_of_volume(
    case: &Case,
    settings: &Preprocess,
    windows: &[[f32; 2]],
    (resampler, depth): (&mut Resampler, &Depth),
    classes: usize,
) -> Result<Vec<Cut>> {
    let mut channels: Vec<Vec<Vec<f32>>> = Vec::new();
    for position in 0..case.volume.slices {
        let planes = unit_planes(case, position, settings, windows, resampler)?;
        channels.resize(planes.len(), Vec::new());
        channels.iter_mut().zip(planes).for_each(|(channel, plane)| channel.push(plane));
    }
    let channels: Vec<Vec<Vec<f32>>> = channels.iter().map(|slices| depth.apply(slices)).collect();
    let mut winners = Winners::new(channels[0].len() * channels[0][0].len());
    for class in 1..classes {
        if !case.labels.values.iter().any(|label| usize::from(*label) == class) {
            continue;
        }
        let share = |slice| resampler.share(case.labels.plane(slice), class);
        let shares: Vec<Vec<f32>> = (0..case.labels.slices).map(share).collect::<Result<_>>()?;
        winners.add(class as u8, &depth.apply(&shares).concat());
    }
    let labels = winners.labels();
    let size = channels[0][0].len();
    Ok((0..channels[0].len())
        .map(|plane| {
            let mut pixels = Vec::new();
            for channel in &channels {
                quantise(&channel[plane], settings.depth, &mut pixels);
            }
            repeated(case, settings, &mut pixels);
            (plane, pixels, labels[plane * size..(plane + 1) * size].to_vec())
        })
        .collect())
}

/// Channels of one slice, resampled, 0 black and 1 white.
fn unit_planes(
    case: &Case,
    position: usize,
    settings: &Preprocess,
    windows: &[[f32; 2]],
    resampler: &mut Resampler,
) -> Result<Vec<Vec<f32>>> {
    let channels = settings.channels.unwrap_or(case.volume.channels);
    planes(&case.volume, position, channels, windows)?
        .into_iter()
        .zip(windows.iter().copied().cycle())
        .map(|(plane, [low, high])| {
            let unit: Vec<f32> =
                plane.iter().map(|v| ((v - low) / (high - low)).clamp(0.0, 1.0)).collect();
            resampler.image(&unit)
        })
        .collect()
}

/// Grey as three channels, where they are asked for.
fn repeated(case: &Case, settings: &Preprocess, pixels: &mut Vec<u8>) {
    if settings.channels == Some(3) && case.volume.channels == 1 {
        let once = pixels.clone();
        pixels.extend_from_slice(&once);
        pixels.extend_from_slice(&once);
    }
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
