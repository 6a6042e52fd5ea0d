//! NIfTI pairs in nnU-Net's raw layout or that of the Medical Segmentation Decathlon: `imagesTr/`, `labelsTr/` (and
//! `imagesTs/`, `labelsTs/` as the official test side), `dataset.json`, the channel suffix `_0000` where present.

mod dataset_json;
#[cfg(test)]
mod tests;

pub use dataset_json::{DatasetJson, parse_dataset_json};

use super::load::{channels, whole, with_masks};
use super::patients::{Named, assign, pattern};
use crate::checks::findings::Finding;
use crate::formats::file::{self, ImageFile, KNOWN, is_data_file};
use crate::layouts::source::{Source, SourceOptions};
use crate::layouts::walk::{below, entries, name, unused};
use crate::pack::manifest::Split;
use crate::volume::pair::alignment;
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Context, Result, bail};
use regex::Regex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The dataset.
#[derive(Debug)]
pub struct Nnunet {
    root: PathBuf,
    dataset: String,
    naming: Naming,
    json: DatasetJson,
    patient: Option<Regex>,
}

impl Nnunet {
    /// At `root`; classes come from the option, else from `dataset.json`.
    ///
    /// # Errors
    /// When neither names the classes, or `dataset.json` is damaged.
    pub fn new(root: &Path, options: &SourceOptions) -> Result<Self> {
        let path = root.join("dataset.json");
        let json = if path.symlink_metadata().is_ok() {
            let text = crate::files::read::state(&path)
                .with_context(|| format!("{}: cannot be read", path.display()))?;
            Some(parse_dataset_json(&text).with_context(|| format!("{}", path.display()))?)
        } else {
            None
        };
        let classes = match (&options.classes, &json) {
            (Some(classes), _) => classes.clone(),
            (None, Some(json)) => json.classes.clone().with_context(|| {
                format!("{}: no labels, expected names for 0, 1, …, or --classes", path.display())
            })?,
            (None, None) => bail!("{}: missing; expected it, or --classes", path.display()),
        };
        let json = json.unwrap_or_default();
        let root_name = name(&std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()));
        Ok(Self {
            root: root.to_owned(),
            dataset: json.name.clone().unwrap_or(root_name),
            naming: Naming { renamed: options.segments.clone(), ..Naming::of(&classes) },
            json,
            patient: pattern(options.patient.as_deref())?,
        })
    }
}

/// One side's cases, not yet assigned to patients.
struct Side {
    split: Split,
    /// Id, channels in order, mask.
    cases: Vec<(String, Vec<PathBuf>, PathBuf)>,
    findings: Vec<Finding>,
}

/// Images or masks of a folder by their names without extension; others are set aside.
fn volumes(root: &Path, folder: &Path) -> Result<(BTreeMap<String, PathBuf>, Vec<Finding>)> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut others = Vec::new();
    for path in entries(folder)? {
        let Some(stem) = file::stem(&path) else {
            others.push(path);
            continue;
        };
        if let Some(other) = found.insert(stem, path.clone()) {
            bail!(
                "{} and {}: one volume twice, expected one file",
                other.display(),
                path.display()
            );
        }
    }
    if let (true, Some(other)) = (found.is_empty(), others.first()) {
        bail!("{}: only {} and the like, expected {KNOWN}", folder.display(), name(other));
    }
    let others = others.iter().filter(|path| !is_data_file(path));
    let findings = unused(root, others, &format!("not {KNOWN}"));
    Ok((found, findings))
}

/// `id_0000`: the id and the number of the channel.
fn channel(stem: &str) -> Option<(&str, usize)> {
    let (id, number) = stem.rsplit_once('_')?;
    let four = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((id, number.parse().ok().filter(|_| four && !id.is_empty())?))
}

fn side(root: &Path, suffix: &str, split: Split) -> Result<Option<Side>> {
    let [images, labels] = ["images", "labels"].map(|role| root.join(format!("{role}{suffix}")));
    if !labels.is_dir() {
        let unlabelled = Finding::set_aside(format!("images{suffix}"), "images without masks");
        let findings = if images.is_dir() { vec![unlabelled] } else { vec![] };
        return Ok(Some(Side { split, cases: vec![], findings }));
    }
    if !images.is_dir() {
        bail!("{}: no images{suffix}/ beside it, expected nnU-Net's layout", labels.display());
    }
    let (image_files, mut findings) = volumes(root, &images)?;
    let (mut masks, more) = volumes(root, &labels)?;
    findings.extend(more);
    let mut channels: BTreeMap<String, BTreeMap<usize, PathBuf>> = BTreeMap::new();
    for (stem, path) in image_files {
        let (id, number) = match channel(&stem) {
            // A mask of the whole name says that these digits are the case's and no channel's.
            Some((id, number)) if !masks.contains_key(&stem) => (id.to_owned(), number),
            _ => (stem.clone(), 0),
        };
        if let Some(other) = channels.entry(id).or_default().insert(number, path.clone()) {
            bail!(
                "{} and {}: both channel {number} of one case, expected one",
                other.display(),
                path.display()
            );
        }
    }
    let mut cases = Vec::new();
    for (id, images) in channels {
        let first = images.values().next().cloned().unwrap_or_default();
        let Some(mask) = masks.remove(&id) else {
            bail!("{}: no mask; expected {id}.nii.gz in {}", first.display(), labels.display());
        };
        if let Some(missing) = (0..images.len()).find(|number| !images.contains_key(number)) {
            bail!(
                "{}: no channel {missing} of case {id} ({id}_{missing:04}.nii.gz), expected all from 0 to the greatest",
                first.display()
            );
        }
        cases.push((id, images.into_values().collect(), mask));
    }
    findings.extend(unused(root, masks.values(), "mask without image"));
    Ok(Some(Side { split, cases, findings }))
}

