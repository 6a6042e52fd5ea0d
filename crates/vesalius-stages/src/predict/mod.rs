//! Label maps of other data, by a segmenter that a run kept.

mod folder;
mod images;
mod kept;

pub use kept::{Kept, Opened, SEGMENTER, open, put};

use crate::context::Context;
use crate::planes::Planes;
use anyhow::{Result, bail};
use std::path::PathBuf;
use vesalius_data::export::predictions as maps;
use vesalius_data::files::publish::StagedDir;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Manifest, Split};
use vesalius_torch::segment::{self, Segmenter};

/// The stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Predict {
    /// A run of `segment`.
    pub run: PathBuf,
    /// A pack, or a folder of images.
    pub data: PathBuf,
    /// Of a pack, whose patients; all of them where nothing is said.
    pub split: Option<Split>,
    /// How label maps are written.
    pub form: Form,
    /// Folder of the label maps; must not exist.
    pub out: PathBuf,
}

/// How label maps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A volume or picture of labels on the grid of its image.
    Volume,
    /// A DICOM segmentation of the patient and study that its series is of.
    Dicom,
    /// A structure set of the same.
    Rtstruct,
}

impl Form {
    /// As the command line has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Dicom => "dicom",
            Self::Rtstruct => "rtstruct",
        }
    }
}

/// What was predicted, and what has to be known of it.
#[derive(Debug, Default)]
pub struct Predicted {
    /// Label maps that were written.
    pub maps: usize,
    /// What was taken for granted, a line each.
    pub notes: Vec<String>,
}

/// Predicts and writes label maps on the grids of the images; none where it was asked to stop.
///
/// # Errors
/// A run without a segmenter, data of other classes or sizes, images that cannot be read, a folder that exists.
pub fn run(stage: &Predict, context: &Context) -> Result<Option<Predicted>> {
    let opened = open(&stage.run, context.device)?;
    if stage.data.join("manifest.json").exists() {
        return of_pack(stage, &opened, context);
    }
    if stage.split.is_some() {
        bail!("--split: {} is no pack, expected one to choose patients of", stage.data.display());
    }
    folder::predict(stage, &opened, context)
}

fn of_pack(stage: &Predict, opened: &Opened, context: &Context) -> Result<Option<Predicted>> {
    if stage.form != Form::Volume {
        bail!(
            "--as {}: {} is a pack, expected the folder of series that it was prepared from",
            stage.form.name(),
            stage.data.display()
        );
    }
    let pack = Pack::open_any(&stage.data)?;
    pack.kind().same_pairs(pack.path().display(), &opened.kept.kind(), stage.run.display())?;
    let indices = match stage.split {
        Some(split) => pack.indices(split),
        None => (0..pack.manifest().slices.len()).collect(),
    };
    if indices.is_empty() {
        bail!("{}: no slice on that side of the split, expected some", pack.path().display());
    }
    maps::check(&pack, &indices)?;
    let folder = StagedDir::create(&stage.out)?;
    let segmenters: Vec<&Segmenter> = opened.segmenters.iter().collect();
    let mut bar = (context.progress)("predicting", indices.len() as u64, "slices");
    let predicted = segment::predict(&segmenters, &pack, &indices, context.device, &mut |done| {
        bar.set(done as u64, "");
    })?;
    bar.finish();
    if context.stopped_before_writing() {
        return Ok(None);
    }
    let cases = cases(pack.manifest(), &indices);
    let seen = Planes::of(&pack, indices, predicted)?;
    maps::write(seen.pack(), &seen.indices, &seen.predicted, &folder)?;
    let (by, target) = (opened.kept.settings.name(), folder.path().join(maps::PACK));
    let (slices, labels) = (&seen.indices, &seen.predicted);
    maps::write_pack(seen.pack(), slices, labels, &by, &context.command, &target)?;
    folder.publish()?;
    Ok(Some(Predicted { maps: cases, notes: vec![] }))
}

fn cases(manifest: &Manifest, indices: &[usize]) -> usize {
    let cases: std::collections::BTreeSet<usize> =
        indices.iter().map(|&i| manifest.slices[i].case).collect();
    cases.len()
}
