//! Where a case's slices were cut out of its source: what is needed to lay a prediction back on it.

use crate::volume::geometry::Geometry;
use serde::{Deserialize, Serialize};

/// The grid of a source's image, and the rectangle of its slices that became the pack's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceGrid {
    /// Slices, rows, columns of the source.
    pub shape: [usize; 3],
    /// Top, left, height, width of the rectangle, in the source's pixels; it may reach outside.
    pub frame: [f64; 4],
    /// Of a volume: its first edge and its extent along the third axis, in the source's slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<[f64; 2]>,
    /// Where the voxels lie in the patient, where the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Geometry>,
    /// The grid of the source's files, where the image was turned: label maps are written on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Geometry>,
}
