//! DICOM series with mask images: a folder per patient that holds one folder of DICOM slices and one of mask images
//! (PNG, TIFF, …), or a single such patient at the root.
//!
//! The i-th mask by name belongs to the i-th DICOM file by name (as CHAOS publishes them); slices are then ordered along
//! the normal of the image plane. Intensities are rescaled to the modality's units (HU for CT).

use super::raster::{self, is_raster};
use super::source::{Source, SourceOptions, entries, name};
use super::volume::{Case, CaseFiles, Found, Labels, Reader, Volume};
use anyhow::{Context, Result, bail};
use dicom_object::{DefaultDicomObject, FileDicomObject, Tag, from_reader};
use dicom_pixeldata::{ConvertOptions, ModalityLutOption, PixelDecoder as _};
use std::path::{Path, PathBuf};

/// The dataset.
#[derive(Debug)]
pub struct Dicom {
    root: PathBuf,
    classes: Vec<String>,
}

impl Dicom {
    /// At `root`.
    pub fn new(root: &Path, options: &SourceOptions) -> Self {
        let classes = options
            .classes
            .clone()
            .unwrap_or_else(|| ["background", "foreground"].map(str::to_owned).to_vec());
        Self { root: root.to_owned(), classes }
    }
}

/// DICOM files and masks of one patient's folder, if it is one.
fn patient_files(folder: &Path) -> Result<Option<(Vec<PathBuf>, Vec<PathBuf>)>> {
    let mut series: Option<Vec<PathBuf>> = None;
    let mut masks: Option<Vec<PathBuf>> = None;
    for inner in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let files: Vec<PathBuf> =
            entries(&inner)?.into_iter().filter(|path| path.is_file()).collect();
        let dicom: Vec<PathBuf> = files.iter().filter(|path| is_dicom(path)).cloned().collect();
        let rasters: Vec<PathBuf> = files.into_iter().filter(|path| is_raster(path)).collect();
        for (found, slot, what) in
            [(dicom, &mut series, "DICOM slices"), (rasters, &mut masks, "mask images")]
        {
            if !found.is_empty() && slot.replace(found).is_some() {
                bail!("{}: two folders of {what}, expected one of each", folder.display());
            }
        }
    }
    match (series, masks) {
        (Some(series), Some(masks)) if series.len() == masks.len() => Ok(Some((series, masks))),
        (Some(series), Some(masks)) => bail!(
            "{}: {} DICOM slices and {} masks, expected as many of each",
            folder.display(),
            series.len(),
            masks.len()
        ),
        (Some(_), None) => bail!("{}: DICOM slices without a folder of masks", folder.display()),
        (None, _) => Ok(None),
    }
}

/// "DICM" after the preamble.
fn is_dicom(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0_u8; 132];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && &head[128..] == b"DICM"
}

impl Source for Dicom {
    fn dataset(&self) -> String {
        name(&std::fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone()))
    }

    fn classes(&self) -> Vec<String> {
        self.classes.clone()
    }

    fn cases(&self) -> Result<Found> {
        let mut folders = vec![self.root.clone()];
        folders.extend(entries(&self.root)?.into_iter().filter(|path| path.is_dir()));
        let mut cases = Vec::new();
        for folder in folders {
            if let Some((images, masks)) = patient_files(&folder)? {
                let patient = if folder == self.root { self.dataset() } else { name(&folder) };
                cases.push(CaseFiles {
                    id: patient.clone(),
                    patient,
                    official: None,
                    images,
                    masks,
                });
            }
        }
        if cases.is_empty() {
            bail!(
                "{}: no folder of DICOM slices beside one of masks, expected PATIENT/SERIES/*.dcm and PATIENT/MASKS/*.png",
                self.root.display()
            );
        }
        Ok(Found::of(cases))
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let mut slices = Vec::with_capacity(files.images.len());
        for (image, mask) in files.images.iter().zip(&files.masks) {
            let slice =
                read_slice(&reader.read(image)?).with_context(|| format!("{}", image.display()))?;
            let labels = raster::mask(&reader.read(mask)?, self.classes.len())
                .with_context(|| format!("{}", mask.display()))?;
            if [slice.height, slice.width] != [labels.height, labels.width] {
                bail!(
                    "{}: mask of {}x{} pixels, expected {}x{} as {}",
                    mask.display(),
                    labels.height,
                    labels.width,
                    slice.height,
                    slice.width,
                    image.display()
                );
            }
            slices.push((slice, labels, image));
        }
        let (first, _, first_path) = &slices[0];
        let [height, width] = [first.height, first.width];
        let spacing_mm = first.spacing_mm;
        for (slice, _, path) in &slices {
            if [slice.height, slice.width] != [height, width] || slice.spacing_mm != spacing_mm {
                bail!(
                    "{}: another size or spacing than {}, expected one series",
                    path.display(),
                    first_path.display()
                );
            }
        }
        slices.sort_by(|(a, ..), (b, ..)| a.position_mm.total_cmp(&b.position_mm));
        let mut values = Vec::with_capacity(slices.len() * height * width);
        let mut labels = Vec::with_capacity(slices.len() * height * width);
        for (slice, mask, _) in &slices {
            values.extend_from_slice(&slice.values);
            labels.extend_from_slice(&mask.values);
        }
        let count = slices.len();
        let volume = Volume::new([count, 1, height, width], values);
        let labels = Labels { slices: count, height, width, values: labels };
        Ok(Case { spacing_mm, ..Case::new(volume, labels) })
    }
}

