//! What a source gives: voxels and labels of one examination, in memory.

pub mod contours;
pub mod geometry;
pub mod outline;
pub mod pair;
pub mod segments;
mod voxels;

pub use voxels::Volume;

use crate::checks::findings::Finding;
use crate::pack::manifest::{SourceFile, Split};
use crate::text::uid;
use crate::volume::geometry::Geometry;
use anyhow::{Context as _, Result, bail};

/// Label values `[S, H, W]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// S.
    pub slices: usize,
    /// H in pixels.
    pub height: usize,
    /// W in pixels.
    pub width: usize,
    /// Indices into the dataset's classes.
    pub values: Vec<u8>,
}

impl Labels {
    /// Label values from numbers, which must be whole and one of 0…255.
    ///
    /// # Errors
    /// Names the first value that is neither.
    pub fn from_values(shape: [usize; 3], values: &[f32]) -> Result<Self> {
        let [slices, height, width] = shape;
        let values = values
            .iter()
            .map(|&value| {
                let label = value as u8;
                if f32::from(label) == value {
                    Ok(label)
                } else {
                    bail!("label value {value}, expected a whole number from 0 to 255")
                }
            })
            .collect::<Result<_>>()?;
        Ok(Self { slices, height, width, values })
    }

    /// Labels of one slice `[H, W]`.
    pub fn plane(&self, slice: usize) -> &[u8] {
        let pixels = self.height * self.width;
        &self.values[slice * pixels..(slice + 1) * pixels]
    }
}

/// One examination with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Intensities.
    pub volume: Volume,
    /// Labels of the same S, H and W.
    pub labels: Labels,
    /// Distance of pixel centres in mm, `[row, column]`; `None` where the files do not tell.
    pub spacing_mm: Option<[f64; 2]>,
    /// Where the voxels lie in the patient, where the files tell.
    pub geometry: Option<Geometry>,
    /// Where the files' voxels lie, of a case that was turned.
    pub stored: Option<Geometry>,
    /// Names of its channels where each is a picture of its own (sequences of MRI), with black and white of its own; empty
    /// where they are one picture: grey, or colour.
    pub sequences: Vec<String>,
    /// Pathology group or the like.
    pub group: Option<String>,
    /// Digest of what the files themselves call the person (DICOM's `PatientID`), never the name: cases that agree in
    /// it
    /// are of one person, whatever their folders are called.
    pub person: Option<String>,
    /// What was guessed, brought into order or left out while reading, for the user.
    pub notes: Vec<String>,
}

impl Case {
    /// Voxels and labels of which nothing else is known.
    pub fn new(volume: Volume, labels: Labels) -> Self {
        Self {
            volume,
            labels,
            spacing_mm: None,
            geometry: None,
            stored: None,
            sequences: vec![],
            group: None,
            person: None,
            notes: vec![],
        }
    }

    /// Refuses what no later stage could make sense of.
    ///
    /// # Errors
    /// Labels of another shape, intensities that are NaN or infinite, labels nobody declared.
    pub fn check(&self, classes: &[String]) -> Result<()> {
        let (v, l) = (&self.volume, &self.labels);
        if [v.slices, v.height, v.width] != [l.slices, l.height, l.width] {
            bail!(
                "mask of {}x{}x{} (slices, rows, columns), expected {}x{}x{} as its image",
                l.slices,
                l.height,
                l.width,
                v.slices,
                v.height,
                v.width
            );
        }
        if v.values.is_empty() {
            bail!("an image without pixels");
        }
        if let Some(at) = v.values.iter().position(|value| !value.is_finite()) {
            bail!("intensity {} at voxel {at}, expected finite numbers", v.values[at]);
        }
        if let Some(label) = l.values.iter().find(|&&label| usize::from(label) >= classes.len()) {
            bail!(
                "label value {label}, expected 0 to {} ({})",
                classes.len() - 1,
                classes.join(", ")
            );
        }
        Ok(())
    }
}

/// The files of one examination, found but not yet read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFiles {
    /// Unique in the dataset.
    pub id: String,
    /// The patient it belongs to; all cases of a patient stay on one side of the split.
    pub patient: String,
    /// Side of the dataset's own split, where it has one.
    pub official: Option<Split>,
    /// Fold that its patient tests in, where the dataset has some.
    pub fold: Option<usize>,
    /// Image files; several where a series or channels are spread over files.
    pub images: Vec<std::path::PathBuf>,
    /// Mask files.
    pub masks: Vec<std::path::PathBuf>,
}

/// What lies in a dataset's folder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Its examinations, sorted by id.
    pub cases: Vec<CaseFiles>,
    /// What was found and is not used, with the reason; what was guessed.
    pub findings: Vec<Finding>,
}

impl Found {
    /// Cases, and nothing to say of them.
    pub fn of(cases: Vec<CaseFiles>) -> Self {
        Self { cases, findings: vec![] }
    }
}

/// Reads files and remembers their digests for the manifest.
#[derive(Debug)]
pub struct Reader {
    root: std::path::PathBuf,
    files: Vec<SourceFile>,
}

impl Reader {
    /// Of files below `root`.
    pub fn new(root: &std::path::Path) -> Self {
        Self { root: root.to_owned(), files: Vec::new() }
    }

    /// The whole file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self, path: &std::path::Path) -> Result<Vec<u8>> {
        let bytes = crate::files::read::bytes(path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        let below = path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy();
        self.files.push(SourceFile {
            path: uid::hidden(&below).into(),
            sha256: crate::files::digest::of_bytes(&bytes),
        });
        Ok(bytes)
    }

    /// What was read, in order.
    pub fn into_files(self) -> Vec<SourceFile> {
        self.files
    }
}
