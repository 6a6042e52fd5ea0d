//! NIfTI pairs in nnU-Net's raw layout or that of the Medical Segmentation Decathlon: `imagesTr/`, `labelsTr/` (and
//! `imagesTs/`, `labelsTs/` as the official test side), `dataset.json`, the channel suffix `_0000` where present.

use super::acdc::{labels, read, volume};
use super::folder::{patient_of, pattern};
use super::manifest::Split;
use super::pair::{alignment, lay_on};
use super::source::{Source, SourceOptions, entries, name};
use super::volume::{Case, CaseFiles, Found, Reader};
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

/// `ID.nii.gz` or `ID.nii` in a folder.
fn find(folder: &Path, id: &str) -> Option<PathBuf> {
    ["nii.gz", "nii"]
        .map(|extension| folder.join(format!("{id}.{extension}")))
        .into_iter()
        .find(|path| path.is_file())
}

impl Source for Nnunet {
    fn dataset(&self) -> String {
        self.dataset.clone()
    }

    fn classes(&self) -> Vec<String> {
        self.classes.clone()
    }

    fn cases(&self) -> Result<Found> {
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
                    // A mask of the whole name says that these digits are the case's and no channel's.
                    Some((id, number))
                        if number.len() == 4
                            && number.parse::<u16>().is_ok()
                            && find(&labels, &stem).is_none() =>
                    {
                        id
                    }
                    _ => &stem,
                };
                channels.entry(id.to_owned()).or_default().push(image);
            }
            for (id, images) in channels {
                let Some(mask) = find(&labels, &id) else {
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
        Ok(Found::of(cases))
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let mut image = read(&files.images[0], reader)?;
        let mut notes = vec![];
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
            let (alignment, note) = alignment(other.geometry, image.geometry)
                .with_context(|| format!("{}", path.display()))?;
            notes.extend(note.map(|note| format!("channel {}: {note}", image.shape[0])));
            image.shape[0] += other.shape[0];
            match alignment {
                None => image.values.extend(other.values),
                Some(alignment) => {
                    let voxels = other.shape[1..].iter().product();
                    for channel in other.values.chunks_exact(voxels) {
                        image.values.extend(alignment.apply(channel));
                    }
                }
            }
        }
        let mask = read(&files.masks[0], reader)?;
        let at_mask = || format!("{}", files.masks[0].display());
        let (labels, note) =
            lay_on(labels(&mask).with_context(at_mask)?, mask.geometry, image.geometry)
                .with_context(at_mask)?;
        notes.extend(note);
        let (spacing_mm, geometry) = (image.spacing_mm, image.geometry);
        Ok(Case { spacing_mm, geometry, notes, ..Case::new(volume(image), labels) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_names_are_read_in_both_directions_and_must_count_from_0() {
        let expected = Some(["background", "liver", "tumour"].map(str::to_owned).to_vec());
        // By number, not by name: the third label comes first in the alphabet.
        assert_eq!(classes(&json!({"tumour": 2, "background": 0, "liver": 1})), expected);
        assert_eq!(classes(&json!({"0": "background", "2": "tumour", "1": "liver"})), expected);
        for wrong in [
            json!(null),
            json!({}),
            json!({"background": 0}),
            json!({"background": 0, "liver": 2}),
            json!({"background": 0, "liver": [1, 2]}),
            json!({"background": 0, "liver": 0}),
            json!({"liver": "1", "background": "0"}),
        ] {
            assert_eq!(classes(&wrong), None, "{wrong}");
        }
    }

    /// Cases of a folder of empty files: their ids and the number of their images.
    fn found(images: &[&str], labels: &[&str]) -> Result<Vec<(String, usize)>> {
        let folder = tempfile::tempdir().unwrap();
        for (side, names) in [("imagesTr", images), ("labelsTr", labels)] {
            std::fs::create_dir(folder.path().join(side)).unwrap();
            for name in names {
                std::fs::write(folder.path().join(side).join(name), b"").unwrap();
            }
        }
        let classes = Some(["background", "organ"].map(str::to_owned).to_vec());
        let options = SourceOptions { classes, patient: None };
        let cases = Nnunet::new(folder.path(), &options)?.cases()?.cases;
        Ok(cases.into_iter().map(|case| (case.id, case.images.len())).collect())
    }

    #[test]
    fn four_digits_are_a_channel_unless_a_mask_has_them_too() {
        let one = |id: &str, images: usize| vec![(id.to_owned(), images)];
        assert_eq!(
            found(&["case_0001.nii.gz"], &["case_0001.nii.gz"]).unwrap(),
            one("case_0001", 1)
        );
        assert_eq!(found(&["case_0001.nii"], &["case_0001.nii.gz"]).unwrap(), one("case_0001", 1));
        let channels = ["case_0000.nii.gz", "case_0001.nii.gz"];
        assert_eq!(found(&channels, &["case.nii.gz"]).unwrap(), one("case", 2));
        let both = [one("case_0001", 1), one("case_0002", 2)].concat();
        assert_eq!(
            found(
                &["case_0001_0000.nii", "case_0002_0000.nii", "case_0002_0001.nii"],
                &["case_0001.nii", "case_0002.nii"]
            )
            .unwrap(),
            both
        );
        let error = found(&["case_0001.nii.gz"], &["other.nii.gz"]).unwrap_err().to_string();
        assert!(error.contains("case_0001.nii.gz: no mask; expected case.nii.gz"), "{error}");
    }
}
