//! IDRiD: retina fundus photographs with the optic disc (Porwal et al. 2018, doi:10.3390/data3030025).
//!
//! Official layout of "A. Segmentation": `1. Original Images/a. Training Set/IDRiD_01.jpg` and `b. Testing Set`, masks
//! in `2. All Segmentation Groundtruths/a. Training Set/5. Optic Disc/IDRiD_01_OD.tif`. Bare layout: `images/` and
//! `masks/`. Only names count: an image is `IDRiD_NN.jpg`, its mask `IDRiD_NN_OD.tif`. Each image is a patient.

use super::manifest::Split;
use super::raster;
use super::source::{Source, name, walk};
use super::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Context, Result, bail};
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
        let files = walk(&self.root, 6)?;
        let mut cases = Vec::new();
        for image in &files {
            let file = name(image);
            let Some(stem) = file.strip_suffix(".jpg").filter(|stem| stem.starts_with("IDRiD_"))
            else {
                continue;
            };
            let official = side(image);
            let wanted = format!("{stem}_OD.tif");
            // Training and testing images share no number, but be sure.
            let mask = files.iter().find(|path| name(path) == wanted && side(path) == official);
            let Some(mask) = mask else {
                bail!(
                    "{}: no mask; expected {wanted} below {}",
                    image.display(),
                    self.root.display()
                );
            };
            cases.push(CaseFiles {
                id: stem.to_owned(),
                patient: stem.to_owned(),
                official,
                images: vec![image.clone()],
                masks: vec![mask.clone()],
            });
        }
        if cases.is_empty() {
            bail!("{}: no IDRiD_NN.jpg, expected IDRiD's layout", self.root.display());
        }
        Ok(Found::of(cases))
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        load_pair(&files.images[0], &files.masks[0], 2, reader)
    }
}

fn side(path: &Path) -> Option<Split> {
    path.components().find_map(|part| match part.as_os_str().to_str() {
        Some("a. Training Set") => Some(Split::Train),
        Some("b. Testing Set") => Some(Split::Test),
        _ => None,
    })
}

/// One image file with one mask file.
///
/// # Errors
/// Names the file that cannot be read, and shapes that differ only because an orientation tag was applied.
pub fn load_pair(image: &Path, mask: &Path, classes: usize, reader: &mut Reader) -> Result<Case> {
    let photograph = raster::image_noted(&reader.read(image)?)
        .with_context(|| format!("{}", image.display()))?;
    let drawn = raster::mask_noted(&reader.read(mask)?, classes)
        .with_context(|| format!("{}", mask.display()))?;
    let (volume, labels) = (photograph.value, drawn.value);
    if [volume.height, volume.width] != [labels.height, labels.width]
        && (photograph.orientation > 1 || drawn.orientation > 1)
    {
        bail!(
            "{}: {}x{} (rows, columns) after orientation tag {} was applied, its mask {} {}x{} after tag {}; expected \
             one shape",
            image.display(),
            volume.height,
            volume.width,
            photograph.orientation,
            mask.display(),
            labels.height,
            labels.width,
            drawn.orientation
        );
    }
    let of_mask = drawn.notes.into_iter().map(|note| format!("its mask: {note}"));
    let notes = photograph.notes.into_iter().chain(of_mask).collect();
    Ok(Case { notes, ..Case::new(volume, labels) })
}
