//! NIfTI pairs in nnU-Net's raw layout or that of the Medical Segmentation Decathlon: `imagesTr/`, `labelsTr/` (and
//! `imagesTs/`, `labelsTs/` as the official test side), `dataset.json`, the channel suffix `_0000` where present.

use super::acdc::{labels, read, volume};
use super::folder::{patient_of, pattern};
use super::manifest::Split;
use super::source::{Source, SourceOptions, entries, name};
use super::volume::{Case, CaseFiles, Reader};
use anyhow::{Context, Result, bail};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The dataset.
#[derive(Debug)]
pub struct Nnunet {
    root: PathBuf,
    dataset: String,
    classes: Vec<String>,
    patient: Option<Regex>,
}

impl Nnunet {
    /// At `root`; classes come from the option, else from `dataset.json`.
    ///
    /// # Errors
    /// When neither names the classes, or `dataset.json` is damaged.
    pub fn new(root: &Path, options: &SourceOptions) -> Result<Self> {
        let path = root.join("dataset.json");
        let json: Option<Value> = if path.is_file() {
            let text = std::fs::read(&path)
                .with_context(|| format!("{}: cannot be read", path.display()))?;
            let value = serde_json::from_slice(&text)
                .with_context(|| format!("{}: not JSON", path.display()))?;
            Some(value)
        } else {
            None
        };
        let classes = match (&options.classes, &json) {
            (Some(classes), _) => classes.clone(),
            (None, Some(json)) => classes(&json["labels"]).with_context(|| {
                format!("{}: labels, expected names for 0, 1, …", path.display())
            })?,
            (None, None) => bail!("{}: missing; expected it, or --classes", path.display()),
        };
        let own_name = json.as_ref().and_then(|json| json["name"].as_str()).map(str::to_owned);
        let root_name = name(&std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()));
        Ok(Self {
            root: root.to_owned(),
            dataset: own_name.filter(|name| !name.is_empty()).unwrap_or(root_name),
            classes,
            patient: pattern(options.patient.as_deref())?,
        })
    }
}

/// nnU-Net writes `{"background": 0, "liver": 1}`, the Decathlon `{"0": "background", "1": "liver"}`.
fn classes(labels: &Value) -> Option<Vec<String>> {
    let mut by_value = BTreeMap::new();
    for (key, value) in labels.as_object()? {
        if let Some(index) = value.as_u64() {
            by_value.insert(index, key.clone());
        } else {
            by_value.insert(key.parse().ok()?, value.as_str()?.to_owned());
        }
    }
    let whole = by_value.keys().copied().eq(0..by_value.len() as u64);
    (whole && by_value.len() > 1).then(|| by_value.into_values().collect())
}

fn stem(path: &Path) -> Option<String> {
    let file = name(path);
    file.strip_suffix(".nii.gz").or_else(|| file.strip_suffix(".nii")).map(str::to_owned)
}

impl Source for Nnunet {
    fn dataset(&self) -> String {
        self.dataset.clone()
    }

    fn classes(&self) -> Vec<String> {
        self.classes.clone()
    }

    fn cases(&self) -> Result<Vec<CaseFiles>> {
        let mut cases = Vec::new();
        let has_test = self.root.join("labelsTs").is_dir();
        for (suffix, side) in [("Tr", Split::Train), ("Ts", Split::Test)] {
            let (images, labels) = (
                self.root.join(format!("images{suffix}")),
                self.root.join(format!("labels{suffix}")),
            );
            if !labels.is_dir() {
                continue;
            }
            let mut channels: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
            for image in entries(&images)? {
                let Some(stem) = stem(&image) else { continue };
                let id = match stem.rsplit_once('_') {
                    Some((id, number)) if number.len() == 4 && number.parse::<u16>().is_ok() => id,
                    _ => &stem,
                };
                channels.entry(id.to_owned()).or_default().push(image);
            }
            for (id, images) in channels {
                let mask = ["nii.gz", "nii"]
                    .map(|extension| labels.join(format!("{id}.{extension}")))
                    .into_iter()
                    .find(|path| path.is_file());
                let Some(mask) = mask else {
                    bail!(
                        "{}: no mask; expected {id}.nii.gz in {}",
                        images[0].display(),
                        labels.display()
                    );
                };
                cases.push(CaseFiles {
                    patient: patient_of(&id, self.patient.as_ref())?,
                    id,
                    official: has_test.then_some(side),
                    images,
                    masks: vec![mask],
                });
            }
        }
        if cases.is_empty() {
            bail!(
                "{}: no imagesTr/ with labelsTr/, expected nnU-Net's layout",
                self.root.display()
            );
        }
        Ok(cases)
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let mut image = read(&files.images[0], reader)?;
        for path in &files.images[1..] {
            let other = read(path, reader)?;
            if other.shape[1..] != image.shape[1..] {
                bail!(
                    "{}: {:?} voxels, expected {:?} as the first channel",
                    path.display(),
                    &other.shape[1..],
                    &image.shape[1..]
                );
            }
            image.shape[0] += other.shape[0];
            image.values.extend(other.values);
        }
        let mask = read(&files.masks[0], reader)?;
        let labels = labels(&mask).with_context(|| format!("{}", files.masks[0].display()))?;
        Ok(Case { spacing_mm: image.spacing_mm, volume: volume(image), labels, group: None })
    }
}
