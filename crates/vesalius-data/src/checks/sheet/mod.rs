//! The data sheet of a pack: what went in, what became of it, and what a person has to look at.
//!
//! `sheet.json` holds [`Sheet`], `sheet.html` is drawn from it ([`html`]), `montage.png` shows outlines. They lie in
//! the pack
//! but outside of its digest: their wording may change, the data do not.

mod contents;
mod facts;
pub mod html;
mod picture;

pub use contents::{MONTAGE, NUMBERS, PAGE, PatientFacts, Sheet};
pub use facts::{CaseFacts, ClassFacts, Intensities, Measured, Windowed};
pub use picture::Shown;

use super::findings::Finding;
use super::fit::{Fits, verdict};
use crate::files::publish::write_file;
use crate::pack::manifest::{SliceShape, Split};
use crate::prepare::preprocess::Prepared;
use crate::text::{escape, strings};
use crate::volume::CaseFiles;
use anyhow::{Context as _, Result};
use picture::Pictures;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Fewer grey levels than these are suspicious …
const FEW_LEVELS: usize = 16;
/// … where the source had a range of as many units.
const MANY_VALUES: f32 = 64.0;

/// What is gathered while a dataset is prepared.
#[derive(Debug)]
pub struct Draft {
    cases: Vec<CaseFacts>,
    fits: Fits,
    pictures: Pictures,
}

/// What the sheet says of the pack as a whole.
#[derive(Debug)]
pub struct Head<'a> {
    /// Name of the dataset.
    pub dataset: String,
    /// Names of the classes.
    pub classes: &'a [String],
    /// Shape of the slices.
    pub slice_shape: SliceShape,
    /// Side of each patient.
    pub sides: &'a BTreeMap<String, Split>,
}

impl Draft {
    /// Of these examinations.
    pub fn of(cases: &[CaseFiles]) -> Self {
        let patients = cases.iter().map(|case| case.patient.as_str());
        Self { cases: vec![], fits: Fits::default(), pictures: Pictures::of(patients) }
    }

    /// Takes up one case, in the order of the files.
    pub fn add(&mut self, mut measured: Measured, prepared: &Prepared, slice_shape: SliceShape) {
        measured.count_levels(prepared, slice_shape);
        let Measured { facts, fit } = measured;
        self.pictures.add(&facts.patient, &facts.case, prepared, slice_shape);
        self.fits.add(&facts.patient, fit);
        self.cases.push(facts);
    }

    /// What the pictures and numbers themselves make suspicious; but for grey levels that windows of `told` lose, of
    /// which
    /// there is a word already, about all cases at once.
    pub fn findings(&self, told: &[[f32; 2]]) -> Vec<Finding> {
        let mut findings = verdict::findings(&self.fits);
        for case in &self.cases {
            let Windowed { levels, window, .. } = &case.after;
            let few = *levels < FEW_LEVELS && !told.contains(window);
            if few && case.before.greatest - case.before.least >= MANY_VALUES {
                let text = format!(
                    "{levels} grey levels are left inside the window from {} to {}: is it the right one?",
                    window[0], window[1]
                );
                findings.push(Finding::warning(&case.case, text));
            }
        }
        findings
    }

    /// Writes the three files into `folder`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(mut self, folder: &Path, head: Head, findings: &[Finding]) -> Result<()> {
        let side = |patient: &str| head.sides.get(patient).copied().unwrap_or(Split::Train);
        self.cases.iter_mut().for_each(|case| case.side = side(&case.patient));
        let mut patients: BTreeMap<&str, PatientFacts> = BTreeMap::new();
        for case in &self.cases {
            let fit = self.fits.patients().get(&case.patient);
            let row = patients.entry(&case.patient).or_insert_with(|| PatientFacts {
                patient: case.patient.clone(),
                side: case.side,
                cases: 0,
                slices: 0,
                fit: fit.filter(|fit| fit.own.steps > 0.0).map(|fit| fit.own.mean()),
            });
            row.cases += 1;
            row.slices += case.kept;
        }
        let patients = patients.into_values().collect();
        let mut findings = findings.to_vec();
        findings.sort();
        // Names of files that are not used may hold anything.
        for Finding { of, text, .. } in &mut findings {
            *of = escape::terminal(of).into_owned();
            *text = escape::terminal(text).into_owned();
        }
        let sheet = Sheet {
            format: 1,
            dataset: head.dataset,
            vesalius: env!("CARGO_PKG_VERSION").to_owned(),
            classes: head.classes.to_vec(),
            slice_shape: head.slice_shape,
            findings,
            patients,
            cases: self.cases,
            shown: self.pictures.shown(),
        };
        let page = html::page(&sheet, &self.pictures.rows()?);
        write_file(&folder.join(PAGE), page.as_bytes())?;
        write_file(&folder.join(NUMBERS), &serde_json::to_vec_pretty(&sheet)?)?;
        if let Some(png) = self.pictures.montage()? {
            write_file(&folder.join(MONTAGE), &png)?;
        }
        Ok(())
    }
}

/// The sheet of a pack, and where its page is; `None` for packs without one.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read(pack: &Path) -> Result<Option<(Sheet, PathBuf)>> {
    let path = pack.join(NUMBERS);
    let bytes = match crate::files::read::state(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("{}: cannot be read", path.display()));
        }
    };
    let sheet = strings::from_json(&bytes)
        .with_context(|| format!("{}: not a data sheet of this version", path.display()))?;
    Ok(Some((sheet, pack.join(PAGE))))
}

#[cfg(test)]
mod tests;
