//! What is wrong with settings, names and channels, before anything is read.

use super::settings::{Preprocess, SliceChoice};
use crate::layouts::Source;
use crate::layouts::walk::below;
use crate::text::{file_stem, label};
use crate::volume::CaseFiles;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn check(settings: &Preprocess) -> Result<()> {
    let [height, width] = settings.size;
    if height == 0 || width == 0 || height > 4096 || width > 4096 {
        bail!("--size {height}x{width}: expected 1 to 4096 pixels a side");
    }
    if let Some(deep) = &settings.volume {
        if !(2..=1024).contains(&deep.planes) {
            bail!("--volume: {} planes, expected 2 to 1024", deep.planes);
        }
        if settings.slices == SliceChoice::Labelled {
            bail!("--slices labelled: expected all slices for --volume");
        }
        if let Some(spacing) = deep.between_mm.filter(|mm| !(*mm > 0.0 && mm.is_finite())) {
            bail!("--spacing {spacing}: expected millimetres above 0");
        }
    }
    if let Some(channels) = settings.channels
        && ![1, 3].contains(&channels)
    {
        bail!("--channels {channels}: expected 1 or 3");
    }
    if let Some(spacing) = settings.spacing_mm
        && !(spacing > 0.0 && spacing.is_finite())
    {
        bail!("--spacing {spacing}: expected millimetres above 0");
    }
    Ok(())
}

/// Modalities that the dataset does not name are refused before anything is read.
pub(super) fn check_modalities(
    source: &dyn Source,
    root: &Path,
    settings: &Preprocess,
) -> Result<()> {
    let Some(wanted) = &settings.modalities else { return Ok(()) };
    if settings.channels.is_some() {
        bail!("--modalities and --channels: expected one of them");
    }
    let Some(named) = source.channels() else {
        bail!(
            "--modalities: {} names no channels, expected channel_names in a dataset.json",
            root.display()
        );
    };
    for (i, name) in wanted.iter().enumerate() {
        if !named.contains(name) {
            bail!("--modalities {name}: expected some of {}", named.join(", "));
        }
        if wanted[..i].contains(name) {
            bail!("--modalities: {name} twice, expected each once");
        }
    }
    Ok(())
}

/// An id that stands twice would make one file of two cases in an export, and one volume of two in a Dice.
pub(super) fn check_ids(cases: &[CaseFiles]) -> Result<()> {
    let mut seen: BTreeMap<&str, &CaseFiles> = BTreeMap::new();
    for case in cases {
        if let Some(other) = seen.insert(&case.id, case) {
            bail!(
                "{} and {}: both are case {}, expected each case once",
                other.images[0].display(),
                case.images[0].display(),
                case.id
            );
        }
    }
    Ok(())
}

/// What files and folders are called becomes names in tables and names of files.
pub(super) fn check_names(
    root: &Path,
    dataset: &str,
    classes: &[String],
    cases: &[CaseFiles],
) -> Result<()> {
    label::check(dataset).with_context(|| format!("{}: name of the dataset", root.display()))?;
    for class in classes {
        label::check(class).with_context(|| format!("{}: name of a class", root.display()))?;
    }
    for case in cases {
        for path in case.images.iter().chain(&case.masks) {
            if let Some(hidden) = below(root, path).chars().find(|c| c.is_control()) {
                bail!(
                    "{}: {} in its name, expected no control characters; rename it",
                    path.display(),
                    hidden.escape_unicode()
                );
            }
        }
        let of = || case.images.first().map_or_else(String::new, |path| path.display().to_string());
        file_stem::check(&case.id).with_context(|| format!("{}: case", of()))?;
        label::check(&case.patient).with_context(|| format!("{}: patient", of()))?;
    }
    Ok(())
}
