//! Outlines on a few slices of some patients: what a person has to look at.

use crate::pack::manifest::{PixelType, SliceShape};
use crate::pictures::montage::{Tile, eight_bits, montage};
use crate::prepare::preprocess::Prepared;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Patients who are shown; of more, so many evenly chosen.
pub const PATIENTS: usize = 60;
/// Slices of each.
pub const SLICES: usize = 3;
/// Longest side of a tile; larger slices are thinned.
const SIDE: usize = 160;
/// Patients side by side in the montage.
const COLUMNS: usize = 2;

/// A slice that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Whose.
    pub patient: String,
    /// Of which case.
    pub case: String,
    /// Slice of the source, counted from 0.
    pub position: usize,
}

/// Tiles of the patients who are shown.
#[derive(Debug)]
pub(super) struct Pictures {
    patients: BTreeSet<String>,
    slice_shape: Option<SliceShape>,
    tiles: BTreeMap<String, Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    shown: Shown,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Pictures {
    /// Of at most 60 of the patients, evenly chosen in the order of their names.
    pub(super) fn of<'a>(patients: impl Iterator<Item = &'a str>) -> Self {
        let all: BTreeSet<&str> = patients.collect();
        let all: Vec<&str> = all.into_iter().collect();
        let count = all.len().min(PATIENTS);
        let patients = (0..count).map(|i| all[i * all.len() / count].to_owned()).collect();
        Self { patients, slice_shape: None, tiles: BTreeMap::new() }
    }

    /// Keeps up to three slices of a patient, labelled ones where there are.
    pub(super) fn add(
        &mut self,
        patient: &str,
        case: &str,
        prepared: &Prepared,
        slice_shape: SliceShape,
    ) {
        if !self.patients.contains(patient) {
            return;
        }
        let kept = self.tiles.entry(patient.to_owned()).or_default();
        let labelled: Vec<usize> = (0..prepared.slices.len())
            .filter(|&i| prepared.slices[i].2.iter().any(|&label| label != 0))
            .collect();
        let from = if labelled.is_empty() && kept.is_empty() {
            (0..prepared.slices.len()).collect()
        } else {
            labelled
        };
        let count = from.len().min(SLICES.saturating_sub(kept.len()));
        let step = slice_shape.height.max(slice_shape.width).div_ceil(SIDE).max(1);
        let small = SliceShape {
            height: slice_shape.height.div_ceil(step),
            width: slice_shape.width.div_ceil(step),
            pixel_type: PixelType::U8,
            ..slice_shape
        };
        self.slice_shape = Some(small);
        for i in 0..count {
            // The middle of each third.
            let (position, pixels, labels) =
                &prepared.slices[from[(2 * i + 1) * from.len() / (2 * count)]];
            let thin = |channel: Option<usize>| {
                let places = (0..slice_shape.height).step_by(step).flat_map(move |y| {
                    (0..slice_shape.width).step_by(step).map(move |x| y * slice_shape.width + x)
                });
                places.map(move |at| match channel {
                    Some(channel) => eight_bits(pixels, slice_shape, channel, at),
                    None => labels[at],
                })
            };
            kept.push(Kept {
                shown: Shown {
                    patient: patient.to_owned(),
                    case: case.to_owned(),
                    position: *position,
                },
                pixels: (0..slice_shape.channels).flat_map(|channel| thin(Some(channel))).collect(),
                labels: thin(None).collect(),
            });
        }
    }

    /// What is shown, in the order of the patients.
    pub(super) fn shown(&self) -> Vec<Shown> {
        self.tiles.values().flatten().map(|kept| kept.shown.clone()).collect()
    }

    /// PNG of one row of tiles for each patient.
    pub(super) fn rows(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut rows = BTreeMap::new();
        for (patient, kept) in &self.tiles {
            if let Some(slice_shape) = self.slice_shape.filter(|_| !kept.is_empty()) {
                let tiles: Vec<Tile> = kept.iter().map(Kept::tile).collect();
                rows.insert(patient.clone(), montage(&tiles, slice_shape, SLICES, None)?);
            }
        }
        Ok(rows)
    }

    /// PNG of all tiles, two patients in a row; of who has fewer than three slices the rest stays black.
    pub(super) fn montage(&self) -> Result<Option<Vec<u8>>> {
        let Some(slice_shape) = self.slice_shape else { return Ok(None) };
        let (black, none) =
            (vec![0; slice_shape.pixel_bytes()], vec![0; slice_shape.label_bytes()]);
        // One slice of each is enough room where nobody has more.
        let most = self.tiles.values().map(Vec::len).max().unwrap_or(0);
        let empty = Tile { pixels: &black, labels: &none };
        let tiles: Vec<Tile> = self
            .tiles
            .values()
            .flat_map(|kept| (0..most).map(|i| kept.get(i).map_or(empty, Kept::tile)))
            .collect();
        if tiles.is_empty() {
            return Ok(None);
        }
        montage(&tiles, slice_shape, COLUMNS * SLICES, None).map(Some)
    }
}

impl Kept {
    fn tile(&self) -> Tile<'_> {
        Tile { pixels: &self.pixels, labels: &self.labels }
    }
}
