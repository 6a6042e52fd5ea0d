//! Datasets in the form their makers publish them. One file per source; adding one is that file, a variant and an arm.

pub mod acdc;
mod beside;
pub mod dicom;
pub mod folder;
pub mod idrid;
pub mod nnunet;
pub mod patients;
pub mod sliver07;

use super::volume::{Case, CaseFiles, Found, Reader};
use crate::checks::findings::Finding;
use crate::layouts::acdc::Acdc;
use crate::layouts::dicom::Dicom;
use crate::layouts::folder::Folder;
use crate::layouts::idrid::Idrid;
use crate::layouts::nnunet::Nnunet;
use crate::layouts::sliver07::Sliver07;
use crate::prepare::preprocess::Window;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A dataset that lies somewhere on a disk.
pub trait Source: Sync {
    /// Name for reports: `acdc`.
    fn dataset(&self) -> String;

    /// Names of the label values 0, 1, …; the first is the background.
    fn classes(&self) -> Vec<String>;

    /// Finds the examinations without reading voxels, sorted by id, and names what is not used.
    ///
    /// # Errors
    /// When nothing is found, an image lacks its mask, or it cannot be told which mask is whose.
    fn cases(&self) -> Result<Found>;

    /// Reads one examination.
    ///
    /// # Errors
    /// Unreadable, truncated or contradictory files.
    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case>;
}

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

/// What some sources have to be told.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Class names, for sources whose files do not tell.
    pub classes: Option<Vec<String>>,
    /// Regular expression whose first group is the patient, for sources whose file names are free.
    pub patient: Option<String>,
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

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walked {
    /// Files, sorted by path.
    pub files: Vec<PathBuf>,
    /// Folders that were not entered, with the reason.
    pub findings: Vec<Finding>,
}

/// All files up to `depth` folders below `root`, sorted by path; hidden ones are left out, and each folder is read once,
/// however many links lead to it.
///
/// # Errors
/// When a folder cannot be listed.
pub fn walk(root: &Path, depth: usize) -> Result<Walked> {
    let mut walked = Walked::default();
    // The folders themselves before links to them: which of both is read must not depend on names.
    let mut seen = BTreeSet::from([real(root)]);
    let mut later = Vec::new();
    descend(root, root, depth, &mut seen, &mut walked, &mut later)?;
    while let Some((link, depth)) = later.pop() {
        if seen.insert(real(&link)) {
            descend(root, &link, depth, &mut seen, &mut walked, &mut later)?;
        } else {
            let text = "a link to a folder that is read already";
            walked.findings.push(Finding::set_aside(below(root, &link), text));
        }
    }
    walked.files.sort();
    Ok(walked)
}

fn descend(
    root: &Path,
    folder: &Path,
    depth: usize,
    seen: &mut BTreeSet<PathBuf>,
    walked: &mut Walked,
    later: &mut Vec<(PathBuf, usize)>,
) -> Result<()> {
    for path in entries(folder)? {
        if !path.is_dir() {
            walked.files.push(path);
        } else if depth == 0 {
            let text = "a folder deeper than is searched";
            walked.findings.push(Finding::set_aside(below(root, &path), text));
        } else if path.is_symlink() {
            later.push((path, depth - 1));
        } else {
            seen.insert(real(&path));
            descend(root, &path, depth - 1, seen, walked, later)?;
        }
    }
    Ok(())
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A path relative to the dataset's folder, for people.
pub fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// Findings of files that no case uses, each with why, in the files' order.
pub fn unused<'a>(
    root: &Path,
    files: impl IntoIterator<Item = &'a PathBuf>,
    why: &str,
) -> Vec<Finding> {
    files.into_iter().map(|path| Finding::set_aside(below(root, path), why)).collect()
}

/// Entries of a folder, sorted by name; hidden ones are left out.
///
/// # Errors
/// When it cannot be listed.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let list = std::fs::read_dir(folder)
        .with_context(|| format!("{}: cannot be listed", folder.display()))?;
    for entry in list {
        let path = entry.with_context(|| format!("{}: cannot be listed", folder.display()))?.path();
        if !name(&path).starts_with('.') {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The last component of a path as text.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
