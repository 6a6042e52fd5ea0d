//! Latent maps: real and generated samples laid out together, as a figure, as data and as a page to walk through.
//!
//! `map.json` is a saved format (`format = 1`).

pub mod figure;
pub mod foreign;
pub mod page;
pub mod sprite;

use serde::{Deserialize, Serialize};

/// Version of `map.json`.
pub const MAP_FORMAT: u32 = 1;

/// Real or generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Real training slices: shown in every panel.
    Real,
    /// One GAN's samples: a panel of their own.
    Synthetic,
}

/// Points that came from one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Set {
    /// Real or generated.
    pub kind: Kind,
    /// Heading: the GAN, or the dataset.
    pub name: String,
    /// Panel of a synthetic set, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<usize>,
    /// Where its samples lay.
    pub path: std::path::PathBuf,
    /// SHA-256 of its samples (of a pack: its digest).
    pub sha256: String,
    /// Samples on the map.
    pub shown: usize,
    /// Samples there were.
    pub of: usize,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// First coordinate; the axes have no unit.
    pub x: f32,
    /// Second coordinate.
    pub y: f32,
    /// Real or generated.
    pub kind: Kind,
    /// Panel of a generated sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<usize>,
    /// Number of the slice in its pack, or row in its file.
    pub index: usize,
    /// Patient and slice, or sample.
    pub name: String,
}

/// The content of `map.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// [`MAP_FORMAT`].
    pub format: u32,
    /// Extractor with the digest of its weights.
    pub extractor: String,
    /// What happened to an image on its way in.
    pub treatment: String,
    /// Neighbours, least distance, seed, counts.
    pub settings: serde_json::Value,
    /// k = 15.
    pub trustworthiness: f64,
    /// The real set first.
    pub sets: Vec<Set>,
    /// Points of all sets, set after set.
    pub points: Vec<Point>,
}

impl Map {
    /// Synthetic sets, in the order of their panels.
    pub fn panels(&self) -> impl Iterator<Item = &Set> {
        self.sets.iter().filter(|set| set.kind == Kind::Synthetic)
    }

    /// Smallest square that holds all points, with a margin: [least x, least y, side].
    pub fn frame(&self) -> [f32; 3] {
        let range = |of: fn(&Point) -> f32| {
            let values = || self.points.iter().map(of);
            [values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max)]
        };
        let [x, y] = [range(|p| p.x), range(|p| p.y)];
        let side = (x[1] - x[0]).max(y[1] - y[0]).max(1e-3) * 1.06;
        let low = |[low, high]: [f32; 2]| f32::midpoint(low, high) - side / 2.0;
        [low(x), low(y), side]
    }
}
