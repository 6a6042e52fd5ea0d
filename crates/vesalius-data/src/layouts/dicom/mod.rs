//! DICOM series with mask images: a folder per patient that holds one folder of DICOM slices and one of mask images
//! (PNG, TIFF, …), or a single such patient at the root. Studies may lie between a patient's folder and the two.
//!
//! Which mask is whose is decided in `pairing`, whether slices are one series in `series`, what their values mean in
//! `pixels`. Slices are ordered along the normal of the image plane. Intensities are in the modality's units (HU for
//! CT), bright is white.

mod counted;
mod find;
mod pairing;

use crate::checks::findings::Finding;
use crate::formats::dicom::series::{self, Series};
use crate::formats::dicom::{Pixels, read};
use crate::formats::raster;
use crate::layouts::source::{Source, SourceOptions};
use crate::layouts::walk::name;
use crate::volume::{Case, CaseFiles, Found, Labels, Reader, Volume};
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
        if images.len() != masks.len() {
            bail!(
                "{}: {} DICOM slices and {} masks, expected as many of each",
                unit.folder.display(),
                images.len(),
                masks.len()
            );
        }
        pairs(&slices, &masks, &Series::of(&slices)?)?;
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
        let pairs = pairs(&slices, &files.masks, &series)?;
        let mut notes = series.notes.clone();
        notes.extend(pairs.note);
        one_scale(&slices, &pixels, &mut notes)?;
        let (count, rows, columns) = (pixels.len(), pixels[0].rows, pixels[0].columns);
        let mut volume = Volume::new([count, 1, rows, columns], vec![]);
        let mut labels = Labels { slices: count, height: rows, width: columns, values: vec![] };
        let padded = pixels.iter().any(|slice| !slice.padding.is_empty());
        for &at in &series.order {
            let slice = &pixels[at];
            let path = &files.masks[pairs.mask[at]];
            let mask = raster::mask(&reader.read(path)?, self.classes.len())
                .with_context(|| format!("{}", path.display()))?;
            if [mask.height, mask.width] != [rows, columns] {
                bail!(
                    "{}: mask of {}x{} pixels, expected {rows}x{columns} as {}",
                    path.display(),
                    mask.height,
                    mask.width,
                    files.images[at].display()
                );
            }
            volume.values.extend_from_slice(&slice.values);
            labels.values.extend_from_slice(&mask.values);
            if slice.padding.is_empty() {
                let end = volume.padding.len() + usize::from(padded) * rows * columns;
                volume.padding.resize(end, false);
            } else {
                volume.padding.extend_from_slice(&slice.padding);
            }
        }
        if padded {
            let share = volume.padding.iter().filter(|padded| **padded).count() as f64
                / volume.padding.len() as f64;
            notes.push(format!("{:.1} % of the pixels are padding: black", 100.0 * share));
        }
        Ok(Case {
            spacing_mm: facts[0].spacing_mm,
            geometry: series.geometry,
            person: facts.iter().find_map(|facts| facts.person.digest.clone()),
            notes,
            ..Case::new(volume, labels)
        })
    }
}

/// One meaning of values for a whole series.
fn one_scale(slices: &[series::Slice], pixels: &[Pixels], notes: &mut Vec<String>) -> Result<()> {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0);
    for (slice, (path, _)) in pixels.iter().zip(slices) {
        let agree = match (slice.mirror, pixels[0].mirror) {
            (Some(a), Some(b)) => near(a, b),
            (a, b) => a == b,
        };
        if !agree {
            bail!(
                "{} and {}: MONOCHROME1 with other bits or another rescale, expected one for the series: inverted values would not fit each other",
                slices[0].0.display(),
                path.display()
            );
        }
        if slice.raw != pixels[0].raw {
            bail!(
                "{} and {}: a rescale in one of them, expected it in all",
                slices[0].0.display(),
                path.display()
            );
        }
    }
    if pixels[0].mirror.is_some() {
        notes.push("MONOCHROME1: inverted, so that bright is white".to_owned());
    }
    let ct = slices[0].1.modality.as_deref() == Some("CT");
    if ct && pixels[0].raw {
        notes
            .push("CT without RescaleSlope: values are as stored, not Hounsfield units".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
