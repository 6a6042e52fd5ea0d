//! SLiver07: abdominal CT with liver masks (Heimann et al. 2009): `liver-orig001.mhd` + `.raw` with
//! `liver-seg001.mhd` + `.raw`, in one folder or in sub-folders. Each volume is a patient.

use super::metaimage::{self, MetaImage};
use super::pair::lay_on;
use super::source::{Source, name, walk};
use super::volume::{Case, CaseFiles, Found, Labels, Reader, Volume};
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
        let files = walk(&self.root, 3)?;
        let mut cases = Vec::new();
        for image in &files {
            let file = name(image);
            let Some(number) = file.strip_prefix("liver-orig").filter(|_| is_header(image)) else {
                continue;
            };
            let wanted = format!("liver-seg{number}");
            let Some(mask) = files.iter().find(|path| name(path) == wanted) else {
                bail!(
                    "{}: no mask; expected {wanted} below {}",
                    image.display(),
                    self.root.display()
                );
            };
            let id = format!("liver{}", number.trim_end_matches(".mhd").trim_end_matches(".mha"));
            cases.push(CaseFiles {
                patient: id.clone(),
                id,
                official: None,
                images: vec![image.clone()],
                masks: vec![mask.clone()],
            });
        }
        if cases.is_empty() {
            bail!("{}: no liver-orig*.mhd, expected SLiver07's layout", self.root.display());
        }
        Ok(Found::of(cases))
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let image = metaimage::read(&files.images[0], reader)?;
        let mask = metaimage::read(&files.masks[0], reader)?;
        let at_mask = || format!("{}", files.masks[0].display());
        let (labels, note) =
            lay_on(labels(&mask).with_context(at_mask)?, mask.geometry, image.geometry)
                .with_context(at_mask)?;
        let (spacing_mm, geometry) = (image.spacing_mm, image.geometry);
        let notes = note.into_iter().collect();
        Ok(Case { spacing_mm, geometry, notes, ..Case::new(volume(image), labels) })
    }
}

fn is_header(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "mhd" || extension == "mha")
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
