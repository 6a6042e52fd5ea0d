//! BIDS (Brain Imaging Data Structure 1.x): images in `sub-*/[ses-*/]anat/`, masks of them below `derivatives/`: one
//! `*_dseg` with its `dseg.tsv`, or a `*_label-NAME_mask` of each class.
//!
//! Images of one session with different suffixes (`T1w`, `FLAIR`) are channels.

mod names;
mod tables;
#[cfg(test)]
mod tests;

use super::load::{ClassMask, channels, with_masks};
use crate::checks::findings::Finding;
use crate::formats::file::{self, is_data_file};
use crate::layouts::source::{Source, SourceOptions};
use crate::layouts::walk::{Walked, below, name, unused, walk};
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Result, bail};
use names::{Named, text};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tables::{groups, naming};

/// Folders of pictures of the body; others hold time series, fields and signals.
const PICTURES: [&str; 3] = ["anat", "ct", "pet"];

/// The dataset.
#[derive(Debug)]
pub struct Bids {
    root: PathBuf,
    naming: Naming,
    /// Suffixes that every case has.
    channels: Vec<String>,
    cases: BTreeMap<String, BidsCase>,
    groups: BTreeMap<String, String>,
    findings: Vec<Finding>,
}

/// Files of one session.
#[derive(Debug)]
struct BidsCase {
    patient: String,
    /// By suffix.
    images: BTreeMap<String, PathBuf>,
    /// Files with the class that each is of; an empty name where the file has labels.
    masks: Vec<ClassMask>,
}

impl Bids {
    /// At `root`.
    ///
    /// # Errors
    /// No images or masks, a mask of which it cannot be told whose it is, class names that contradict each other.
    pub fn new(root: &Path, options: &SourceOptions) -> Result<Self> {
        let Walked { files, mut findings } = walk(root, 8)?;
        let (mut images, mut masks, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for path in files {
            let relative = below(root, &path);
            let derived = relative.starts_with("derivatives/");
            let Some(named) = Named::of(&path) else {
                if file::stem(&path).is_some() && !is_data_file(&path) {
                    others.push(path);
                }
                continue;
            };
            let pictures =
                path.parent().is_some_and(|folder| PICTURES.contains(&name(folder).as_str()));
            match (derived, named.suffix.as_str()) {
                (true, "dseg" | "mask") => masks.push(named),
                (false, _) if pictures => images.push(named),
                _ => others.push(path),
            }
        }
        findings.extend(unused(root, &others, "neither an anatomical image nor a mask of one"));
        let cases = grouped(root, &images, masks, &mut findings)?;
        let channels = common_suffixes(root, &cases, &mut findings)?;
        let naming = naming(root, &cases, options)?;
        let groups = groups(root)?;
        Ok(Self { root: root.to_owned(), naming, channels, cases, groups, findings })
    }
}

/// Masks with the images that they were made of.
fn grouped(
    root: &Path,
    images: &[Named],
    masks: Vec<Named>,
    findings: &mut Vec<Finding>,
) -> Result<BTreeMap<String, BidsCase>> {
    if images.is_empty() || masks.is_empty() {
        let what = if images.is_empty() {
            "image in sub-*/anat/"
        } else {
            "*_dseg or *_mask below derivatives/"
        };
        bail!("{}: no {what}, expected BIDS with masks among its derivatives", root.display());
    }
    let mut found: BTreeMap<String, BidsCase> = BTreeMap::new();
    let mut used: BTreeSet<&PathBuf> = BTreeSet::new();
    for mask in masks {
        let source = mask.source();
        let id = text(&source);
        let of: Vec<&Named> = images.iter().filter(|image| image.has(&source)).collect();
        if of.is_empty() {
            findings.extend(unused(root, [&mask.path], "mask without image"));
            continue;
        }
        let mut by_suffix: BTreeMap<String, PathBuf> = BTreeMap::new();
        for image in of {
            if let Some(other) = by_suffix.insert(image.suffix.clone(), image.path.clone()) {
                bail!(
                    "{}: a mask of {} or of {}, expected entities (run, acq) that say of which",
                    mask.path.display(),
                    other.display(),
                    image.path.display()
                );
            }
            used.insert(&image.path);
        }
        let class = mask.entities.get("label").filter(|_| mask.suffix == "mask").cloned();
        let class = class.unwrap_or_default();
        let patient = source["sub"].clone();
        let case = found.entry(id.clone()).or_insert_with(|| BidsCase {
            patient,
            images: by_suffix,
            masks: vec![],
        });
        if let Some((_, other)) = case
            .masks
            .iter()
            .find(|(name, _)| name.is_empty() || class.is_empty() || *name == class)
        {
            bail!(
                "{} and {}: two masks of {id}, expected one, or one of each class (label-NAME)",
                other.display(),
                mask.path.display()
            );
        }
        case.masks.push((class, mask.path));
    }
    if found.is_empty() {
        bail!(
            "{}: no mask is of an image, expected sub-*/anat/ and derivatives/*/sub-*/anat/",
            root.display()
        );
    }
    let without = images.iter().map(|image| &image.path).filter(|path| !used.contains(path));
    findings.extend(unused(root, without, "image without mask"));
    Ok(found)
}

/// Suffixes that all cases have; images of others are set aside.
fn common_suffixes(
    root: &Path,
    cases: &BTreeMap<String, BidsCase>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<String>> {
    let mut common: Option<BTreeSet<&String>> = None;
    for case in cases.values() {
        let own: BTreeSet<&String> = case.images.keys().collect();
        common =
            Some(common.map_or(own.clone(), |common| common.intersection(&own).copied().collect()));
    }
    let common = common.unwrap_or_default();
    if common.is_empty() {
        bail!(
            "{}: no suffix (T1w, FLAIR, …) that all cases with masks have, expected one",
            root.display()
        );
    }
    for case in cases.values() {
        let rare = case.images.iter().filter(|(suffix, _)| !common.contains(suffix));
        findings.extend(unused(
            root,
            rare.map(|(_, path)| path),
            "an image of a kind that other cases lack",
        ));
    }
    Ok(common.into_iter().cloned().collect())
}

impl Source for Bids {
    fn dataset(&self) -> String {
        name(&std::fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone()))
    }

    fn classes(&self) -> Vec<String> {
        self.naming.classes.clone()
    }

    fn channels(&self) -> Option<Vec<String>> {
        (self.channels.len() > 1).then(|| self.channels.clone())
    }

    fn cases(&self) -> Result<Found> {
        let case = |(id, case): (&String, &BidsCase)| CaseFiles {
            id: id.clone(),
            patient: case.patient.clone(),
            images: self.channels.iter().map(|channel| case.images[channel].clone()).collect(),
            masks: case.masks.iter().map(|(_, path)| path.clone()).collect(),
            ..CaseFiles::default()
        };
        Ok(Found { cases: self.cases.iter().map(case).collect(), findings: self.findings.clone() })
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let image = channels(&files.images, reader)?;
        let masks = &self.cases[&files.id].masks;
        let case = with_masks(&files.images[0], image, masks, &self.naming, reader)?;
        let sequences = if self.channels.len() > 1 { self.channels.clone() } else { vec![] };
        Ok(Case { group: self.groups.get(&files.patient).cloned(), sequences, ..case })
    }
}
