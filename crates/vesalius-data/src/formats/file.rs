//! A file as what it is, whatever its format: layouts of datasets ask here and know no format.

pub use super::contents::{ImageFile, MaskFile};
use super::{dicom, metaimage, nifti, raster};
use crate::volume::{Reader, Volume};
use anyhow::{Context as _, Result, bail};
use std::path::Path;

/// Formats of images and masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.nii`, `.nii.gz`.
    Nifti,
    /// `.mhd` with its data file, `.mha`.
    MetaImage,
    /// One slice of DICOM.
    Dicom,
    /// PNG, JPEG, TIFF, BMP.
    Raster,
}

/// What a user may give as an image or mask, for messages.
pub const KNOWN: &str = ".nii, .nii.gz, .mha, .mhd, .dcm, .png, .jpg, .tif or .bmp";

impl Format {
    /// Whether a file of this format may hold many slices, as one volume.
    pub const fn is_volume(self) -> bool {
        match self {
            Self::Nifti | Self::MetaImage => true,
            Self::Dicom | Self::Raster => false,
        }
    }

    /// Of a file's name; `None` where it has none of the endings.
    pub fn of_name(path: &Path) -> Option<Self> {
        if nifti::nifti_name(path).is_some() {
            return Some(Self::Nifti);
        }
        if raster::is_raster(path) {
            return Some(Self::Raster);
        }
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "mhd" | "mha" => Some(Self::MetaImage),
            "dcm" | "dicom" | "ima" => Some(Self::Dicom),
            _ => None,
        }
    }

    /// Of a file's first bytes, and of its name where those do not tell.
    ///
    /// # Errors
    /// When neither tells.
    pub fn of(path: &Path, bytes: &[u8]) -> Result<Self> {
        let named = Self::of_name(path);
        let is_nifti = |bytes: &[u8]| bytes.get(344..347) == Some(b"n+1");
        Ok(match bytes {
            [0x89, b'P', b'N', b'G', ..]
            | [0xFF, 0xD8, ..]
            | [b'I', b'I', 42 | 43, 0, ..]
            | [b'M', b'M', 0, 42 | 43, ..] => Self::Raster,
            [0x1f, 0x8b, ..] => Self::Nifti,
            _ if bytes.get(128..132) == Some(b"DICM") => Self::Dicom,
            _ if is_nifti(bytes) => Self::Nifti,
            _ => named.with_context(|| {
                format!("neither its first bytes nor its name say what it is, expected {KNOWN}")
            })?,
        })
    }
}

/// The name of a file without the ending of a known format; `None` of another file.
pub fn stem(path: &Path) -> Option<String> {
    match Format::of_name(path)? {
        Format::Nifti => nifti::nifti_name(path),
        _ => path.file_stem()?.to_str().map(str::to_owned),
    }
}

/// Whether a file holds the voxels of a header beside it: `a.raw` of `a.mhd`.
pub fn is_data_file(path: &Path) -> bool {
    let data = path.extension().is_some_and(|ending| {
        ["raw", "zraw", "img"].contains(&ending.to_string_lossy().to_lowercase().as_str())
    });
    data && ["mhd", "MHD"].iter().any(|ending| path.with_extension(ending).exists())
}

/// Reads an image.
///
/// # Errors
/// Names the file, what was found and what was expected.
pub fn image(path: &Path, reader: &mut Reader) -> Result<ImageFile> {
    let bytes = reader.read(path)?;
    let failure = || format!("{}", path.display());
    let whole = |volume: Volume, spacing_mm, geometry| ImageFile {
        volume,
        spacing_mm,
        geometry,
        person: None,
        notes: vec![],
        orientation: 1,
    };
    match Format::of(path, &bytes).with_context(failure)? {
        Format::Nifti => {
            let image = nifti::parse(&bytes).with_context(failure)?;
            let (spacing_mm, geometry) = (image.spacing_mm, image.geometry);
            Ok(whole(image.into_volume(), spacing_mm, geometry))
        }
        Format::MetaImage => {
            let image = metaimage::read_bytes(path, &bytes, reader)?;
            let (spacing_mm, geometry) = (image.spacing_mm, image.geometry);
            Ok(whole(image.into_volume(), spacing_mm, geometry))
        }
        Format::Dicom => dicom::image(&bytes).with_context(failure),
        Format::Raster => {
            let noted = raster::image_noted(&bytes).with_context(failure)?;
            Ok(ImageFile {
                notes: noted.notes,
                orientation: noted.orientation,
                ..whole(noted.value, None, None)
            })
        }
    }
}

