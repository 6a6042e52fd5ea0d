//! From a case to slices of one size: window, frame (spacing and crop), antialiased resampling, integers.
//!
//! Spacing, crop and size are one affine map, so every image is interpolated once. Images are resampled with the
//! triangle filter stretched by the reduction factor (PIL's and PyTorch's antialiased bilinear); masks as one
//! probability map per class with the same filter, then arg-max, which never invents a label between two others.

use super::manifest::PixelDepth;
use super::volume::Case;
use anyhow::{Context, Result, bail};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

/// Every setting of the preparation; recorded in the pack's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Height and width of a slice in the pack, pixels.
    pub size: [usize; 2],
    /// In-plane spacing that crops are counted in, mm; `None`: the source's own pixels.
    pub spacing_mm: Option<f64>,
    /// Which part of the image is kept.
    pub crop: Crop,
    /// Which intensities become black and white.
    pub window: Window,
    /// Pixel type.
    pub depth: PixelDepth,
    /// 1: colour becomes luma (ITU-R BT.601); 3: grey is repeated; `None`: as the source has it.
    pub channels: Option<usize>,
    /// Which slices are kept.
    pub slices: SliceChoice,
}

/// Which part of the image is kept. What lies outside the image is black background.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Crop {
    /// All of it, padded to the slice's aspect ratio; with a spacing: the slice's own size at that spacing.
    None {},
    /// A rectangle about the image's centre, in pixels (of `spacing_mm`, where given).
    Centre {
        /// Height and width.
        size: [usize; 2],
    },
    /// The bounding box, over the whole volume, of what is brighter than a twentieth of the window (MONAI's
    /// `CropForeground` with a threshold), padded to the slice's aspect ratio.
    Foreground {
        /// Pixels of the source added on each side.
        margin: usize,
    },
    /// A rectangle about the centre of all labelled pixels of the volume. Uses the masks, of test patients too: only
    /// for questions that start from a known region.
    Labels {
        /// Height and width.
        size: [usize; 2],
    },
}

/// Which intensities become black and white; what lies beyond is clipped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Window {
    /// Percentiles of the volume.
    Percentile {
        /// Black, percent.
        low: f64,
        /// White, percent.
        high: f64,
    },
    /// Fixed values in the source's units: Hounsfield units for CT.
    Range {
        /// Black.
        low: f64,
        /// White.
        high: f64,
    },
    /// The whole range of the stored type: 0…255 for an 8-bit image.
    Full {},
}

/// Which slices are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceChoice {
    /// All.
    All,
    /// Those with at least one labelled pixel after cropping.
    Labelled,
}

/// Slices of one case, ready for the pack.
#[derive(Debug)]
pub struct Prepared {
    /// Position in the volume, pixel bytes `[C, H, W]`, labels `[H, W]`.
    pub slices: Vec<(usize, Vec<u8>, Vec<u8>)>,
    /// Spacing of the pack's pixels in mm.
    pub spacing_mm: Option<[f64; 2]>,
    /// Share of the labelled pixels that the crop cut off.
    pub cut_off: f64,
}

/// Applies the settings to one case, whose labels are below `classes`.
///
/// # Errors
/// A spacing is asked for and the files have none, a window that holds no contrast, labels to crop about that are
/// not there.
pub fn prepare_case(case: &Case, settings: &Preprocess, classes: usize) -> Result<Prepared> {
    let [low, high] = limits(case, settings.window)?;
    let frame = Frame::of(case, settings, low + 0.05 * (high - low))?;
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
        for plane in planes(case, position, channels)? {
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
    Ok(Prepared { slices: kept, spacing_mm, cut_off: frame.cut_off(case) })
}

/// Planes of one slice: as stored, or luma. Repeating grey is left to the caller, after resampling.
fn planes(
    case: &Case,
    position: usize,
    channels: usize,
) -> Result<Vec<std::borrow::Cow<'_, [f32]>>> {
    let volume = &case.volume;
    match (volume.channels, channels) {
        (have, want) if have == want => {
            Ok((0..have).map(|channel| volume.plane(position, channel).into()).collect())
        }
        (1, 3) => Ok(vec![volume.plane(position, 0).into()]),
        (3, 1) => {
            let [r, g, b] = [0, 1, 2].map(|channel| volume.plane(position, channel));
            let luma = r.iter().zip(g).zip(b).map(|((r, g), b)| {
                // Of equal channels exactly their value: grey stored as colour loses nothing.
                if r == g && g == b { *r } else { 0.299 * r + 0.587 * g + 0.114 * b }
            });
            Ok(vec![luma.collect::<Vec<_>>().into()])
        }
        (have, want) => bail!("{have} channels, expected {want}, or 1 or 3 to convert from"),
    }
}

