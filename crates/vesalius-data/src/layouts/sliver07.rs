//! SLiver07: abdominal CT with liver masks (Heimann et al. 2009): `liver-orig001.mhd` + `.raw` with
//! `liver-seg001.mhd` + `.raw`, in one folder or in sub-folders. Each volume is a patient.

use super::beside::{FilePair, pairs};
use crate::formats::metaimage::{self, MetaImage};
use crate::layouts::source::Source;
use crate::layouts::walk::{Walked, walk};
use crate::volume::pair::lay_on;
use crate::volume::{Case, CaseFiles, Found, Labels, Reader, Volume};
use anyhow::{Context, Result, bail};
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
                Some(format!("liver{}", path.file_stem()?.to_str()?.strip_prefix(prefix)?))
            };
            let headers = files.iter().filter(|path| is_header(path));
            headers.filter_map(|path| Some((number(path)?, path))).collect()
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
            images: vec![pair.image],
            masks: vec![pair.mask],
        };
        Ok(Found { cases: pairs.into_iter().map(case).collect(), findings })
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let image = metaimage::read(&files.images[0], reader)?;
        let mask = metaimage::read(&files.masks[0], reader)?;
        let (labels, note) = labels(&mask)
            .and_then(|labels| lay_on(labels, mask.geometry, image.geometry))
            .with_context(|| format!("{}", files.masks[0].display()))?;
        let (spacing_mm, geometry) = (image.spacing_mm, image.geometry);
        let notes = note.into_iter().collect();
        Ok(Case { spacing_mm, geometry, notes, ..Case::new(volume(image), labels) })
    }
}

fn is_header(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("mhd") || extension.eq_ignore_ascii_case("mha")
    })
}

/// A MetaImage as a volume.
pub fn volume(image: MetaImage) -> Volume {
    let [channels, slices, height, width] = image.shape;
    Volume::new([slices, channels, height, width], image.values)
}

/// A MetaImage as labels.
///
/// # Errors
/// Several channels, or values that are not labels.
pub fn labels(mask: &MetaImage) -> Result<Labels> {
    let [channels, slices, height, width] = mask.shape;
    if channels != 1 {
        bail!("{channels} channels in a mask, expected 1");
    }
    Labels::from_values([slices, height, width], &mask.values)
}
