//! Datasets on their way into packs.

pub mod acdc;
pub mod manifest;
pub mod montage;
pub mod nifti_file;
pub mod pack;
pub mod prepare;
pub mod preprocess;
pub mod source;
pub mod split;
pub mod volume;
pub mod voxels;