fn limits(case: &Case, window: Window) -> Result<[f32; 2]> {
    let [low, high] = match window {
        Window::Range { low, high } => [low as f32, high as f32],
        Window::Full {} => case.volume.full_range.context(
            "window `full`: the stored type has no natural range; expected percentile or range",
        )?,
        Window::Percentile { low, high } => {
            let mut values = case.volume.values.clone();
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

fn quantise(unit: &[f32], depth: PixelDepth, out: &mut Vec<u8>) {
    let max = f32::from(depth.max());
    let integers = unit.iter().map(|v| (v.clamp(0.0, 1.0) * max).round() as u16);
    match depth {
        PixelDepth::U8 => out.extend(integers.map(|v| v as u8)),
        PixelDepth::U16 => out.extend(integers.flat_map(u16::to_le_bytes)),
    }
}

/// The kept rectangle in the source's pixel coordinates; it may reach outside.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Frame {
    top: f64,
    left: f64,
    height: f64,
    width: f64,
}

impl Frame {
    fn of(case: &Case, settings: &Preprocess, threshold: f32) -> Result<Self> {
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
                Self::foreground(case, threshold, margin)?.widened(aspect)
            }
            Crop::Labels { size } => about(label_centre(case)?, size),
        })
    }

    fn foreground(case: &Case, threshold: f32, margin: usize) -> Result<Self> {
        let volume = &case.volume;
        let [mut top, mut left] = [volume.height, volume.width];
        let [mut bottom, mut right] = [0, 0];
        for plane in volume.values.chunks_exact(volume.height * volume.width) {
            for (y, row) in plane.chunks_exact(volume.width).enumerate() {
                let Some(first) = row.iter().position(|&v| v > threshold) else { continue };
                let last = row.iter().rposition(|&v| v > threshold).expect("there is a first");
                (top, bottom) = (top.min(y), bottom.max(y + 1));
                (left, right) = (left.min(first), right.max(last + 1));
            }
        }
        if top >= bottom {
            bail!("nothing brighter than {threshold}, expected a foreground to crop to");
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

    fn cut_off(&self, case: &Case) -> f64 {
        let [mut all, mut outside] = [0_u64, 0];
        let inside = |at: usize, start: f64, extent: f64| {
            let centre = at as f64 + 0.5;
            centre >= start && centre < start + extent
        };
        for plane in case.labels.values.chunks_exact(case.labels.height * case.labels.width) {
            for (i, _) in plane.iter().enumerate().filter(|(_, label)| **label != 0) {
                let (y, x) = (i / case.labels.width, i % case.labels.width);
                all += 1;
                let kept = inside(y, self.top, self.height) && inside(x, self.left, self.width);
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

/// Cuts a frame out of planes of one shape and resamples it.
struct Resampler {
    resizer: Resizer,
    options: ResizeOptions,
    shape: [usize; 2],
    /// Rows and columns of black before and after the plane, so that the frame lies inside.
    before: [usize; 2],
    padded: [usize; 2],
    size: [usize; 2],
}

impl Resampler {
    fn new(frame: Frame, shape: [usize; 2], size: [usize; 2]) -> Self {
        let before = [frame.top, frame.left].map(|start| (-start).max(0.0).ceil() as usize);
        let ends = [frame.top + frame.height, frame.left + frame.width];
        let padded =
            [0, 1].map(|axis| before[axis] + shape[axis].max(ends[axis].ceil().max(0.0) as usize));
        let [top, left] = [frame.top + before[0] as f64, frame.left + before[1] as f64];
        // Rounding must not push the frame's end past the last pixel.
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
                left,
                top,
                frame.width.min(padded[1] as f64 - left),
                frame.height.min(padded[0] as f64 - top),
            );
        Self { resizer: Resizer::new(), options, shape, before, padded, size }
    }

    /// `[H', W']` of the source, outside of which is 0, to `[H, W]`.
    fn image(&mut self, plane: &[f32]) -> Result<Vec<f32>> {
        let pixels: Vec<F32> = if self.padded == self.shape {
            plane.iter().map(|&v| F32::new(v)).collect()
        } else {
            let mut pixels = vec![F32::new(0.0); self.padded[0] * self.padded[1]];
            for (y, row) in plane.chunks_exact(self.shape[1]).enumerate() {
                let start = (y + self.before[0]) * self.padded[1] + self.before[1];
                for (to, from) in pixels[start..].iter_mut().zip(row) {
                    *to = F32::new(*from);
                }
            }
            pixels
        };
        let from =
            TypedImageRef::new(self.padded[1] as u32, self.padded[0] as u32, pixels.as_slice())?;
        let mut to = TypedImage::<F32>::new(self.size[1] as u32, self.size[0] as u32);
        self.resizer.resize_typed(&from, &mut to, &self.options)?;
        Ok(to.pixels().iter().map(|pixel| pixel.0).collect())
    }

    fn labels(&mut self, plane: &[u8], classes: usize) -> Result<Vec<u8>> {
        let mut present = [false; 256];
        for &label in plane {
            present[usize::from(label)] = true;
        }
        let mut best = vec![0_u8; self.size[0] * self.size[1]];
        // The background's share is what the others leave: padding is background too.
        let mut rest = vec![1.0_f32; best.len()];
        let mut shares = vec![0.0_f32; best.len()];
        for class in (1..classes).filter(|&class| present[class]) {
            let one_hot: Vec<f32> = plane
                .iter()
                .map(|&label| f32::from(u8::from(usize::from(label) == class)))
                .collect();
            for (i, share) in self.image(&one_hot)?.into_iter().enumerate() {
                rest[i] -= share;
                if share > shares[i] {
                    shares[i] = share;
                    best[i] = class as u8;
                }
            }
        }
        for (label, (share, rest)) in best.iter_mut().zip(shares.iter().zip(&rest)) {
            if rest >= share {
                *label = 0;
            }
        }
        Ok(best)
    }
}
