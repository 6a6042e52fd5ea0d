//! Packs in the form other tools read: PNG pairs, NIfTI and NRRD volumes, nnU-Net raw, DICOM.

mod check;
mod files;
mod placed;
pub mod predictions;
mod splits;

pub use files::ExportKind;

use crate::checks::classes::BACKGROUND;
use crate::files::publish::{StagedDir, write_file};
use crate::formats::nifti::{write_u8, write_u16};
use crate::pack::manifest::{PixelType, SliceShape};
use crate::pack::{Pack, Slice};
use anyhow::{Context, Result, bail};
use files::{Work, case_files, folders, pictures};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, RgbImage};
use rayon::prelude::*;
use std::path::{Component, Path, PathBuf};

/// What was exported.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Cases that were written.
    pub cases: usize,
    /// A line for each thing that is otherwise than somebody would expect.
    pub notes: Vec<String>,
}

/// nnU-Net's name for its folds.
const SPLITS: &str = "splits_final.json";

/// Writes `pack` to `target`, which must not exist; `progress` is called once per case, from any thread.
///
/// # Errors
/// When two classes have one name, or cases would take the place of each other's files, or a class is called as nnU-Net
/// calls something else; when a slice was damaged or the folder cannot be written; nothing is left then.
pub fn export(
    pack: &Pack,
    kind: ExportKind,
    target: &Path,
    progress: &(dyn Fn() + Sync),
) -> Result<Exported> {
    let mut by_case: Vec<Vec<usize>> = vec![Vec::new(); pack.manifest().cases.len()];
    for (i, slice) in pack.manifest().slices.iter().enumerate() {
        by_case[slice.case].push(i);
    }
    let work: Vec<Work> = by_case
        .into_iter()
        .enumerate()
        .filter(|(_, slices)| !slices.is_empty())
        .map(|(case, slices)| Work { case, slices })
        .collect();
    let mut notes = check::check(pack, kind, &work)?;
    let staged = StagedDir::create(target)?;
    let root = staged.path();
    for folder in folders(kind, pack) {
        let path = root.join(folder);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("{}: cannot create the folder", path.display()))?;
    }
    work.par_iter().try_for_each(|work| -> Result<()> {
        match kind {
            ExportKind::Png => png_case(pack, work, root)?,
            ExportKind::Nifti | ExportKind::Nnunet => volumes(pack, kind, work, root)?,
            ExportKind::Nrrd => placed::nrrd(pack, work, root)?,
            ExportKind::Dicom | ExportKind::Rtstruct => placed::dicom(pack, kind, work, root)?,
        }
        progress();
        Ok(())
    })?;
    let names = serde_json::to_vec_pretty(&pack.manifest().classes)?;
    match kind {
        ExportKind::Dicom | ExportKind::Rtstruct | ExportKind::Nrrd => {}
        ExportKind::Png | ExportKind::Nifti => write_file(&root.join("classes.json"), &names)?,
        ExportKind::Nnunet => {
            write_file(
                &root.join("dataset.json"),
                &serde_json::to_vec_pretty(&dataset_json(pack, &work))?,
            )?;
            if let Some(splits) = splits::splits(pack.manifest(), &work) {
                write_file(&root.join(SPLITS), &serde_json::to_vec_pretty(&splits)?)?;
                notes.push(format!(
                    "{SPLITS}: folds by patient, as the pack has them; copy it to nnUNet_preprocessed/DATASET/ before nnU-Net \
                     trains, else it draws folds of its own, by case"
                ));
            }
        }
    }
    staged.publish()?;
    Ok(Exported { cases: work.len(), notes })
}

/// A new file below `root`, whatever a manifest calls it: nothing outside, nothing that is there, and no link.
fn place(root: &Path, file: &str) -> Result<PathBuf> {
    let inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
    let path = root.join(file);
    if !inside || path.symlink_metadata().is_ok() {
        bail!("{file:?}: leads elsewhere or is there already, expected a new file of the export");
    }
    Ok(path)
}

fn png_case(pack: &Pack, work: &Work, root: &Path) -> Result<()> {
    let slice_shape = pack.slice_shape();
    let files = case_files(pack, ExportKind::Png, work);
    let each = pictures(slice_shape.channels);
    let (images, masks) = files.split_at(work.slices.len() * each);
    for ((&i, images), mask) in work.slices.iter().zip(images.chunks(each)).zip(masks) {
        let slice = pack.slice(i)?;
        for (channel, image) in images.iter().enumerate() {
            let picture = if each == 1 {
                picture(slice_shape, slice)?
            } else {
                let bytes = slice_shape.pixel_bytes() / slice_shape.channels;
                let pixels = &slice.pixels[channel * bytes..(channel + 1) * bytes];
                let alone = SliceShape { channels: 1, ..slice_shape };
                picture(alone, Slice { pixels, ..slice })?
            };
            save(&picture, &place(root, image)?)?;
        }
        let labels = GrayImage::from_raw(
            slice_shape.width as u32,
            slice_shape.height as u32,
            slice.labels.to_vec(),
        )
        .context("labels of one slice")?;
        save(&labels.into(), &place(root, mask)?)?;
    }
    Ok(())
}

