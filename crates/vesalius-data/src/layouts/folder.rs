//! A plain folder of images and masks.
//!
//! Layouts: `images/` and `masks/` (or `labels/`, …) with equally named files, also below `train/` and `test/`; or
//! `NAME.png` beside `NAME_mask.png`. Extensions may differ between image and mask.

use super::load::one_pair;
use super::patients::{Named, assign, pattern};
use crate::formats::file::{KNOWN, is_data_file, stem};
use crate::layouts::source::{Source, SourceOptions};
use crate::layouts::walk::{Walked, below, name, unused, walk};
use crate::pack::manifest::Split;
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Result, bail};
use regex::Regex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names of folders that hold images, and masks.
const IMAGE_FOLDERS: [&str; 4] = ["images", "image", "imgs", "img"];
const MASK_FOLDERS: [&str; 7] = ["masks", "mask", "labels", "label", "annotations", "gt", "ground"];
/// Endings of a mask's name after the image's.
const MASK_SUFFIXES: [&str; 5] = ["_mask", "_masks", "_label", "_gt", "_seg"];

/// The dataset.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    naming: Naming,
    patient: Option<Regex>,
}

impl Folder {
    /// At `root`.
    ///
    /// # Errors
    /// When the patient pattern is not a regular expression with a group.
    pub fn new(root: &Path, options: &SourceOptions) -> Result<Self> {
        let patient = pattern(options.patient.as_deref())?;
        Ok(Self { root: root.to_owned(), naming: options.naming(), patient })
    }
}

/// What a file is, by its place and name.
struct Place {
    mask: bool,
    /// Path without role folder, split folder and extension: what image and mask have in common.
    key: String,
    side: Option<Split>,
    named: Named,
}

fn place(root: &Path, path: &Path, stem: String) -> Option<Place> {
    let relative = path.strip_prefix(root).ok()?;
    let mut role = None;
    let mut side = None;
    let mut side_name = None;
    let mut folders = Vec::new();
    for part in relative.parent()?.components() {
        let part = part.as_os_str().to_string_lossy().into_owned();
        let lower = part.to_lowercase();
        if role.is_none() && IMAGE_FOLDERS.contains(&lower.as_str()) {
            role = Some(false);
        } else if role.is_none() && MASK_FOLDERS.contains(&lower.as_str()) {
            role = Some(true);
        } else if side.is_none() && ["train", "training"].contains(&lower.as_str()) {
            (side, side_name) = (Some(Split::Train), Some(part));
        } else if side.is_none() && ["test", "testing"].contains(&lower.as_str()) {
            (side, side_name) = (Some(Split::Test), Some(part));
        } else {
            folders.push(part);
        }
    }
    let bare = MASK_SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix));
    let mask = role.unwrap_or(bare.is_some());
    let stem = if mask { bare.unwrap_or(&stem).to_owned() } else { stem };
    let key = format!("{side:?}/{}/{stem}", folders.join("/").to_lowercase());
    let relative = relative.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
    Some(Place { mask, key, side, named: Named { stem, side: side_name, folders, relative } })
}

impl Source for Folder {
    fn dataset(&self) -> String {
        let root = std::fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        name(&root)
    }

    fn classes(&self) -> Vec<String> {
        self.naming.classes.clone()
    }

    fn cases(&self) -> Result<Found> {
        let Walked { files, mut findings } = walk(&self.root, 6)?;
        let mut images: Vec<(PathBuf, Place)> = Vec::new();
        let mut masks: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut others = Vec::new();
        for path in files {
            let Some(place) = stem(&path).and_then(|stem| place(&self.root, &path, stem)) else {
                others.push(path);
                continue;
            };
            if place.mask {
                if let Some(other) = masks.insert(place.key, path.clone()) {
                    bail!("{} and {}: two masks for one image", other.display(), path.display());
                }
            } else if let Some((other, _)) = images.iter().find(|(_, o)| o.key == place.key) {
                bail!("{} and {}: two images for one mask", other.display(), path.display());
            } else {
                images.push((path, place));
            }
        }
        if images.is_empty() {
            let first = others.first().map_or_else(String::new, |path| {
                format!(" ({} is not {KNOWN})", below(&self.root, path))
            });
            bail!(
                "{}: no image{first}, expected images/ and masks/, or NAME.png with NAME_mask.png",
                self.root.display()
            );
        }
        let named: Vec<Named> = images.iter().map(|(_, place)| place.named.clone()).collect();
        let assigned = assign(&named, self.patient.as_ref())?;
        findings.extend(assigned.findings);
        let mut cases = Vec::new();
        for ((path, place), (id, patient)) in images.into_iter().zip(assigned.names) {
            let Some(mask) = masks.remove(&place.key) else {
                bail!(
                    "{}: no mask of that name, expected one in masks/ or labels/",
                    path.display()
                );
            };
            let official = place.side;
            let (images, masks) = (vec![path], vec![mask]);
            cases.push(CaseFiles { id, patient, official, fold: None, images, masks });
        }
        findings.extend(unused(&self.root, masks.values(), "mask without image"));
        let others = others.iter().filter(|path| !is_data_file(path));
        findings.extend(unused(&self.root, others, &format!("not {KNOWN}")));
        Ok(Found { cases, findings })
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        one_pair(&files.images[0], &files.masks[0], &self.naming, reader)
    }
}
