//! Datasets in the form their makers publish them. One file per source; adding one is that file and, here, a
//! variant with its arm.

pub mod acdc;
mod beside;
pub mod bids;
pub mod dicom;
pub mod folder;
pub mod idrid;
mod load;
pub mod nnunet;
pub mod patients;
pub mod sliver07;
mod source;
pub mod table;
pub mod walk;

pub use load::channels;
pub use source::{Source, SourceOptions, segments_file};

use crate::layouts::acdc::Acdc;
use crate::layouts::bids::Bids;
use crate::layouts::dicom::Dicom;
use crate::layouts::folder::Folder;
use crate::layouts::idrid::Idrid;
use crate::layouts::nnunet::Nnunet;
use crate::layouts::sliver07::Sliver07;
use crate::layouts::table::Table;
use crate::prepare::settings::Window;
use crate::text::nearest::hint;
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
    /// Brain Imaging Data Structure.
    Bids,
    /// Rows of a table.
    Table,
}

/// All that is to be known of a layout beside its files.
struct Layout {
    /// The word of the command line.
    name: &'static str,
    /// How its files lie, in a line.
    help: &'static str,
    /// Intensities that become black and white where the user gives none.
    usual_window: Window,
    /// Whether its classes have to be named by the user, or may be.
    takes_classes: bool,
    /// Whether a pattern may say who is whose patient.
    takes_patient: bool,
    /// Whether it is one file that names all others.
    is_file: bool,
    /// Opens it.
    open: fn(&Path, &SourceOptions) -> Result<Box<dyn Source>>,
}

/// Of one whose files say who and what they are.
const fn layout(
    name: &'static str,
    help: &'static str,
    usual_window: Window,
    open: fn(&Path, &SourceOptions) -> Result<Box<dyn Source>>,
) -> Layout {
    Layout {
        name,
        help,
        usual_window,
        takes_classes: false,
        takes_patient: false,
        is_file: false,
        open,
    }
}

/// Of magnetic resonance, and of what may be anything.
const MOST: Window = Window::Percentile { low: 0.5, high: 99.5 };

impl SourceKind {
    /// All of them, as the command line lists them.
    pub const ALL: &[Self] = &[
        Self::Acdc,
        Self::Sliver07,
        Self::Idrid,
        Self::Dicom,
        Self::Nnunet,
        Self::Folder,
        Self::Bids,
        Self::Table,
    ];

    fn layout(self) -> Layout {
        match self {
            Self::Acdc => layout(
                "acdc",
                "ACDC: training/ and testing/ with patientNNN/, or patientNNN/ alone",
                MOST,
                |root, _| Ok(Box::new(Acdc::new(root))),
            ),
            Self::Sliver07 => layout(
                "sliver07",
                "SLiver07: liver-orig* with liver-seg*",
                Window::Range { low: -150.0, high: 250.0 },
                |root, _| Ok(Box::new(Sliver07::new(root))),
            ),
            Self::Idrid => layout(
                "idrid",
                "IDRiD: IDRiD_NN.jpg with IDRiD_NN_OD.tif, official folders or images/ and masks/",
                Window::Full {},
                |root, _| Ok(Box::new(Idrid::new(root))),
            ),
            Self::Dicom => Layout {
                takes_classes: true,
                ..layout(
                    "dicom",
                    "PATIENT/SERIES/*.dcm with PATIENT/MASKS/: a picture for each slice, or one volume",
                    MOST,
                    |root, options| Ok(Box::new(Dicom::new(root, options))),
                )
            },
            Self::Nnunet => Layout {
                takes_classes: true,
                takes_patient: true,
                ..layout(
                    "nnunet",
                    "imagesTr/ and labelsTr/: nnU-Net raw or Medical Decathlon",
                    MOST,
                    |root, options| Ok(Box::new(Nnunet::new(root, options)?)),
                )
            },
            Self::Folder => Layout {
                takes_classes: true,
                takes_patient: true,
                ..layout(
                    "folder",
                    "images/ and masks/ with equal names, or NAME.png beside NAME_mask.png",
                    Window::Full {},
                    |root, options| Ok(Box::new(Folder::new(root, options)?)),
                )
            },
            Self::Bids => Layout {
                takes_classes: true,
                ..layout(
                    "bids",
                    "BIDS: sub-*/anat/ with masks (*_dseg, *_mask) below derivatives/",
                    MOST,
                    |root, options| Ok(Box::new(Bids::new(root, options)?)),
                )
            },
            Self::Table => Layout {
                takes_classes: true,
                is_file: true,
                ..layout(
                    "table",
                    "FILE.csv with columns patient, image and mask (or mask:CLASS), and what else is known",
                    MOST,
                    |root, options| Ok(Box::new(Table::new(root, options)?)),
                )
            },
        }
    }

    /// The word of the command line.
    pub fn name(self) -> &'static str {
        self.layout().name
    }

    /// The layout of that word; `None` of another word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// How its files lie, in a line.
    pub fn help(self) -> &'static str {
        self.layout().help
    }

    /// Folder that the dataset's paths are told relative to.
    pub fn folder(self, root: &Path) -> &Path {
        if self.layout().is_file { root.parent().unwrap_or(root) } else { root }
    }

    /// The window that fits this kind of image when the user gives none.
    pub fn usual_window(self) -> Window {
        self.layout().usual_window
    }
}

/// Opens a dataset.
///
/// # Errors
/// When the folder is missing or an option does not apply.
pub fn open(kind: SourceKind, root: &Path, options: &SourceOptions) -> Result<Box<dyn Source>> {
    match (kind.layout().is_file, root.is_dir(), root.is_file()) {
        (false, true, _) | (true, _, true) => {}
        (false, _, _) => bail!("{}: no such folder; expected the dataset's", root.display()),
        (true, _, _) => bail!("{}: no such file; expected the dataset's table", root.display()),
    }
    check(kind, options)?;
    (kind.layout().open)(root, options)
}

/// Options that a source would ignore are mistakes.
fn check(kind: SourceKind, options: &SourceOptions) -> Result<()> {
    let layout = kind.layout();
    if options.patient.is_some() && !layout.takes_patient {
        bail!(
            "--patient: {} names its patients itself, expected the option only with {}",
            layout.name,
            those(|layout| layout.takes_patient)
        );
    }
    if !options.segments.is_empty() {
        if !layout.takes_classes {
            bail!(
                "--segments: {} names its classes itself, expected the option only with {}",
                layout.name,
                those(|layout| layout.takes_classes)
            );
        }
        let classes = options.classes.as_deref().unwrap_or(&[]);
        let unknown = |class: &&String| !class.is_empty() && !classes.contains(class);
        if options.classes.is_some()
            && let Some(class) = options.segments.values().find(unknown)
        {
            bail!(
                "--segments: class `{class}`, expected one of --classes {}{}",
                classes.join(","),
                hint(class, classes.iter().map(String::as_str))
            );
        }
    }
    if let Some(classes) = &options.classes {
        if !layout.takes_classes {
            bail!(
                "--classes: {} names its classes itself, expected the option only with {}",
                layout.name,
                those(|layout| layout.takes_classes)
            );
        }
        if !(2..=256).contains(&classes.len()) {
            bail!("--classes: {} names, expected 2 to 256, the background first", classes.len());
        }
    }
    Ok(())
}

/// Names of some layouts, for messages: `dicom, nnunet or folder`.
fn those(which: fn(&Layout) -> bool) -> String {
    let layouts = SourceKind::ALL.iter().map(|kind| kind.layout());
    let names: Vec<&str> = layouts.filter(which).map(|layout| layout.name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests;