impl Nnunet {
    /// Every case has the channels that dataset.json names, or else those of the first.
    fn check_channels(&self, sides: &[Side]) -> Result<()> {
        let mut cases = sides.iter().flat_map(|side| &side.cases).peekable();
        let first = cases.peek().map(|(id, images, _)| (id.clone(), images.len()));
        for (id, images, _) in cases {
            let (expected, whose) = match (&self.json.channels, &first) {
                // One file may hold all channels on its fourth axis: `load` counts them.
                (Some(_), _) if images.len() == 1 => continue,
                (Some(names), _) => (names.len(), "dataset.json's channel_names".to_owned()),
                (None, Some((other, count))) => (*count, format!("case {other}")),
                (None, None) => continue,
            };
            if images.len() != expected {
                bail!(
                    "{}: {} channels of case {id}, expected {expected} as {whose}",
                    images[0].display(),
                    images.len()
                );
            }
        }
        Ok(())
    }
}

impl Source for Nnunet {
    fn dataset(&self) -> String {
        self.dataset.clone()
    }

    fn classes(&self) -> Vec<String> {
        self.naming.classes.clone()
    }

    fn channels(&self) -> Option<Vec<String>> {
        self.json.channels.clone()
    }

    fn cases(&self) -> Result<Found> {
        let mut sides = Vec::new();
        for (suffix, split) in [("Tr", Split::Train), ("Ts", Split::Test)] {
            sides.extend(side(&self.root, suffix, split)?);
        }
        let total: usize = sides.iter().map(|side| side.cases.len()).sum();
        if total == 0 {
            bail!(
                "{}: no imagesTr/ with labelsTr/, expected nnU-Net's layout",
                self.root.display()
            );
        }
        self.check_channels(&sides)?;
        let official = sides[1..].iter().any(|side| !side.cases.is_empty());
        let mut findings: Vec<Finding> =
            sides.iter().flat_map(|side| side.findings.clone()).collect();
        if let Some(promised) = self.json.training
            && promised != sides[0].cases.len()
        {
            let text = format!(
                "numTraining is {promised}, but {} cases with masks are in imagesTr",
                sides[0].cases.len()
            );
            findings.push(Finding::warning("dataset.json", text));
        }
        let all = || sides.iter().flat_map(|side| side.cases.iter().map(|case| (side.split, case)));
        let named: Vec<Named> = all()
            .map(|(_, (id, images, _))| Named {
                stem: id.clone(),
                side: None,
                folders: vec![],
                relative: below(&self.root, &images[0]),
            })
            .collect();
        let assigned = assign(&named, self.patient.as_ref())?;
        findings.extend(assigned.findings);
        let mut cases = Vec::with_capacity(total);
        for ((split, (id, images, mask)), (_, patient)) in all().zip(assigned.names) {
            cases.push(CaseFiles {
                id: id.clone(),
                patient,
                official: official.then_some(split),
                fold: None,
                images: images.clone(),
                masks: vec![mask.clone()],
            });
        }
        Ok(Found { cases, findings })
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let image = channels(&files.images, reader)?;
        if let Some(expected) = self.json.channels.as_ref().map(Vec::len)
            && expected != image.volume.channels
        {
            bail!(
                "{}: {} channels, expected {expected} as dataset.json's channel_names",
                files.images[0].display(),
                image.volume.channels
            );
        }
        let case = with_masks(&files.images[0], image, &whole(&files.masks), &self.naming, reader)?;
        let names = self.json.channels.clone().unwrap_or_else(|| {
            (0..case.volume.channels).map(|channel| format!("channel {channel}")).collect()
        });
        let sequences = if names.len() == 1 || is_colour(&names) { vec![] } else { names };
        Ok(Case { sequences, ..case })
    }
}

/// nnU-Net normalises channels called so together, as they are one picture.
fn is_colour(names: &[String]) -> bool {
    const COLOURS: [&str; 3] = ["r", "g", "b"];
    const WORDS: [&str; 3] = ["red", "green", "blue"];
    let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    names == COLOURS || names == WORDS
}

/// Appends the channels of another file of the same examination.
///
/// # Errors
/// Other numbers of voxels, another grid.
pub(super) fn add_channels(image: &mut ImageFile, mut other: ImageFile) -> Result<()> {
    let grid = |file: &ImageFile| [file.volume.slices, file.volume.height, file.volume.width];
    if grid(&other) != grid(image) {
        bail!("{:?} voxels, expected {:?} as the first channel", grid(&other), grid(image));
    }
    let (alignment, note) = alignment("channel", other.geometry, image.geometry)?;
    let number = image.volume.channels;
    image.notes.extend(note.map(|note| format!("channel {number}: {note}")));
    image.notes.extend(other.notes.iter().map(|note| format!("channel {number}: {note}")));
    if let Some(alignment) = alignment {
        other.volume = other.volume.reordered(&alignment);
    }
    image.volume = image.volume.with_channels(&other.volume);
    if image.person.is_some() && other.person.is_some() && image.person != other.person {
        image.notes.push(format!("channel {number}: of another PatientID than the first channel"));
    }
    image.person = image.person.take().or(other.person);
    Ok(())
}
