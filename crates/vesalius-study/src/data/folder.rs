//! A plain folder of images and masks.
//!
//! Layouts: `images/` and `masks/` (or `labels/`, …) with equally named files, also below `train/` and `test/`; or
//! `NAME.png` beside `NAME_mask.png`. Extensions may differ between image and mask.

use super::idrid::load_pair;
use super::manifest::Split;
use super::raster::is_raster;
use super::source::{Source, SourceOptions, name, walk};
use super::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Context, Result, bail};
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
    classes: Vec<String>,
    patient: Option<Regex>,
}

impl Folder {
    /// At `root`.
    ///
    /// # Errors
    /// When the patient pattern is not a regular expression with a group.
    pub fn new(root: &Path, options: &SourceOptions) -> Result<Self> {
        let classes = options
            .classes
            .clone()
            .unwrap_or_else(|| ["background", "foreground"].map(str::to_owned).to_vec());
        Ok(Self { root: root.to_owned(), classes, patient: pattern(options.patient.as_deref())? })
    }
}

/// Compiles `--patient`.
///
/// # Errors
/// When it is not a regular expression with a group.
pub fn pattern(text: Option<&str>) -> Result<Option<Regex>> {
    let Some(text) = text else { return Ok(None) };
    let regex = Regex::new(text).map_err(|error| {
        let reason = error.to_string().replace('\n', " ");
        anyhow::anyhow!("--patient {text}: not a regular expression ({reason})")
    })?;
    if regex.captures_len() < 2 {
        bail!("--patient {text}: expected a group in parentheses that is the patient");
    }
    Ok(Some(regex))
}

/// The patient of a file name: the pattern's first group, or the whole name.
///
/// # Errors
/// When the pattern does not match.
pub fn patient_of(stem: &str, pattern: Option<&Regex>) -> Result<String> {
    let Some(regex) = pattern else { return Ok(stem.to_owned()) };
    regex
        .captures(stem)
        .and_then(|captures| captures.get(1))
        .map(|group| group.as_str().to_owned())
        .with_context(|| {
            format!("{stem}: --patient {regex} does not match, expected it to match every name")
        })
}

/// What a file is, by its place and name.
struct Place {
    mask: bool,
    /// Path without role folder, split folder and extension: what image and mask have in common.
    key: String,
    side: Option<Split>,
}

fn place(root: &Path, path: &Path) -> Option<Place> {
    let relative = path.strip_prefix(root).ok()?;
    let mut role = None;
    let mut side = None;
    let mut key = Vec::new();
    for part in relative.parent()?.components() {
        let lower = part.as_os_str().to_string_lossy().to_lowercase();
        if role.is_none() && IMAGE_FOLDERS.contains(&lower.as_str()) {
            role = Some(false);
        } else if role.is_none() && MASK_FOLDERS.contains(&lower.as_str()) {
            role = Some(true);
        } else if side.is_none() && ["train", "training"].contains(&lower.as_str()) {
            side = Some(Split::Train);
        } else if side.is_none() && ["test", "testing"].contains(&lower.as_str()) {
            side = Some(Split::Test);
        } else {
            key.push(lower);
        }
    }
    let stem = relative.file_stem()?.to_string_lossy().into_owned();
    let bare = MASK_SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix));
    let mask = role.unwrap_or(bare.is_some());
    key.push(if mask { bare.unwrap_or(&stem).to_owned() } else { stem });
    Some(Place { mask, key: format!("{side:?}/{}", key.join("/")), side })
}

impl Source for Folder {
    fn dataset(&self) -> String {
        let root = std::fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        name(&root)
    }

    fn classes(&self) -> Vec<String> {
        self.classes.clone()
    }

    fn cases(&self) -> Result<Found> {
        let mut images = Vec::new();
        let mut masks: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in walk(&self.root, 6)?.into_iter().filter(|path| is_raster(path)) {
            let Some(place) = place(&self.root, &path) else { continue };
            if place.mask {
                if let Some(other) = masks.insert(place.key, path.clone()) {
                    bail!("{} and {}: two masks for one image", other.display(), path.display());
                }
            } else {
                images.push((path, place));
            }
        }
        if images.is_empty() {
            bail!(
                "{}: no image, expected images/ and masks/, or NAME.png with NAME_mask.png",
                self.root.display()
            );
        }
        let mut seen = BTreeMap::new();
        let mut cases = Vec::new();
        for (path, place) in images {
            let Some(mask) = masks.get(&place.key) else {
                bail!(
                    "{}: no mask of that name, expected one in masks/ or labels/",
                    path.display()
                );
            };
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let count: &mut usize = seen.entry(stem.clone()).or_default();
            *count += 1;
            let id = if *count == 1 { stem.clone() } else { format!("{stem}-{count}") };
            cases.push(CaseFiles {
                id,
                patient: patient_of(&stem, self.patient.as_ref())?,
                official: place.side,
                images: vec![path],
                masks: vec![mask.clone()],
            });
        }
        Ok(Found::of(cases))
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        load_pair(&files.images[0], &files.masks[0], self.classes.len(), reader)
    }
}
