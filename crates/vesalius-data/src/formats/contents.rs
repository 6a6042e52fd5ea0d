//! What a file of images or masks holds, whatever its format.

use crate::volume::geometry::Geometry;
use crate::volume::{Labels, Volume};

/// An image file.
#[derive(Debug, Clone)]
pub struct ImageFile {
    /// Voxels `[S, C, H, W]`.
    pub volume: Volume,
    /// Distance of pixel centres in mm, `[row, column]`; `None` where the file does not say.
    pub spacing_mm: Option<[f64; 2]>,
    /// Where the voxels lie in the patient, where the file says.
    pub geometry: Option<Geometry>,
    /// Digest of what the file calls the person, where it does.
    pub person: Option<String>,
    /// What was guessed or left out.
    pub notes: Vec<String>,
    /// The orientation tag that was applied, 1 where there was none.
    pub orientation: u8,
}

/// A mask file.
#[derive(Debug, Clone)]
pub struct MaskFile {
    /// Labels `[S, H, W]`.
    pub labels: Labels,
    /// Where they lie, where the file says.
    pub geometry: Option<Geometry>,
    /// What was guessed or left out.
    pub notes: Vec<String>,
    /// The orientation tag that was applied, 1 where there was none.
    pub orientation: u8,
}
