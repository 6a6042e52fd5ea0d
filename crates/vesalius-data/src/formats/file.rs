//! A file as what it is, whatever its format: layouts of datasets ask here and know no format.

use super::contents::VolumeFile;
pub use super::contents::{ImageFile, Mask, MaskFile};
use super::{arrays, dicom, hdf5, metaimage, nifti, nrrd, raster};
use crate::volume::Reader;
use anyhow::{Context as _, Result};
use std::path::Path;

/// Formats of images and masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.nii`, `.hdr` with `.img`, also compressed.
    Nifti,
    /// `.mhd` with its data file, `.mha`.
    MetaImage,
    /// `.nrrd`, `.nhdr` with its data file, `.seg.nrrd`.
    Nrrd,
    /// `.npy`, `.npz`.
    Numpy,
    /// `.h5`, `.hdf5`.
    Hdf5,
    /// One slice of DICOM; as a mask, a segmentation (SEG) or structure set (RTSTRUCT).
    Dicom,
    /// PNG, JPEG, TIFF, BMP.
    Raster,
}

/// What a user may give as an image or mask, for messages.
pub const KNOWN: &str =
    ".nii, .nii.gz, .hdr, .mha, .mhd, .nrrd, .npy, .npz, .h5, .dcm, .png, .jpg, .tif or .bmp";

impl Format {
    /// Whether a file of this format may hold many slices, as one volume.
    pub const fn is_volume(self) -> bool {
        match self {
            Self::Nifti | Self::MetaImage | Self::Nrrd | Self::Numpy | Self::Hdf5 => true,
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
            "nrrd" | "nhdr" => Some(Self::Nrrd),
            "npy" | "npz" => Some(Self::Numpy),
            "h5" | "hdf5" => Some(Self::Hdf5),
            "dcm" | "dicom" | "ima" => Some(Self::Dicom),
            _ => None,
        }
    }

    /// Of a file's first bytes, and of its name where those do not tell.
    ///
    /// # Errors
    /// When neither tells.
    pub fn of(path: &Path, bytes: &[u8]) -> Result<Self> {
        Ok(match bytes {
            [0x89, b'P', b'N', b'G', ..]
            | [0xFF, 0xD8, ..]
            | [b'I', b'I', 42 | 43, 0, ..]
            | [b'M', b'M', 0, 42 | 43, ..] => Self::Raster,
            _ if bytes.get(128..132) == Some(b"DICM") => Self::Dicom,
            _ if nrrd::is_nrrd(bytes) => Self::Nrrd,
            _ if arrays::is_array(bytes) => Self::Numpy,
            _ if hdf5::is_hdf5(bytes) => Self::Hdf5,
            _ if nifti::is_nifti(bytes) => Self::Nifti,
            _ => Self::of_name(path).with_context(|| {
                format!("neither its first bytes nor its name say what it is, expected {KNOWN}")
            })?,
        })
    }
}

/// The name of a file without the ending of a known format; `None` of another file.
pub fn stem(path: &Path) -> Option<String> {
    match Format::of_name(path)? {
        Format::Nifti => nifti::nifti_name(path),
        Format::Nrrd => {
            let stem = path.file_stem()?.to_str()?;
            // 3D Slicer's own ending of segmentations.
            let bare = stem
                .len()
                .checked_sub(4)
                .filter(|at| stem.get(*at..).is_some_and(|end| end.eq_ignore_ascii_case(".seg")));
            Some(bare.map_or(stem, |at| &stem[..at]).to_owned())
        }
        _ => path.file_stem()?.to_str().map(str::to_owned),
    }
}

/// Whether a file holds the voxels of a header beside it: `a.raw` of `a.mhd`.
pub fn is_data_file(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let lower = name.to_lowercase();
    let endings = [".raw", ".zraw", ".img", ".raw.gz"];
    let bare = endings.iter().find(|ending| lower.ends_with(**ending));
    let beside = |bare: &str| {
        let headers = ["mhd", "MHD", "nhdr", "NHDR"];
        headers.iter().any(|ending| path.with_file_name(format!("{bare}.{ending}")).exists())
    };
    nifti::is_data_file(path)
        || bare.is_some_and(|ending| beside(&name[..name.len() - ending.len()]))
}

/// Reads an image.
///
/// # Errors
/// Names the file, what was found and what was expected.
pub fn image(path: &Path, reader: &mut Reader) -> Result<ImageFile> {
    let bytes = reader.read(path)?;
    let failure = || format!("{}", path.display());
    Ok(match Format::of(path, &bytes).with_context(failure)? {
        Format::Nifti => nifti::read_bytes(path, &bytes, reader)?.into_image(),
        Format::MetaImage => metaimage::read_bytes(path, &bytes, reader)?.into_image(),
        Format::Nrrd => nrrd::image(path, &bytes, reader)?.into_image(),
        Format::Numpy => arrays::read(&bytes, &arrays::IMAGES).with_context(failure)?.into_image(),
        Format::Hdf5 => hdf5::read(&bytes, &arrays::IMAGES).with_context(failure)?.into_image(),
        Format::Dicom => dicom::image(&bytes).with_context(failure)?,
        Format::Raster => {
            let noted = raster::image_noted(&bytes).with_context(failure)?;
            ImageFile {
                volume: noted.value,
                spacing_mm: None,
                geometry: None,
                person: None,
                notes: noted.notes,
                orientation: noted.orientation,
            }
        }
    })
}

/// Reads a mask: of labels below `classes`, or of named segments.
///
/// # Errors
/// Names the file, what was found and what was expected.
pub fn mask(path: &Path, classes: usize, reader: &mut Reader) -> Result<Mask> {
    let bytes = reader.read(path)?;
    let failure = || format!("{}", path.display());
    let labels = match Format::of(path, &bytes).with_context(failure)? {
        Format::Nifti => nifti::read_bytes(path, &bytes, reader)?.into_mask(),
        Format::MetaImage => metaimage::read_bytes(path, &bytes, reader)?.into_mask(),
        Format::Nrrd => return nrrd::mask(path, &bytes, reader),
        Format::Numpy => arrays::read(&bytes, &arrays::MASKS).and_then(VolumeFile::into_mask),
        Format::Hdf5 => hdf5::read(&bytes, &arrays::MASKS).and_then(VolumeFile::into_mask),
        Format::Dicom => return dicom::segments(&bytes).map(Mask::Segments).with_context(failure),
        Format::Raster => {
            let noted = raster::mask_noted(&bytes, classes).with_context(failure)?;
            let (notes, orientation) = (noted.notes, noted.orientation);
            Ok(MaskFile { labels: noted.value, geometry: None, notes, orientation })
        }
    };
    labels.map(Mask::Labels).with_context(failure)
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
            ("a.hdr.gz", Format::Nifti, "a"),
            ("a.nii.zst", Format::Nifti, "a"),
            ("a.seg.nrrd", Format::Nrrd, "a"),
            ("a.b.nhdr", Format::Nrrd, "a.b"),
            ("a.npz", Format::Numpy, "a"),
            ("a.h5", Format::Hdf5, "a"),
            ("a.JPEG", Format::Raster, "a"),
        ] {
            let path = Path::new("d").join(name);
            assert_eq!(Format::of_name(&path), Some(format));
            assert_eq!(stem(&path).as_deref(), Some(expected));
        }
        for (name, volume) in [("a.nii", true), ("a.npy", true), ("a.dcm", false), ("a.bmp", false)]
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
