//! What a file of images or masks holds, whatever its format.

use crate::volume::geometry::Geometry;
use crate::volume::segments::{Grid, Segments};
use crate::volume::{Labels, Volume};
use anyhow::{Result, bail};

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

impl ImageFile {
    /// Its grid, whether it says where that lies or not.
    pub fn grid(&self) -> Grid {
        let Volume { width, height, slices, .. } = self.volume;
        Grid { size: [width, height, slices], geometry: self.geometry }
    }
}

/// A mask file of one label for each voxel.
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

/// What a mask file holds.
#[derive(Debug, Clone)]
pub enum Mask {
    /// A label for each voxel.
    Labels(MaskFile),
    /// Named segments: which label each is, the user's classes say.
    Segments(Segments),
}

impl Mask {
    /// Its labels, where no image says on which grid segments are wanted.
    ///
    /// # Errors
    /// When the file holds segments.
    pub fn labels(self) -> Result<MaskFile> {
        match self {
            Self::Labels(mask) => Ok(mask),
            Self::Segments(_) => {
                bail!("named segments without their image, expected a label for each voxel")
            }
        }
    }
}

/// A file of one volume: NIfTI, MetaImage, NRRD, NumPy.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumeFile {
    /// Voxels `[S, C, H, W]`, scaled as the file says.
    pub volume: Volume,
    /// Row and column spacing in mm.
    pub spacing_mm: Option<[f64; 2]>,
    /// Where the voxels lie; `None` where the file does not say.
    pub geometry: Option<Geometry>,
}

impl VolumeFile {
    /// As an image.
    pub fn into_image(self) -> ImageFile {
        let Self { volume, spacing_mm, geometry } = self;
        ImageFile { volume, spacing_mm, geometry, person: None, notes: vec![], orientation: 1 }
    }

    /// As a mask.
    ///
    /// # Errors
    /// As [`Self::labels`].
    pub fn into_mask(self) -> Result<MaskFile> {
        let labels = self.labels()?;
        Ok(MaskFile { labels, geometry: self.geometry, notes: vec![], orientation: 1 })
    }

    /// Its values as labels.
    ///
    /// # Errors
    /// Several channels, or values that are not labels.
    pub fn labels(&self) -> Result<Labels> {
        let Volume { slices, channels, height, width, values, .. } = &self.volume;
        if *channels != 1 {
            bail!("{channels} channels in a mask, expected 1");
        }
        Labels::from_values([*slices, *height, *width], values)
    }
}
