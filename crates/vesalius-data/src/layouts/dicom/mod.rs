//! DICOM series with mask images: a folder per patient that holds one folder of DICOM slices and one of mask images
//! (PNG, TIFF, … for each slice, or one volume as NIfTI, MetaImage or NRRD), or a single such patient at the root. Studies
//! may lie between a patient's folder and the two. Segmentations (SEG) and structure sets (RTSTRUCT) may lie anywhere in
//! a patient's folder: they name their series.
//!
//! Which mask is whose is decided in `pairing`, whether slices are one series in `series`, what their values mean in
//! `pixels`. Slices are ordered along the normal of the image plane. Intensities are in the modality's units (HU for
//! CT), bright is white.

mod counted;
mod drawn;
mod find;
mod listed;
mod pairing;

pub use listed::{Listed, all_series};

use crate::checks::findings::Finding;
use crate::formats::dicom::header::Facts;
use crate::formats::dicom::series::{self, Series};
use crate::formats::dicom::{Pixels, read};
use crate::formats::file::ImageFile;
use crate::formats::{dicom, raster};
use crate::layouts::load::{whole, with_masks};
use crate::layouts::source::{Source, SourceOptions};
use crate::layouts::walk::name;
use crate::text::uid;
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Labels, Reader};
use anyhow::{Context as _, Result, bail};
use find::{Tree, Unit};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The dataset.
#[derive(Debug)]
pub struct Dicom {
    root: PathBuf,
    naming: Naming,
}

impl Dicom {
    /// At `root`.
    pub fn new(root: &Path, options: &SourceOptions) -> Self {
        Self { root: root.to_owned(), naming: options.naming() }
    }

    /// Cases of one patient's folder.
    fn cases_of(&self, patient: &str, units: &[Unit]) -> Result<Vec<CaseFiles>> {
        // Folders of studies and of patients look alike: only the files know.
        let person =
            |unit: &Unit| unit.slices.iter().find_map(|(_, facts)| facts.person.digest.clone());
        if let [a, b, ..] = units
            && (person(a).is_none() || units.iter().any(|unit| person(unit) != person(a)))
        {
            bail!(
                "{}: several folders of slices and masks ({} and {}), and no PatientID in all of them says that they are one patient; expected PATIENT/SERIES and PATIENT/MASKS",
                self.root.join(patient).display(),
                a.folder.display(),
                b.folder.display()
            );
        }
        units.iter().map(|unit| self.case_of(patient, unit, units.len() > 1)).collect()
    }

    fn case_of(&self, patient: &str, unit: &Unit, one_of_several: bool) -> Result<CaseFiles> {
        let mut images: Vec<PathBuf> = unit.slices.iter().map(|(path, _)| path.clone()).collect();
        // Frames of one file stand one behind the other.
        images.dedup();
        let masks = unit.masks.clone();
        // What is wrong with headers and names is said before any pixel is read.
        let slices: Vec<series::Slice> =
            unit.slices.iter().map(|(path, facts)| (path.as_path(), facts)).collect();
        if !unit.whole && slices.len() != masks.len() {
            bail!(
                "{}: {} DICOM slices and {} masks, expected as many of each",
                unit.folder.display(),
                slices.len(),
                masks.len()
            );
        }
        let series = Series::of(&slices)?;
        if !unit.whole {
            pairs(&slices, &masks, &series)?;
        }
        let id = if one_of_several {
            let below = unit.folder.strip_prefix(&self.root).unwrap_or(&unit.folder);
            let parts: Vec<String> =
                below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            uid::hidden(&parts.join("-"))
        } else {
            patient.to_owned()
        };
        Ok(CaseFiles { id, patient: patient.to_owned(), images, masks, ..CaseFiles::default() })
    }
}

impl Dicom {
    /// A mask image for each slice, in the order of the series.
    fn masks(
        &self,
        slices: &[series::Slice],
        masks: &[PathBuf],
        series: &Series,
        reader: &mut Reader,
    ) -> Result<(Labels, Vec<String>)> {
        let pairs = pairs(slices, masks, series)?;
        let mut values = vec![];
        let mut shape = [0; 2];
        for &at in &series.order {
            let path = &masks[pairs.mask[at]];
            let mask = raster::mask(&reader.read(path)?, self.naming.classes.len())
                .with_context(|| format!("{}", path.display()))?;
            let (image, facts) = slices[at];
            shape = facts.size.map(|extent| extent as usize);
            if [mask.height, mask.width] != shape {
                bail!(
                    "{}: mask of {}x{} pixels, expected {}x{} as {}",
                    path.display(),
                    mask.height,
                    mask.width,
                    shape[0],
                    shape[1],
                    image.display()
                );
            }
            values.extend_from_slice(&mask.values);
        }
        let [height, width] = shape;
        let labels = Labels { slices: slices.len(), height, width, values };
        Ok((labels, pairs.note.into_iter().collect()))
    }
}

