//! Formats of files: bytes to voxels, pixels or numbers. They know no dataset.

mod contents;
pub mod dicom;
pub mod file;
pub mod guard;
pub mod metaimage;
pub mod nifti;
pub mod numpy;
pub mod raster;
pub mod voxels;
