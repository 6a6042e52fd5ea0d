//! Predicted label maps on the grids of the images that a pack was prepared from: crop and resampling undone.

mod on_series;

pub use on_series::{Drawing, write_on_series};

use super::save;
use crate::files::publish::{StagedDir, write_file};
use crate::formats::nifti::write_labels;
use crate::pack::manifest::{
    CaseRecord, Manifest, PredictedMasks, Provenance, SliceRecord, SliceShape,
};
use crate::pack::source_grid::SourceGrid;
use crate::pack::{Pack, PackWriter};
use crate::prepare::{Regrid, volume_undone};
use crate::text::file_stem;
use crate::volume::Labels;
use crate::volume::geometry::Geometry;
use anyhow::{Context as _, Result, bail};
use image::GrayImage;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// The predictions as a pack, in their folder.
pub const PACK: &str = "pack";

/// Labels of the slices of one case, by their position in the volume.
type Slices<'a> = BTreeMap<usize, &'a [u8]>;

/// Refuses what could not be written, before anything is predicted.
///
/// # Errors
/// When the pack does not know where its slices were cut out, or two cases would be one file.
pub fn check(pack: &Pack, indices: &[usize]) -> Result<()> {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut cases: Vec<usize> = indices.iter().map(|&i| pack.manifest().slices[i].case).collect();
    cases.dedup();
    for case in cases {
        let record = &pack.manifest().cases[case];
        grid(pack, record)?;
        let id = record.id.as_str();
        file_stem::check(id).map_err(|refused| anyhow::anyhow!("case {refused}"))?;
        if let Some(other) = names.insert(id.to_lowercase(), id)
            && other != id
        {
            bail!(
                "{}: cases {other} and {id} differ in capital letters only, expected names that every disk tells apart",
                pack.path().display()
            );
        }
    }
    Ok(())
}

fn grid<'a>(pack: &Pack, record: &'a CaseRecord) -> Result<&'a SourceGrid> {
    record.source_grid.as_ref().with_context(|| {
        format!(
            "{}: case {} does not say where it was cut out of its image, expected a pack of real images prepared by \
             this version",
            pack.path().display(),
            record.id
        )
    })
}

/// The file of a case's label map: a picture where its source was one.
fn file_name(record: &CaseRecord, grid: &SourceGrid) -> String {
    let picture = grid.geometry.is_none() && grid.shape[0] == 1;
    format!("{}.{}", record.id, if picture { "png" } else { "nii.gz" })
}

/// Writes `CASE.nii.gz` (of pictures, `CASE.png` with labels as grey values) for each case of slices `indices`, and `classes.json` with the names of the labels, into a folder
/// that is not published yet. `predicted`: labels `[H, W]` of each slice. Slices of the source that are not among them are
/// background.
///
/// # Errors
/// Those of [`check`]; when a file cannot be written.
pub fn write(
    pack: &Pack,
    indices: &[usize],
    predicted: &[Vec<u8>],
    folder: &StagedDir,
) -> Result<()> {
    check(pack, indices)?;
    let mut cases: BTreeMap<usize, Slices> = BTreeMap::new();
    for (&i, labels) in indices.iter().zip(predicted) {
        let slice = &pack.manifest().slices[i];
        cases.entry(slice.case).or_default().insert(slice.position, labels);
    }
    let classes = &pack.manifest().classes;
    cases.par_iter().try_for_each(|(case, slices)| {
        let record = &pack.manifest().cases[*case];
        let grid = grid(pack, record)?;
        let path = folder.path().join(file_name(record, grid));
        let labels = laid_back(grid, slices, pack.stored(), classes.len())
            .with_context(|| format!("{}", path.display()))?;
        write_map(&path, labels, grid)
    })?;
    write_file(&folder.path().join("classes.json"), &serde_json::to_vec_pretty(classes)?)
}

fn write_map(path: &Path, labels: Labels, grid: &SourceGrid) -> Result<()> {
    if path.extension().is_some_and(|ending| ending == "png") {
        let picture = GrayImage::from_raw(labels.width as u32, labels.height as u32, labels.values);
        return save(&picture.context("labels of one picture")?.into(), path);
    }
    let (labels, geometry) = as_stored(labels, grid)?;
    write_labels(path, &labels, geometry.as_ref())
}

/// Labels in the order of the source's files, where the preparation turned them.
fn as_stored(labels: Labels, grid: &SourceGrid) -> Result<(Labels, Option<Geometry>)> {
    let (Some(stored), Some(turned)) = (grid.stored, grid.geometry) else {
        return Ok((labels, grid.geometry));
    };
    let alignment = stored.onto(&turned).context("turned to a grid that is not its own")?;
    let [width, height, slices] = stored.size;
    let values = alignment.apply(&labels.values);
    Ok((Labels { slices, height, width, values }, Some(stored)))
}

/// Writes slices `indices` with the predicted labels as a pack that says so: to be looked at, measured and exported, never
/// to train or to judge by.
///
/// # Errors
/// When the folder exists or cannot be written, or a slice was damaged.
pub fn write_pack(
    pack: &Pack,
    indices: &[usize],
    predicted: &[Vec<u8>],
    by: &str,
    command: &str,
    target: &Path,
) -> Result<()> {
    let manifest = pack.manifest();
    let mut writer = PackWriter::create(target, pack.slice_shape())?;
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    let mut cases = Vec::new();
    for (&i, labels) in indices.iter().zip(predicted) {
        let slice = &manifest.slices[i];
        let case = *places.entry(slice.case).or_insert_with(|| {
            cases.push(manifest.cases[slice.case].clone());
            cases.len() - 1
        });
        writer.push(pack.slice(i)?.pixels, labels, SliceRecord { case, ..slice.clone() })?;
    }
    let mut provenance = manifest.provenance.clone();
    let Provenance::Real { predicted: masks, .. } = &mut provenance else {
        bail!("{}: synthetic slices, expected real ones", pack.path().display());
    };
    *masks = Some(PredictedMasks { by: by.to_owned(), pack: pack.digest().to_owned() });
    writer.finish(Manifest {
        vesalius: env!("CARGO_PKG_VERSION").to_owned(),
        provenance,
        cases,
        slices: vec![],
        command: command.to_owned(),
        data_sha256: String::new(),
        ..manifest.clone()
    })
}

/// Label maps `[H, W]` of slices of a pack → labels of the whole source.
///
/// # Errors
/// When a slice lies outside of the source.
fn laid_back(
    grid: &SourceGrid,
    slices: &Slices,
    shape: SliceShape,
    classes: usize,
) -> Result<Labels> {
    let size = [shape.height, shape.width];
    let [count, height, width] = grid.shape;
    if let Some(depth) = grid.depth {
        let planes: Vec<Option<&[u8]>> =
            (0..shape.planes).map(|plane| slices.get(&plane).copied()).collect();
        let values = volume_undone(grid, depth, size, &planes, classes)?;
        return Ok(Labels { slices: count, height, width, values });
    }
    let mut values = vec![0; count * height * width];
    let mut undo = Regrid::undone(grid, size);
    for (&position, labels) in slices {
        if position >= count {
            bail!("slice {position}, expected one of {count}");
        }
        let plane = undo.labels(labels, classes)?;
        values[position * height * width..][..height * width].copy_from_slice(&plane);
    }
    Ok(Labels { slices: count, height, width, values })
}

#[cfg(test)]
mod tests;