struct DicomSlice {
    height: usize,
    width: usize,
    values: Vec<f32>,
    spacing_mm: Option<[f64; 2]>,
    /// Along the normal; the instance number where there is no position.
    position_mm: f64,
}

const PIXEL_SPACING: Tag = Tag(0x0028, 0x0030);
const IMAGE_POSITION: Tag = Tag(0x0020, 0x0032);
const IMAGE_ORIENTATION: Tag = Tag(0x0020, 0x0037);
const INSTANCE_NUMBER: Tag = Tag(0x0020, 0x0013);

fn numbers(object: &DefaultDicomObject, tag: Tag) -> Option<Vec<f64>> {
    object.element_opt(tag).ok()??.to_multi_float64().ok()
}

fn read_slice(bytes: &[u8]) -> Result<DicomSlice> {
    // The preamble of 128 bytes comes before what the reader starts at.
    let object: FileDicomObject<_> =
        from_reader(bytes.get(128..).unwrap_or(&[])).context("not a readable DICOM file")?;
    let pixels = object.decode_pixel_data().context("DICOM pixel data")?;
    if pixels.samples_per_pixel() != 1 || pixels.number_of_frames() != 1 {
        bail!(
            "{} samples per pixel and {} frames, expected one grey image",
            pixels.samples_per_pixel(),
            pixels.number_of_frames()
        );
    }
    // The converter makes a table of 2^stored values and panics where that is none.
    let (stored, allocated) = (pixels.bits_stored(), pixels.bits_allocated());
    if !(1..=allocated).contains(&stored) {
        bail!("{stored} bits stored of {allocated} allocated, expected 1 to {allocated}");
    }
    let options = ConvertOptions::new().with_modality_lut(ModalityLutOption::Default);
    let values: Vec<f32> =
        pixels.to_vec_with_options(&options).context("DICOM pixel data: conversion")?;
    let [height, width] = [pixels.rows() as usize, pixels.columns() as usize];
    if values.len() != height * width {
        bail!("{} pixels, expected {height}x{width}", values.len());
    }
    let spacing_mm = numbers(&object, PIXEL_SPACING)
        .filter(|s| s.len() == 2 && s.iter().all(|s| *s > 0.0 && s.is_finite()))
        .map(|s| [s[0], s[1]]);
    let position = numbers(&object, IMAGE_POSITION).filter(|p| p.len() == 3);
    let position_mm = match (position, numbers(&object, IMAGE_ORIENTATION).filter(|o| o.len() == 6))
    {
        (Some(p), Some(o)) => {
            let normal =
                [o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5], o[0] * o[4] - o[1] * o[3]];
            normal.iter().zip(&p).map(|(n, p)| n * p).sum()
        }
        (Some(p), None) => p[2],
        (None, _) => numbers(&object, INSTANCE_NUMBER).and_then(|n| n.first().copied()).context(
            "neither ImagePositionPatient nor InstanceNumber, expected one to order slices by",
        )?,
    };
    Ok(DicomSlice { height, width, values, spacing_mm, position_mm })
}

#[cfg(test)]
mod tests;
