//! IDRiD: retina fundus photographs with the optic disc (Porwal et al. 2018, doi:10.3390/data3030025).
//!
//! Official layout of "A. Segmentation": `1. Original Images/a. Training Set/IDRiD_01.jpg` and `b. Testing Set`, masks
//! in `2. All Segmentation Groundtruths/a. Training Set/5. Optic Disc/IDRiD_01_OD.tif`. Bare layout: `images/` and
//! `masks/`. Only names count: an image is `IDRiD_NN.jpg`, its mask `IDRiD_NN_OD.tif`. Each image is a patient.

use super::beside::{FilePair, pairs};
use super::load::one_pair;
use crate::formats::file;
use crate::layouts::source::Source;
use crate::layouts::walk::{Walked, walk};
use crate::pack::manifest::Split;
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The dataset.
#[derive(Debug)]
pub struct Idrid {
    root: PathBuf,
}

impl Idrid {
    /// At `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

impl Source for Idrid {
    fn dataset(&self) -> String {
        "idrid".to_owned()
    }

    fn classes(&self) -> Vec<String> {
        ["background", "optic disc"].map(str::to_owned).to_vec()
    }

    fn cases(&self) -> Result<Found> {
        let Walked { files, mut findings } = walk(&self.root, 6)?;
        let of = |suffix: &str| -> Vec<(String, &PathBuf)> {
            let stem = |path: &PathBuf| -> Option<String> {
                let stem = file::stem(path)?;
                let stem = stem.strip_suffix(suffix)?;
                // Without its lesion, `IDRiD_01`; masks of lesions are not of the disc.
                let number = stem.strip_prefix("IDRiD_")?;
                let bare = number.chars().all(|letter| letter.is_ascii_digit());
                bare.then(|| stem.to_owned())
            };
            files.iter().filter_map(|path| Some((stem(path)?, path))).collect()
        };
        let expected = |stem: &str| format!("{stem}_OD.tif");
        let (images, masks) = (of(""), of("_OD"));
        let (pairs, unused) = pairs(&self.root, &images, &masks, &expected)?;
        findings.extend(unused);
        if pairs.is_empty() {
            bail!("{}: no IDRiD_NN.jpg, expected IDRiD's layout", self.root.display());
        }
        let case = |pair: FilePair| CaseFiles {
            patient: pair.id.clone(),
            id: pair.id,
            official: side(&pair.image),
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

fn side(path: &Path) -> Option<Split> {
    path.components().find_map(|part| match part.as_os_str().to_str() {
        Some("a. Training Set") => Some(Split::Train),
        Some("b. Testing Set") => Some(Split::Test),
        _ => None,
    })
}
