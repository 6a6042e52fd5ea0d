//! Names of BIDS files: `sub-01_ses-2_acq-hi_T1w.nii.gz` is entities and a suffix.

use crate::formats::file::stem;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    /// `sub`, `ses`, `acq`, … with their labels.
    pub(super) entities: BTreeMap<String, String>,
    /// `T1w`, `dseg`, …
    pub(super) suffix: String,
}

/// Entities that say how a derivative was made, not of which image.
const OF_DERIVATIVES: [&str; 9] =
    ["atlas", "den", "desc", "from", "hemi", "label", "res", "seg", "space"];

impl Named {
    /// Of a path; `None` where the name is none of BIDS.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let stem = stem(path)?;
        let mut parts: Vec<&str> = stem.split('_').collect();
        let suffix = parts.pop().filter(|suffix| !suffix.contains('-'))?.to_owned();
        let mut entities = BTreeMap::new();
        for part in parts {
            let (key, label) = part.split_once('-')?;
            entities.insert(key.to_owned(), label.to_owned());
        }
        entities.contains_key("sub").then(|| Self { path: path.to_owned(), entities, suffix })
    }

    /// What of its entities names the image that it was made of.
    pub(super) fn source(&self) -> BTreeMap<String, String> {
        let mut entities = self.entities.clone();
        entities.retain(|key, _| !OF_DERIVATIVES.contains(&key.as_str()));
        entities
    }

    /// Whether an image has all of these entities.
    pub(super) fn has(&self, entities: &BTreeMap<String, String>) -> bool {
        entities.iter().all(|(key, label)| self.entities.get(key) == Some(label))
    }
}

/// `sub-01_ses-2`, for ids and messages.
pub(super) fn text(entities: &BTreeMap<String, String>) -> String {
    // In the order of the standard where it matters to people; the others follow by name.
    let first = ["sub", "ses"];
    let named = first.iter().filter_map(|key| entities.get_key_value(*key));
    let rest = entities.iter().filter(|(key, _)| !first.contains(&key.as_str()));
    let parts: Vec<String> =
        named.chain(rest).map(|(key, label)| format!("{key}-{label}")).collect();
    parts.join("_")
}
