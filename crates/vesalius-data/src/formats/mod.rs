//! Formats of files: bytes to voxels, pixels or numbers. They know no dataset.

pub mod arrays;
pub mod contents;
pub mod dicom;
pub mod file;
pub mod guard;
pub mod hdf5;
pub mod metaimage;
pub mod nifti;
pub mod nrrd;
pub mod numbers;
pub mod numpy;
pub mod raster;
pub mod voxels;

#[cfg(test)]
mod tests;
