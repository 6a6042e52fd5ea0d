//! What a data sheet holds, and in which files.

use super::facts::CaseFacts;
use super::picture::Shown;
use crate::checks::findings::Finding;
use crate::pack::manifest::{SliceShape, Split};
use serde::{Deserialize, Serialize};

/// The page.
pub const PAGE: &str = "sheet.html";
/// Its numbers.
pub const NUMBERS: &str = "sheet.json";
/// Its pictures.
pub const MONTAGE: &str = "montage.png";

/// Everything that is said of a pack's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// 1.
    pub format: u32,
    /// Name of the dataset.
    pub dataset: String,
    /// Version that wrote it.
    pub vesalius: String,
    /// Names of the classes, the background first.
    pub classes: Vec<String>,
    /// Shape of the pack's slices.
    #[serde(rename = "layout")]
    pub slice_shape: SliceShape,
    /// What to know, the heaviest first.
    pub findings: Vec<Finding>,
    /// By patient.
    pub patients: Vec<PatientFacts>,
    /// By case, in the pack's order.
    pub cases: Vec<CaseFacts>,
    /// Slices in the pictures.
    pub shown: Vec<Shown>,
}

/// One patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientFacts {
    /// Its name.
    pub patient: String,
    /// Side of the split.
    pub side: Split,
    /// Number of cases.
    pub cases: usize,
    /// Slices in the pack.
    pub slices: usize,
    /// How well image edges follow the outlines, from 0 (not at all) to 1; `None` where no outline could be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<f64>,
}
