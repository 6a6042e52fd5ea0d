//! What a source gives: voxels and labels of one examination, in memory.

pub mod geometry;
pub mod pair;

use crate::checks::findings::Finding;
use crate::files::digest;
use crate::pack::manifest::{SourceFile, Split};
use crate::volume::geometry::{Alignment, Geometry};
use anyhow::{Context as _, Result, bail};

/// Intensities `[S, C, H, W]`: S slices, C channels, rows of pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// S.
    pub slices: usize,
    /// C.
    pub channels: usize,
    /// H in pixels.
    pub height: usize,
    /// W in pixels.
    pub width: usize,
    /// In the source's own units (HU for CT), row-major.
    pub values: Vec<f32>,
    /// Least and greatest value the stored type can hold (0 and 255 of an 8-bit PNG); `None` where that says
    /// nothing about brightness, as for a scanner's 16-bit integers.
    pub full_range: Option<[f32; 2]>,
    /// Voxels `[S, C, H, W]` that the scanner filled without measuring (DICOM's pixel padding): they are black and
    /// count
    /// in no percentile. Empty: none.
    pub padding: Vec<bool>,
}

impl Volume {
    /// Voxels without padding and without a natural range; `values` are `[S, C, H, W]`.
    pub fn new([slices, channels, height, width]: [usize; 4], values: Vec<f32>) -> Self {
        Self { slices, channels, height, width, values, full_range: None, padding: vec![] }
    }

    /// First 16 hexadecimal digits of the SHA-256 of each slice's values, whatever file held them: equal pictures have
    /// equal digests. Of a slice without any contrast an empty text: all black ones are alike and tell nothing.
    pub fn slice_digests(&self) -> Vec<String> {
        (0..self.slices).map(|slice| self.slice_digest(slice)).collect()
    }

    fn slice_digest(&self, slice: usize) -> String {
        let mut planes: Vec<&[f32]> = (0..self.channels).map(|c| self.plane(slice, c)).collect();
        // Grey stored as colour is the same picture.
        if planes.iter().skip(1).all(|plane| *plane == planes[0]) {
            planes.truncate(1);
        }
        if planes.iter().all(|plane| plane.iter().all(|value| value == &plane[0])) {
            return String::new();
        }
        let mut bytes = format!("{}x{}x{}:", planes.len(), self.height, self.width).into_bytes();
        let mut start = bytes.len();
        bytes.resize(start + planes.iter().map(|plane| 4 * plane.len()).sum::<usize>(), 0);
        // By planes and fours: one byte after the other was a fifth of what preparing takes.
        for plane in planes {
            for (four, value) in bytes[start..].chunks_exact_mut(4).zip(plane) {
                // -0 and 0 are one value.
                four.copy_from_slice(&(value + 0.0).to_le_bytes());
            }
            start += 4 * plane.len();
        }
        digest::of_bytes(&bytes)[..16].to_owned()
    }

    /// Whether pixels `[H, W]` of one plane are padding; empty: none is.
    pub fn padded(&self, slice: usize, channel: usize) -> &[bool] {
        let pixels = self.height * self.width;
        let start = (slice * self.channels + channel) * pixels;
        self.padding.get(start..start + pixels).unwrap_or(&[])
    }

    /// Its channels and those of `other`, of the same S, H and W; without padding and full range, which are one
    /// channel's.
    #[must_use]
    pub fn with_channels(&self, other: &Self) -> Self {
        let planes = |volume: &Self, slice: usize| -> Vec<f32> {
            (0..volume.channels).flat_map(|c| volume.plane(slice, c).to_vec()).collect()
        };
        let values = (0..self.slices)
            .flat_map(|slice| [planes(self, slice), planes(other, slice)].concat())
            .collect();
        let full_range = self.full_range.filter(|range| other.full_range == Some(*range));
        let shape = [self.slices, self.channels + other.channels, self.height, self.width];
        Self { full_range, ..Self::new(shape, values) }
    }

    /// Its voxels in another order, channel by channel.
    #[must_use]
    pub fn reordered(&self, alignment: &Alignment) -> Self {
        let channels: Vec<Vec<f32>> = (0..self.channels)
            .map(|c| {
                let whole: Vec<f32> =
                    (0..self.slices).flat_map(|slice| self.plane(slice, c).to_vec()).collect();
                alignment.apply(&whole)
            })
            .collect();
        let pixels = self.height * self.width;
        let values = (0..self.slices)
            .flat_map(|slice| {
                channels.iter().map(move |c| &c[slice * pixels..(slice + 1) * pixels])
            })
            .flatten()
            .copied()
            .collect();
        let shape = [self.slices, self.channels, self.height, self.width];
        Self { full_range: self.full_range, ..Self::new(shape, values) }
    }

    /// Values of one plane `[H, W]`.
    pub fn plane(&self, slice: usize, channel: usize) -> &[f32] {
        let pixels = self.height * self.width;
        let start = (slice * self.channels + channel) * pixels;
        &self.values[start..start + pixels]
    }
}

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFiles {
    /// Unique in the dataset.
    pub id: String,
    /// The patient it belongs to; all cases of a patient stay on one side of the split.
    pub patient: String,
    /// Side of the dataset's own split, where it has one.
    pub official: Option<Split>,
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
        self.files.push(SourceFile {
            path: path.strip_prefix(&self.root).unwrap_or(path).to_owned(),
            sha256: crate::files::digest::of_bytes(&bytes),
        });
        Ok(bytes)
    }

    /// What was read, in order.
    pub fn into_files(self) -> Vec<SourceFile> {
        self.files
    }
}
