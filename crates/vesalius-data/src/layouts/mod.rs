//! Datasets in the form their makers publish them. One file per source; adding one is that file, a variant and an arm.

pub mod acdc;
mod beside;
pub mod dicom;
pub mod folder;
pub mod idrid;
pub mod nnunet;
pub mod patients;
pub mod sliver07;
mod source;
pub mod walk;

pub use source::{Source, SourceOptions};

use crate::layouts::acdc::Acdc;
use crate::layouts::dicom::Dicom;
use crate::layouts::folder::Folder;
use crate::layouts::idrid::Idrid;
use crate::layouts::nnunet::Nnunet;
use crate::layouts::sliver07::Sliver07;
use crate::prepare::settings::Window;
use anyhow::{Result, bail};
use std::path::Path;

/// The sources, by the name the command line uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// ACDC cardiac cine-MRI, official or bare layout.
    Acdc,
    /// SLiver07 abdominal CT.
    Sliver07,
    /// IDRiD fundus photographs.
    Idrid,
    /// DICOM series with mask images.
    Dicom,
    /// NIfTI pairs, nnU-Net raw or Medical Decathlon.
    Nnunet,
    /// Images and masks.
    Folder,
}

impl SourceKind {
    /// The word of the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acdc => "acdc",
            Self::Sliver07 => "sliver07",
            Self::Idrid => "idrid",
            Self::Dicom => "dicom",
            Self::Nnunet => "nnunet",
            Self::Folder => "folder",
        }
    }

    /// The window that fits this kind of image when the user gives none.
    pub const fn usual_window(self) -> Window {
        match self {
            Self::Acdc | Self::Nnunet | Self::Dicom => Window::Percentile { low: 0.5, high: 99.5 },
            Self::Sliver07 => Window::Range { low: -150.0, high: 250.0 },
            Self::Idrid | Self::Folder => Window::Full {},
        }
    }
}

/// Opens a dataset.
///
/// # Errors
/// When the folder is missing or an option does not apply.
pub fn open(kind: SourceKind, root: &Path, options: &SourceOptions) -> Result<Box<dyn Source>> {
    if !root.is_dir() {
        bail!("{}: no such folder; expected the dataset's", root.display());
    }
    check(kind, options)?;
    Ok(match kind {
        SourceKind::Acdc => Box::new(Acdc::new(root)),
        SourceKind::Sliver07 => Box::new(Sliver07::new(root)),
        SourceKind::Idrid => Box::new(Idrid::new(root)),
        SourceKind::Dicom => Box::new(Dicom::new(root, options)),
        SourceKind::Nnunet => Box::new(Nnunet::new(root, options)?),
        SourceKind::Folder => Box::new(Folder::new(root, options)?),
    })
}

/// Options that a source would ignore are mistakes.
fn check(kind: SourceKind, options: &SourceOptions) -> Result<()> {
    use SourceKind::{Dicom, Folder, Nnunet};
    if options.patient.is_some() && ![Nnunet, Folder].contains(&kind) {
        bail!(
            "--patient: {} names its patients itself, expected the option only with nnunet or folder",
            kind.name()
        );
    }
    if let Some(classes) = &options.classes {
        if ![Nnunet, Folder, Dicom].contains(&kind) {
            bail!(
                "--classes: {} names its classes itself, expected the option only with nnunet, folder or dicom",
                kind.name()
            );
        }
        if !(2..=256).contains(&classes.len()) {
            bail!("--classes: {} names, expected 2 to 256, the background first", classes.len());
        }
    }
    Ok(())
}
