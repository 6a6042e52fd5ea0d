//! IDRiD: retina fundus photographs with the optic disc (Porwal et al. 2018, doi:10.3390/data3030025).
//!
//! Official layout of "A. Segmentation": `1. Original Images/a. Training Set/IDRiD_01.jpg` and `b. Testing Set`, masks
//! in `2. All Segmentation Groundtruths/a. Training Set/5. Optic Disc/IDRiD_01_OD.tif`. Bare layout: `images/` and
//! `masks/`. Only names count: an image is `IDRiD_NN.jpg`, its mask `IDRiD_NN_OD.tif`. Each image is a patient.

use super::beside::{FilePair, pairs};
use crate::formats::raster;
use crate::layouts::source::Source;
use crate::layouts::walk::{Walked, walk};
use crate::pack::manifest::Split;
use crate::volume::{Case, CaseFiles, Found, Reader};
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
        let Walked { files, mut findings } = walk(&self.root, 6)?;
        let of = |suffix: &str, extensions: &[&str]| -> Vec<(String, &PathBuf)> {
            let stem = |path: &PathBuf| -> Option<String> {
                let extension = path.extension()?.to_str()?.to_lowercase();
                let stem = path.file_stem()?.to_str()?.strip_suffix(suffix)?;
                // Without its lesion, `IDRiD_01`; masks of lesions are not of the disc.
                let number = stem.strip_prefix("IDRiD_")?;
                let bare = number.chars().all(|letter| letter.is_ascii_digit());
                (extensions.contains(&extension.as_str()) && bare).then(|| stem.to_owned())
            };
            files.iter().filter_map(|path| Some((stem(path)?, path))).collect()
        };
        let expected = |stem: &str| format!("{stem}_OD.tif");
        let (images, masks) = (of("", &["jpg", "jpeg"]), of("_OD", &["tif", "tiff"]));
        let (pairs, unused) = pairs(&self.root, &images, &masks, &expected)?;
        findings.extend(unused);
        if pairs.is_empty() {
            bail!("{}: no IDRiD_NN.jpg, expected IDRiD's layout", self.root.display());
        }
        let case = |pair: FilePair| CaseFiles {
            patient: pair.id.clone(),
            id: pair.id,
            official: side(&pair.image),
            images: vec![pair.image],
            masks: vec![pair.mask],
        };
        Ok(Found { cases: pairs.into_iter().map(case).collect(), findings })
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
