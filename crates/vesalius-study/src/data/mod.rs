//! Datasets on their way into packs.

pub mod acdc;
pub mod classes;
pub mod closest;
pub mod dicom;
pub mod export;
pub mod folder;
mod frame;
pub mod idrid;
pub mod inspect;
pub mod manifest;
pub mod metaimage;
pub mod montage;
pub mod nifti_file;
pub mod nnunet;
pub mod pack;
pub mod phantom;
pub mod prepare;
pub mod preprocess;
pub mod raster;
mod resample;
pub mod sliver07;
pub mod source;
pub mod split;
pub mod volume;
pub mod voxels;