/// Frames of a series' files, in the order of the files.
struct Frames {
    paths: Vec<PathBuf>,
    facts: Vec<Facts>,
    pixels: Vec<Pixels>,
}

impl Frames {
    fn read(files: &[PathBuf], reader: &mut Reader) -> Result<Self> {
        let mut all = Self { paths: vec![], facts: vec![], pixels: vec![] };
        for path in files {
            let bytes = reader.read(path)?;
            for (facts, pixels) in read(&bytes).with_context(|| format!("{}", path.display()))? {
                all.paths.push(path.clone());
                all.facts.push(facts);
                all.pixels.push(pixels);
            }
        }
        Ok(all)
    }

    fn slices(&self) -> Vec<series::Slice<'_>> {
        self.paths.iter().map(PathBuf::as_path).zip(&self.facts).collect()
    }

    fn image(&self, slices: &[series::Slice]) -> Result<(Series, ImageFile)> {
        let series = Series::of(slices)?;
        let image = dicom::of_series(slices, &self.pixels, &series)?;
        Ok((series, image))
    }
}

/// The image of one series, whatever the order of its files.
///
/// # Errors
/// Names the file that cannot be read, or two that are of different series.
pub(crate) fn series_image(files: &[PathBuf], reader: &mut Reader) -> Result<ImageFile> {
    let frames = Frames::read(files, reader)?;
    Ok(frames.image(&frames.slices())?.1)
}

fn pairs(slices: &[series::Slice], masks: &[PathBuf], series: &Series) -> Result<pairing::Pairs> {
    let named: Vec<pairing::Slice> = slices
        .iter()
        .enumerate()
        .map(|(at, (path, facts))| pairing::Slice {
            path,
            instance_number: facts.instance_number,
            instance_uid: facts.instance_uid.as_deref(),
            along_mm: series.along_mm.as_ref().map(|along| along[at]),
        })
        .collect();
    pairing::pair(&named, masks)
}

impl Source for Dicom {
    fn dataset(&self) -> String {
        name(&std::fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone()))
    }

    fn classes(&self) -> Vec<String> {
        self.naming.classes.clone()
    }

    fn cases(&self) -> Result<Found> {
        let tree = Tree::of(&self.root)?;
        let (units, mut findings) = tree.units()?;
        let mut patients: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
        for unit in units {
            let below = unit.folder.strip_prefix(&self.root).unwrap_or(&unit.folder);
            let first = below.iter().next().map(|part| part.to_string_lossy().into_owned());
            patients.entry(first.unwrap_or_else(|| self.dataset())).or_default().push(unit);
        }
        if patients.is_empty() {
            let folder = self.root.display();
            bail!(
                "{folder}: no folder of DICOM slices beside one of masks, expected PATIENT/SERIES/*.dcm and PATIENT/MASKS/*.png"
            );
        }
        let mut cases = Vec::new();
        for (patient, units) in &patients {
            if units.len() > 1 {
                let text = format!("{} examinations of one PatientID", units.len());
                findings.push(Finding::note(patient, text));
            }
            cases.extend(self.cases_of(patient, units)?);
        }
        cases.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Found { cases, findings })
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let read = Frames::read(&files.images, reader)?;
        let slices = read.slices();
        let (series, mut image) = read.image(&slices)?;
        if !files.masks.iter().all(|mask| raster::is_raster(mask)) {
            return with_masks(&files.images[0], image, &whole(&files.masks), &self.naming, reader);
        }
        let (labels, notes) = self.masks(&slices, &files.masks, &series, reader)?;
        image.notes.extend(notes);
        Ok(Case {
            spacing_mm: image.spacing_mm,
            geometry: image.geometry,
            person: image.person,
            notes: image.notes,
            ..Case::new(image.volume, labels)
        })
    }
}

#[cfg(test)]
mod tests;