/// Reads a mask of labels below `classes`.
///
/// # Errors
/// Names the file, what was found and what was expected.
pub fn mask(path: &Path, classes: usize, reader: &mut Reader) -> Result<MaskFile> {
    let bytes = reader.read(path)?;
    let failure = || format!("{}", path.display());
    let whole = |labels, geometry| MaskFile { labels, geometry, notes: vec![], orientation: 1 };
    match Format::of(path, &bytes).with_context(failure)? {
        Format::Nifti => {
            let mask = nifti::parse(&bytes).with_context(failure)?;
            Ok(whole(mask.labels().with_context(failure)?, mask.geometry))
        }
        Format::MetaImage => {
            let mask = metaimage::read_bytes(path, &bytes, reader)?;
            Ok(whole(mask.labels().with_context(failure)?, mask.geometry))
        }
        Format::Dicom => {
            // Segmentation objects hold labels in frames and sequences of their own.
            bail!("{}: DICOM, expected a mask as NIfTI, MetaImage or a picture", path.display())
        }
        Format::Raster => {
            let noted = raster::mask_noted(&bytes, classes).with_context(failure)?;
            let (notes, orientation) = (noted.notes, noted.orientation);
            Ok(MaskFile { labels: noted.value, geometry: None, notes, orientation })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_formats_in_any_case() {
        for (name, format, expected) in [
            ("a.NII.gz", Format::Nifti, "a"),
            ("a.b.nii", Format::Nifti, "a.b"),
            ("a.MHD", Format::MetaImage, "a"),
            ("a.mha", Format::MetaImage, "a"),
            ("a.dcm", Format::Dicom, "a"),
            ("a.JPEG", Format::Raster, "a"),
        ] {
            let path = Path::new("d").join(name);
            assert_eq!(Format::of_name(&path), Some(format));
            assert_eq!(stem(&path).as_deref(), Some(expected));
        }
        for (name, volume) in [("a.nii", true), ("a.mha", true), ("a.dcm", false), ("a.bmp", false)]
        {
            assert_eq!(Format::of_name(Path::new(name)).unwrap().is_volume(), volume, "{name}");
        }
        for name in ["a.gz", "a.raw", "a.txt", "a", ".nii.txt"] {
            assert_eq!(Format::of_name(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn the_first_bytes_win_over_a_name_and_neither_is_an_error() {
        let mut nifti = vec![0; 352];
        nifti[344..348].copy_from_slice(b"n+1\0");
        let mut dicom = vec![0; 132];
        dicom[128..].copy_from_slice(b"DICM");
        for (name, bytes, format) in [
            ("a.png", nifti.as_slice(), Format::Nifti),
            ("a.nii", &[0x89, b'P', b'N', b'G', 0][..], Format::Raster),
            ("a.nii", dicom.as_slice(), Format::Dicom),
            ("a.mhd", b"NDims = 3".as_slice(), Format::MetaImage),
            ("a.dcm", &[8, 0][..], Format::Dicom),
        ] {
            assert_eq!(Format::of(Path::new(name), bytes).unwrap(), format, "{name}");
        }
        let error = Format::of(Path::new("a.txt"), b"hello").unwrap_err().to_string();
        assert!(error.contains("expected .nii"), "{error}");
    }
}
