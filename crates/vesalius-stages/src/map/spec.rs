//! What a map is asked for.

use crate::judge::JudgeSpec;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The stage: which sets, seen by which network, laid out how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// Real pack, or features `[N, D]`.
    pub real: PathBuf,
    /// Synthetic packs, or features; one for each GAN.
    pub synthetic: Vec<PathBuf>,
    /// The network that looks.
    pub extractor: JudgeSpec,
    /// New folder for the map.
    pub out: PathBuf,
    /// Samples of each set at most, drawn by the seed.
    pub count: usize,
    /// Seed of draws and layout.
    pub seed: u64,
    /// Points in a neighbourhood.
    pub neighbours: usize,
    /// How near points may come, 0 to 1.
    pub min_dist: f64,
    /// Go on although patients stand on both sides.
    pub allow_overlap: bool,
}

/// Neighbours that trustworthiness looks at.
pub const TRUSTED: usize = 15;
