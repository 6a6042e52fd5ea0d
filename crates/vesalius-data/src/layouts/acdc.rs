//! ACDC: short-axis cardiac cine-MRI (Bernard et al. 2018, doi:10.1109/TMI.2018.2837502).
//!
//! Official layout: `training/` and `testing/` with `patientNNN/Info.cfg`, `patientNNN_frameMM.nii.gz`, `…_gt.nii.gz`
//! and the 4D cine `patientNNN_4d.nii.gz`, which has no labels and is left out. Bare layout: the patient folders
//! directly below the root, with or without `Info.cfg`.

use super::load::one_pair;
use crate::checks::findings::Finding;
use crate::formats::file::stem;
use crate::layouts::source::Source;
use crate::layouts::walk::{below, entries, name};
use crate::pack::manifest::Split;
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The dataset.
#[derive(Debug)]
pub struct Acdc {
    root: PathBuf,
}

impl Acdc {
    /// At `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

impl Source for Acdc {
    fn dataset(&self) -> String {
        "acdc".to_owned()
    }

    fn classes(&self) -> Vec<String> {
        ["background", "RV cavity", "LV myocardium", "LV cavity"].map(str::to_owned).to_vec()
    }

    fn cases(&self) -> Result<Found> {
        let sides = [("training", Some(Split::Train)), ("testing", Some(Split::Test)), ("", None)];
        let mut found = Found::default();
        for (folder, official) in sides {
            let folder = self.root.join(folder);
            if !folder.is_dir() {
                continue;
            }
            for patient in entries(&folder)? {
                if patient.is_dir() && name(&patient).starts_with("patient") {
                    of_patient(&self.root, &patient, official, &mut found)?;
                } else if stem(&patient).is_some() {
                    let text = "a volume outside of a patient's folder";
                    found.findings.push(Finding::set_aside(below(&self.root, &patient), text));
                }
            }
        }
        if found.cases.is_empty() {
            bail!(
                "{}: no patientNNN/patientNNN_frameMM.nii.gz, expected ACDC's layout",
                self.root.display()
            );
        }
        Ok(found)
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let case =
            one_pair(&files.images[0], &files.masks[0], &Naming::of(&self.classes()), reader)?;
        let info = files.images[0].with_file_name("Info.cfg");
        let group = if info.exists() { group(&reader.read(&info)?) } else { None };
        Ok(Case { group, ..case })
    }
}

/// Frames with labels of one patient's folder; volumes that are none are set aside.
fn of_patient(
    root: &Path,
    folder: &Path,
    official: Option<Split>,
    found: &mut Found,
) -> Result<()> {
    let patient = name(folder);
    let files = entries(folder)?;
    let volumes: Vec<(String, &PathBuf)> =
        files.iter().filter_map(|path| Some((stem(path)?, path))).collect();
    let mut used = BTreeSet::new();
    for (stem, image) in &volumes {
        if stem.ends_with("_gt") || !stem.contains("_frame") {
            continue;
        }
        let wanted = format!("{stem}_gt");
        // Of several, as `.nii` and `.nii.gz`, the one that is stored like the image.
        let mut masks: Vec<&PathBuf> = volumes
            .iter()
            .filter(|(other, _)| *other == wanted)
            .map(|(_, path)| *path)
            .filter(|path| !path.is_dir())
            .collect();
        masks.sort_by_key(|mask| mask.extension() != image.extension());
        let Some(mask) = masks.first() else {
            bail!("{}: no mask; expected {wanted}.nii.gz beside it", image.display());
        };
        used.extend([*image, *mask]);
        found.cases.push(CaseFiles {
            id: stem.clone(),
            patient: patient.clone(),
            official,
            fold: None,
            images: vec![(*image).clone()],
            masks: vec![(*mask).clone()],
        });
    }
    for (stem, path) in volumes.iter().filter(|(_, path)| !used.contains(path)) {
        let why = if stem.ends_with("_gt") {
            "mask without image"
        } else if stem.ends_with("_4d") {
            "cine without labels"
        } else {
            "neither patientNNN_frameMM nor its mask"
        };
        found.findings.push(Finding::set_aside(below(root, path), why));
    }
    Ok(())
}

/// `Group: DCM` of an `Info.cfg`.
fn group(info: &[u8]) -> Option<String> {
    String::from_utf8_lossy(info)
        .lines()
        .find_map(|line| line.strip_prefix("Group:").map(|group| group.trim().to_owned()))
}
