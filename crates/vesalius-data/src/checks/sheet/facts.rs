//! What is measured of one case while it is in memory.

use crate::checks::fit::{self, CaseFit};
use crate::pack::manifest::{PixelType, SliceShape, Split};
use crate::prepare::preprocess::Prepared;
use crate::volume::{Case, CaseFiles, Volume};
use serde::{Deserialize, Serialize};

/// Values that percentiles are read from; of more, every so many-th one.
const SAMPLED: usize = 200_000;

/// One case in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseFacts {
    /// Its name in the pack.
    pub case: String,
    /// Whose it is.
    pub patient: String,
    /// Side of the split.
    pub side: Split,
    /// Channels of the source.
    pub channels: usize,
    /// Slices, rows, columns of the source.
    pub shape: [usize; 3],
    /// Slices that are in the pack.
    pub kept: usize,
    /// Distance of rows, columns and, where the files tell, slices in mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<Vec<f64>>,
    /// Where columns, rows and slices lead: `LPS` is to the left, the back, the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<String>,
    /// Of each class: share of the source's pixels, and slices that have it.
    pub classes: Vec<ClassFacts>,
    /// Share of the labelled pixels that the crop cut off.
    pub cut_off: f64,
    /// Intensities of the source, without the scanner's padding.
    pub before: Intensities,
    /// What became of them.
    pub after: Windowed,
}

/// One class of one case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassFacts {
    /// Share of all pixels.
    pub share: f64,
    /// Slices with at least one pixel.
    pub slices: usize,
}

/// Intensities in the source's own units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Intensities {
    /// Least.
    pub least: f32,
    /// 1st percentile.
    pub low: f32,
    /// Median.
    pub median: f32,
    /// 99th percentile.
    pub high: f32,
    /// Greatest.
    pub greatest: f32,
}

/// What the window made of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Windowed {
    /// Intensities that became black and white; of sequences, those of the first.
    pub window: [f32; 2],
    /// Of each sequence, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<[f32; 2]>,
    /// Share of the source's pixels below it, all black now.
    pub below: f64,
    /// Share above it, all white now.
    pub above: f64,
    /// Levels of the brightest channel that occur in the pack, of 256 or (with 16 bits) their high bytes.
    pub levels: usize,
}

/// Facts and fit of a case, as `prepare` carries them from where the case is read to where the sheet is gathered.
#[derive(Debug)]
pub struct Measured {
    pub(super) facts: CaseFacts,
    pub(super) fit: CaseFit,
}

impl Measured {
    /// Of a case that was checked and prepared; `classes` with the background.
    pub fn of(files: &CaseFiles, case: &Case, prepared: &Prepared, classes: usize) -> Self {
        let volume = &case.volume;
        let (before, below, above) = intensities(volume, &prepared.windows);
        let windows = if prepared.windows.len() > 1 { prepared.windows.clone() } else { vec![] };
        let in_plane = case.spacing_mm;
        let between = case.geometry.map(|geometry| geometry.spacing_mm()[2]);
        let facts = CaseFacts {
            case: files.id.clone(),
            patient: files.patient.clone(),
            // Settled when everybody is known.
            side: Split::Train,
            channels: volume.channels,
            shape: [volume.slices, volume.height, volume.width],
            kept: prepared.slices.len(),
            spacing_mm: in_plane.map(|mm| mm.into_iter().chain(between).collect()),
            orientation: case.geometry.map(|geometry| geometry.orientation()),
            classes: shares(case, classes),
            cut_off: prepared.cut_off,
            before,
            after: Windowed { window: prepared.windows[0], windows, below, above, levels: 0 },
        };
        Self { facts, fit: fit::look(case) }
    }

    /// Counts the grey levels that are left in the pack's bytes.
    pub(super) fn count_levels(&mut self, prepared: &Prepared, slice_shape: SliceShape) {
        let mut seen = [false; 256];
        let skip = match slice_shape.pixel_type {
            PixelType::U8 => 0,
            PixelType::U16 => 1, // the high byte
        };
        for (_, pixels, _) in &prepared.slices {
            pixels.iter().skip(skip).step_by(slice_shape.pixel_type.bytes()).for_each(|&v| {
                seen[usize::from(v)] = true;
            });
        }
        self.facts.after.levels = seen.iter().filter(|seen| **seen).count();
    }
}

fn shares(case: &Case, classes: usize) -> Vec<ClassFacts> {
    let mut counts = vec![(0_usize, 0_usize); classes];
    for slice in 0..case.labels.slices {
        let mut here = [0_usize; 256];
        case.labels.plane(slice).iter().for_each(|&label| here[usize::from(label)] += 1);
        for (count, here) in counts.iter_mut().zip(here) {
            count.0 += here;
            count.1 += usize::from(here > 0);
        }
    }
    let all = case.labels.values.len().max(1) as f64;
    counts
        .into_iter()
        .map(|(pixels, slices)| ClassFacts { share: pixels as f64 / all, slices })
        .collect()
}

fn intensities(volume: &Volume, windows: &[[f32; 2]]) -> (Intensities, f64, f64) {
    let pixels = volume.height * volume.width;
    let padded = |i: usize| volume.padding.get(i).copied().unwrap_or(false);
    let (mut least, mut greatest) = (f32::INFINITY, f32::NEG_INFINITY);
    let (mut below, mut above, mut measured) = (0_usize, 0_usize, 0_usize);
    let stride = volume.values.len().div_ceil(SAMPLED).max(1);
    let mut sample = Vec::with_capacity(volume.values.len() / stride + 1);
    for (i, &value) in volume.values.iter().enumerate() {
        if padded(i) {
            continue;
        }
        let [low, high] = windows[i / pixels % volume.channels % windows.len()];
        (least, greatest) = (least.min(value), greatest.max(value));
        below += usize::from(value < low);
        above += usize::from(value > high);
        if measured.is_multiple_of(stride) {
            sample.push(value);
        }
        measured += 1;
    }
    let mut at = |percent: usize| {
        let index = sample.len().saturating_sub(1) * percent / 100;
        if sample.is_empty() {
            return 0.0;
        }
        *sample.select_nth_unstable_by(index, f32::total_cmp).1
    };
    let (low, median, high) = (at(1), at(50), at(99));
    if measured == 0 {
        (least, greatest) = (0.0, 0.0);
    }
    let share = |count: usize| count as f64 / measured.max(1) as f64;
    (Intensities { least, low, median, high, greatest }, share(below), share(above))
}
