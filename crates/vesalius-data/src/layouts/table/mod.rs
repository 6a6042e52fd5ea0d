//! A dataset whose layout nobody foresaw: a table (CSV) with a row for each image.
//!
//! Columns: `patient`, `image` and `mask`, or `mask:CLASS` for a file of each class; and where wanted `case`, `group`,
//! `split` (train, validate, test), `fold` and `channel`. Paths are relative to the table and may be patterns (`*`); an
//! image may be a folder of one DICOM series.

mod rows;

use super::dicom::series_image;
use super::load::with_masks;
use super::nnunet::add_channels;
use crate::checks::classes::BACKGROUND;
use crate::formats::dicom::object::is_dicom;
use crate::formats::file::{self, ImageFile};
use crate::layouts::source::{Source, SourceOptions};
use crate::text::nearest::hint;
use crate::volume::segments::Naming;
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Context as _, Result, bail};
use rows::Row;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The dataset.
#[derive(Debug)]
pub struct Table {
    file: PathBuf,
    naming: Naming,
    /// Names of channels, in the order in which they first stand there; empty without the column.
    channels: Vec<String>,
    /// Rows of each case, one for each channel.
    cases: BTreeMap<String, Vec<Row>>,
}

impl Table {
    /// Of the table `file`.
    ///
    /// # Errors
    /// Names the line and column that is missing, unknown or empty, or contradicts another.
    pub fn new(file: &Path, options: &SourceOptions) -> Result<Self> {
        let rows::Read { rows, classes: columns } = rows::read(file)?;
        let mut naming = options.naming();
        if !columns.is_empty() {
            let own = || [vec![BACKGROUND.to_owned()], columns.clone()].concat();
            naming = Naming {
                classes: options.classes.clone().unwrap_or_else(own),
                named: true,
                renamed: naming.renamed,
            };
            if let Some(unknown) = columns.iter().find(|class| !naming.classes.contains(class)) {
                bail!(
                    "{}: column mask:{unknown}, expected one of --classes{}",
                    file.display(),
                    hint(unknown, naming.classes.iter().map(String::as_str))
                );
            }
        }
        let mut channels: Vec<String> = Vec::new();
        for channel in rows.iter().filter_map(|row| row.channel.as_ref()) {
            if !channels.contains(channel) {
                channels.push(channel.clone());
            }
        }
        let cases = cases(file, rows, &channels)?;
        Ok(Self { file: file.to_owned(), naming, channels, cases })
    }
}

/// Rows by case: with channels all rows of one, else each row is one.
fn cases(file: &Path, rows: Vec<Row>, channels: &[String]) -> Result<BTreeMap<String, Vec<Row>>> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *count.entry(row.patient.clone()).or_default() += 1;
    }
    let mut found: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let id = match &row.case {
            Some(case) => case.clone(),
            None if !channels.is_empty() || count[&row.patient] == 1 => row.patient.clone(),
            None => format!("{}_{}", row.patient, row.stem()),
        };
        found.entry(id).or_default().push(row);
    }
    for (id, rows) in &mut found {
        let first = &rows[0];
        let place = |row: &Row| format!("{}, line {}", file.display(), row.line);
        if channels.is_empty() {
            if let Some(second) = rows.get(1) {
                bail!(
                    "{} and line {}: both are case {id}, expected a row for each; a column `case` or `channel` tells them \
                     apart",
                    place(first),
                    second.line
                );
            }
            continue;
        }
        for row in &rows[1..] {
            let differs = [
                ("patient", row.patient != first.patient),
                ("mask", row.masks != first.masks),
                ("group", row.group != first.group),
                ("split", row.side != first.side),
                ("fold", row.fold != first.fold),
            ];
            if let Some((what, _)) = differs.iter().find(|(_, differs)| *differs) {
                bail!(
                    "{}: another {what} than line {}, expected one for all channels of case {id}",
                    place(row),
                    first.line
                );
            }
        }
        let at = |row: &Row| channels.iter().position(|name| Some(name) == row.channel.as_ref());
        rows.sort_by_key(at);
        let names: Vec<&String> = rows.iter().filter_map(|row| row.channel.as_ref()).collect();
        if names.len() != channels.len() || names.iter().zip(channels).any(|(a, b)| *a != b) {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            bail!(
                "{}: case {id} has the channels {}, expected {}, each once",
                place(&rows[0]),
                names.join(", "),
                channels.join(", ")
            );
        }
    }
    Ok(found)
}

/// The images of a case's rows as channels of one.
fn channels_of(rows: &[Row], reader: &mut Reader) -> Result<ImageFile> {
    let mut all: Option<ImageFile> = None;
    for row in rows {
        let one = image(&row.images, reader)?;
        match &mut all {
            None => all = Some(one),
            Some(all) => {
                add_channels(all, one).with_context(|| format!("{}", row.images[0].display()))?;
            }
        }
    }
    all.context("a case without rows")
}

/// An image file, or all files of one series.
fn image(files: &[PathBuf], reader: &mut Reader) -> Result<ImageFile> {
    if is_dicom(&files[0]) {
        return series_image(files, reader);
    }
    match files {
        [one] => file::image(one, reader),
        [first, second, ..] => bail!(
            "{} and {}: {} files for one image, expected one, or the slices of a DICOM series",
            first.display(),
            second.display(),
            files.len()
        ),
        [] => bail!("no files for an image"),
    }
}

impl Source for Table {
    fn dataset(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn classes(&self) -> Vec<String> {
        self.naming.classes.clone()
    }

    fn channels(&self) -> Option<Vec<String>> {
        (self.channels.len() > 1).then(|| self.channels.clone())
    }

    fn cases(&self) -> Result<Found> {
        let case = |(id, rows): (&String, &Vec<Row>)| CaseFiles {
            id: id.clone(),
            patient: rows[0].patient.clone(),
            official: rows[0].side,
            fold: rows[0].fold,
            images: rows.iter().flat_map(|row| row.images.clone()).collect(),
            masks: rows[0].masks.iter().map(|(_, path)| path.clone()).collect(),
        };
        Ok(Found::of(self.cases.iter().map(case).collect()))
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let rows = &self.cases[&files.id];
        let image = channels_of(rows, reader)?;
        let named = &files.images[0];
        let case = with_masks(named, image, &rows[0].masks, &self.naming, reader)?;
        let sequences = if self.channels.len() > 1 { self.channels.clone() } else { vec![] };
        Ok(Case { group: rows[0].group.clone(), sequences, ..case })
    }
}

#[cfg(test)]
mod tests;
