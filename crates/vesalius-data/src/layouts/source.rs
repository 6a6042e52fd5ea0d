//! What every dataset can do, whatever its layout.

use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::Result;

/// A dataset that lies somewhere on a disk.
pub trait Source: Sync {
    /// Name for reports: `acdc`.
    fn dataset(&self) -> String;

    /// Names of the label values 0, 1, …; the first is the background.
    fn classes(&self) -> Vec<String>;

    /// Names of the image channels, where the dataset names them: sequences of MRI, each with grey values of its own.
    fn channels(&self) -> Option<Vec<String>> {
        None
    }

    /// Finds the examinations without reading voxels, sorted by id, and names what is not used.
    ///
    /// # Errors
    /// When nothing is found, an image lacks its mask, or it cannot be told which mask is whose.
    fn cases(&self) -> Result<Found>;

    /// Reads one examination.
    ///
    /// # Errors
    /// Unreadable, truncated or contradictory files.
    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case>;
}

/// What some sources have to be told.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Class names, for sources whose files do not tell.
    pub classes: Option<Vec<String>>,
    /// Regular expression whose first group is the patient, for sources whose file names are free.
    pub patient: Option<String>,
}
