//! SLiver07: abdominal CT with liver masks (Heimann et al. 2009): `liver-orig001.mhd` + `.raw` with
//! `liver-seg001.mhd` + `.raw`, in one folder or in sub-folders. Each volume is a patient.

use super::beside::{FilePair, pairs};
use super::load::one_pair;
use crate::formats::file::stem;
use crate::layouts::source::Source;
use crate::layouts::walk::{Walked, walk};
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The dataset.
#[derive(Debug)]
pub struct Sliver07 {
    root: PathBuf,
}

impl Sliver07 {
    /// At `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

impl Source for Sliver07 {
    fn dataset(&self) -> String {
        "sliver07".to_owned()
    }

    fn classes(&self) -> Vec<String> {
        ["background", "liver"].map(str::to_owned).to_vec()
    }

    fn cases(&self) -> Result<Found> {
        let Walked { files, mut findings } = walk(&self.root, 3)?;
        // `liver-orig001.mhd` and its `liver-seg001.mhd` are `liver001`.
        let of = |prefix: &str| -> Vec<(String, &PathBuf)> {
            let number = |path: &PathBuf| -> Option<String> {
                Some(format!("liver{}", stem(path)?.strip_prefix(prefix)?))
            };
            files.iter().filter_map(|path| Some((number(path)?, path))).collect()
        };
        let expected = |id: &str| format!("liver-seg{}.mhd", id.trim_start_matches("liver"));
        let (pairs, unused) = pairs(&self.root, &of("liver-orig"), &of("liver-seg"), &expected)?;
        findings.extend(unused);
        if pairs.is_empty() {
            bail!("{}: no liver-orig*.mhd, expected SLiver07's layout", self.root.display());
        }
        let case = |pair: FilePair| CaseFiles {
            patient: pair.id.clone(),
            id: pair.id,
            official: None,
            fold: None,
            images: vec![pair.image],
            masks: vec![pair.mask],
        };
        Ok(Found { cases: pairs.into_iter().map(case).collect(), findings })
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        one_pair(&files.images[0], &files.masks[0], &Naming::of(&self.classes()), reader)
    }
}
