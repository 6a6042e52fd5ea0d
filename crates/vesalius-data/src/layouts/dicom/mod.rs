//! DICOM series with mask images: a folder per patient that holds one folder of DICOM slices and one of mask images
//! (PNG, TIFF, … for each slice, or one volume as NIfTI or MetaImage), or a single such patient at the root. Studies
//! may lie between a patient's folder and the two.
//!
//! Which mask is whose is decided in `pairing`, whether slices are one series in `series`, what their values mean in
//! `pixels`. Slices are ordered along the normal of the image plane. Intensities are in the modality's units (HU for
//! CT), bright is white.

mod counted;
mod find;
mod pairing;

use crate::checks::findings::Finding;
use crate::formats::dicom::read;
use crate::formats::dicom::series::{self, Series};
use crate::formats::file::{self, Format, ImageFile};
use crate::formats::{dicom, raster};
use crate::layouts::source::{Source, SourceOptions};
use crate::layouts::walk::name;
use crate::volume::pair::lay_on;
use crate::volume::{Case, CaseFiles, Found, Labels, Reader};
use anyhow::{Context as _, Result, bail};
use find::{Tree, Unit};
use std::collections::BTreeMap;
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
        let images: Vec<PathBuf> = unit.slices.iter().map(|(path, _)| path.clone()).collect();
        let masks = unit.masks.to_vec();
        // What is wrong with headers and names is said before any pixel is read.
        let slices: Vec<series::Slice> =
            unit.slices.iter().map(|(path, facts)| (path.as_path(), facts)).collect();
        let one_volume = matches!(&masks[..], [mask] if is_volume(mask));
        if !one_volume && images.len() != masks.len() {
            bail!(
                "{}: {} DICOM slices and {} masks, expected as many of each",
                unit.folder.display(),
                images.len(),
                masks.len()
            );
        }
        let series = Series::of(&slices)?;
        if !one_volume {
            pairs(&slices, &masks, &series)?;
        }
        let id = if one_of_several {
            let below = unit.folder.strip_prefix(&self.root).unwrap_or(&unit.folder);
            let parts: Vec<String> =
                below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            parts.join("-")
        } else {
            patient.to_owned()
        };
        Ok(CaseFiles { id, patient: patient.to_owned(), official: None, images, masks })
    }
}

impl Dicom {
    /// A mask of the whole series, on its grid.
    fn one_mask(
        &self,
        path: &Path,
        image: &ImageFile,
        reader: &mut Reader,
    ) -> Result<(Labels, Vec<String>)> {
        let mask = file::mask(path, self.classes.len(), reader)?;
        let (labels, note) = lay_on(mask.labels, mask.geometry, image.geometry)
            .with_context(|| format!("{}", path.display()))?;
        Ok((labels, note.into_iter().collect()))
    }

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
            let mask = raster::mask(&reader.read(path)?, self.classes.len())
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

/// Whether a mask is of all slices at once.
fn is_volume(mask: &Path) -> bool {
    Format::of_name(mask).is_some_and(Format::is_volume)
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
        self.classes.clone()
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
        let mut facts = Vec::with_capacity(files.images.len());
        let mut pixels = Vec::with_capacity(files.images.len());
        for path in &files.images {
            let bytes = reader.read(path)?;
            let (header, slice) = read(&bytes).with_context(|| format!("{}", path.display()))?;
            facts.push(header);
            pixels.push(slice);
        }
        let slices: Vec<series::Slice> =
            files.images.iter().map(PathBuf::as_path).zip(&facts).collect();
        let series = Series::of(&slices)?;
        let mut image = dicom::of_series(&slices, &pixels, &series)?;
        let (labels, notes) = match &files.masks[..] {
            [mask] if is_volume(mask) => self.one_mask(mask, &image, reader)?,
            masks => self.masks(&slices, masks, &series, reader)?,
        };
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
