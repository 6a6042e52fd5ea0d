//! What every dataset can do, whatever its layout.

use crate::checks::classes::BACKGROUND;
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::Path;

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
    /// Class of a segment that is called otherwise (DICOM SEG and RTSTRUCT, 3D Slicer's segmentations); an empty text
    /// for one that is not wanted.
    pub segments: BTreeMap<String, String>,
}

impl SourceOptions {
    /// Which class a segment's name is, where files do not name the classes themselves.
    pub fn naming(&self) -> Naming {
        let usual = || [BACKGROUND, "foreground"].map(str::to_owned).to_vec();
        Naming {
            named: self.classes.is_some(),
            classes: self.classes.clone().unwrap_or_else(usual),
            renamed: self.segments.clone(),
        }
    }
}

/// Reads which class segments of other names are: a TOML file of lines `"GTV 1" = "tumour"`.
///
/// # Errors
/// When it cannot be read, or something else stands there.
pub fn segments_file(path: &Path) -> Result<BTreeMap<String, String>> {
    let bytes = crate::files::read::state(path)
        .with_context(|| format!("{}: cannot be read", path.display()))?;
    let text =
        String::from_utf8(bytes).ok().with_context(|| format!("{}: no text", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
        anyhow::anyhow!(
            "{}, line {line}: {}, expected lines of a segment and its class, as \"GTV 1\" = \"tumour\"",
            path.display(),
            error.message()
        )
    })
}