fn save(picture: &DynamicImage, path: &Path) -> Result<()> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    std::fs::write(path, bytes.into_inner())
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn picture(slice_shape: SliceShape, slice: Slice) -> Result<DynamicImage> {
    let [w, h] = [slice_shape.width as u32, slice_shape.height as u32];
    let wide = |bytes: &[u8]| -> Vec<u16> {
        bytes.chunks_exact(2).map(|p| u16::from_le_bytes([p[0], p[1]])).collect()
    };
    let shape = "pixels of one slice";
    Ok(match (slice_shape.channels, slice_shape.pixel_type) {
        (3, PixelType::U8) => {
            RgbImage::from_raw(w, h, interleaved(slice.pixels, 3)).context(shape)?.into()
        }
        (3, PixelType::U16) => {
            ImageBuffer::<image::Rgb<u16>, _>::from_raw(w, h, interleaved(&wide(slice.pixels), 3))
                .context(shape)?
                .into()
        }
        (1, PixelType::U8) => {
            GrayImage::from_raw(w, h, slice.pixels.to_vec()).context(shape)?.into()
        }
        (1, PixelType::U16) => {
            ImageBuffer::<image::Luma<u16>, _>::from_raw(w, h, wide(slice.pixels))
                .context(shape)?
                .into()
        }
        (channels, _) => bail!("{channels} channels, expected 1 or 3 for PNG"),
    })
}

/// `[C, H, W]` to `[H, W, C]`.
fn interleaved<T: Copy>(planar: &[T], channels: usize) -> Vec<T> {
    let pixels = planar.len() / channels;
    (0..pixels).flat_map(|p| (0..channels).map(move |c| planar[c * pixels + p])).collect()
}

/// Voxels of one channel of a case, `[S, H, W]`.
enum Voxels {
    U8(Vec<u8>),
    U16(Vec<u16>),
}

/// Bytes of one channel of some slices, as the pack holds them.
fn channel_bytes(pack: &Pack, slices: &[usize], channel: usize) -> Result<Vec<u8>> {
    let bytes = pack.slice_shape().pixel_bytes() / pack.slice_shape().channels;
    let mut raw = Vec::with_capacity(slices.len() * bytes);
    for &i in slices {
        raw.extend_from_slice(&pack.slice(i)?.pixels[channel * bytes..(channel + 1) * bytes]);
    }
    Ok(raw)
}

fn channel(pack: &Pack, slices: &[usize], channel: usize) -> Result<Voxels> {
    let raw = channel_bytes(pack, slices, channel)?;
    Ok(match pack.slice_shape().pixel_type {
        PixelType::U8 => Voxels::U8(raw),
        PixelType::U16 => {
            Voxels::U16(raw.chunks_exact(2).map(|p| u16::from_le_bytes([p[0], p[1]])).collect())
        }
    })
}

/// NIfTI needs numbers where the source has none: 1 mm.
fn spacing(pack: &Pack, case: usize) -> [f64; 3] {
    let case = &pack.manifest().cases[case];
    let [row, column] = case.spacing_mm.unwrap_or([1.0, 1.0]);
    [case.between_mm.unwrap_or(1.0), row, column]
}

fn write_image(path: &Path, shape: [usize; 3], voxels: Voxels, spacing_mm: [f64; 3]) -> Result<()> {
    match voxels {
        Voxels::U8(voxels) => write_u8(path, shape, voxels, spacing_mm),
        Voxels::U16(voxels) => write_u16(path, shape, voxels, spacing_mm),
    }
}

/// Labels of some slices, `[S, H, W]`.
fn labels(pack: &Pack, slices: &[usize]) -> Result<Vec<u8>> {
    let mut labels = Vec::with_capacity(slices.len() * pack.slice_shape().label_bytes());
    for &i in slices {
        labels.extend_from_slice(pack.slice(i)?.labels);
    }
    Ok(labels)
}

fn shape(pack: &Pack, slices: &[usize]) -> [usize; 3] {
    [slices.len(), pack.slice_shape().height, pack.slice_shape().width]
}

/// One file per channel, and the labels.
fn volumes(pack: &Pack, kind: ExportKind, work: &Work, root: &Path) -> Result<()> {
    let (case, slices) = (work.case, work.slices.as_slice());
    let files = case_files(pack, kind, work);
    let Some((masks, images)) = files.split_last() else { return Ok(()) };
    for (c, image) in images.iter().enumerate() {
        let voxels = channel(pack, slices, c)?;
        write_image(&place(root, image)?, shape(pack, slices), voxels, spacing(pack, case))?;
    }
    let labels = labels(pack, slices)?;
    write_u8(&place(root, masks)?, shape(pack, slices), labels, spacing(pack, case))
}

/// What nnU-Net checks (`verify_dataset_integrity`): label 0 is called "background", labels follow on each other, and
/// `imagesTr` has as many cases as it says.
fn dataset_json(pack: &Pack, work: &[Work]) -> serde_json::Value {
    let manifest = pack.manifest();
    let channels: serde_json::Map<String, serde_json::Value> = (0..manifest.slice_shape.channels)
        .map(|c| {
            let name = manifest.sequences.get(c).cloned();
            (c.to_string(), name.unwrap_or_else(|| format!("channel {c}")).into())
        })
        .collect();
    let name = |(label, name): (usize, &String)| {
        let name = if label == 0 { BACKGROUND } else { name.trim() };
        (name.to_owned(), label.into())
    };
    let labels: serde_json::Map<String, serde_json::Value> =
        manifest.classes.iter().enumerate().map(name).collect();
    serde_json::json!({
        "name": manifest.dataset,
        "channel_names": channels,
        "labels": labels,
        "numTraining": check::training(manifest, work),
        "file_ending": ".nii.gz",
    })
}
