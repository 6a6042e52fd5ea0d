//! What a dataset is like before it is prepared: sizes, spacings, orientations, values and classes of its cases.

use super::orient;
use crate::checks::classes::BACKGROUND;
use crate::checks::findings::Finding;
use crate::formats::dicom;
use crate::formats::dicom::object::is_dicom;
use crate::layouts::walk::walk;
use crate::layouts::{self, Source, SourceKind, SourceOptions};
use crate::volume::{Case, CaseFiles, Found, Reader};
use anyhow::{Context as _, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Least, median and greatest of something.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// Least.
    pub least: f64,
    /// Median.
    pub median: f64,
    /// Greatest.
    pub greatest: f64,
}

impl Range {
    fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut all: Vec<f64> = values.into_iter().collect();
        all.sort_by(f64::total_cmp);
        let (least, greatest) = (*all.first()?, *all.last()?);
        Some(Self { least, median: all[all.len() / 2], greatest })
    }
}

/// A class in all cases that were read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassFacts {
    /// Its name, or `label 3` where nobody named it.
    pub name: String,
    /// Whether somebody named it.
    pub named: bool,
    /// Share of all voxels.
    pub share: f64,
    /// Cases that hold it.
    pub cases: usize,
}

/// A dataset as it was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fingerprint {
    /// Word of its layout.
    pub layout: &'static str,
    /// Number of patients.
    pub patients: usize,
    /// Number of cases.
    pub cases: usize,
    /// Cases that were read for all that follows; the first ones where there are many.
    pub read: usize,
    /// Names of channels, where they are sequences of their own.
    pub sequences: Vec<String>,
    /// Numbers of channels.
    pub channels: BTreeSet<usize>,
    /// Rows of the stored slices.
    pub rows: Option<Range>,
    /// Columns.
    pub columns: Option<Range>,
    /// Slices of a case.
    pub slices: Option<Range>,
    /// Spacing in the slices, mm, rows and columns together; none where no file says.
    pub spacing_mm: Option<Range>,
    /// Distance of slices, mm.
    pub between_mm: Option<Range>,
    /// Cases of each orientation; those that say none are in none.
    pub orientations: BTreeMap<String, usize>,
    /// Least, median and greatest of all values.
    pub values: Option<Range>,
    /// What scanners say of themselves (DICOM's Modality); none where no file does.
    pub modalities: BTreeSet<String>,
    /// Whether values look like Hounsfield units: air is there.
    pub hounsfield: bool,
    /// Share of the side that a centred square of the slice must have to hold all labels of all cases.
    pub labelled_extent: Option<f64>,
    /// Of each label.
    pub classes: Vec<ClassFacts>,
    /// Cases of each group.
    pub groups: BTreeMap<String, usize>,
    /// Whether the dataset has a split of its own.
    pub official: bool,
    /// What was set aside or guessed.
    pub findings: Vec<Finding>,
}

/// Cases that are read at most: more say little that is new.
const READ: usize = 60;

/// A dataset that was opened, with what was found in it.
struct Opened {
    kind: SourceKind,
    source: Box<dyn Source>,
    found: Found,
}

impl Opened {
    fn of(kind: SourceKind, root: &Path, options: &SourceOptions) -> Result<Self> {
        let source = layouts::open(kind, root, options)?;
        let found = source.cases()?;
        Ok(Self { kind, source, found })
    }

    /// As the layout that fits: the first, from special ones to a plain folder, that finds cases.
    fn guessed(root: &Path, options: &SourceOptions) -> Result<Self> {
        if root.is_file() {
            return Self::of(SourceKind::Table, root, options);
        }
        let mut why = BTreeMap::new();
        for kind in SourceKind::ALL.iter().copied().filter(|kind| *kind != SourceKind::Table) {
            match Self::of(kind, root, options) {
                Ok(opened) => return Ok(opened),
                Err(error) => why.insert(kind, error),
            };
        }
        let dicom = walk(root, 8)?.files.iter().any(|file| is_dicom(file));
        let usual = if dicom { SourceKind::Dicom } else { SourceKind::Folder };
        let error = why.remove(&usual).context("no layout was tried")?;
        Err(error.context(format!("{}: no layout fits; as {}", root.display(), usual.name())))
    }
}

/// What a dataset is like, whatever its layout. Where classes are not named and files do not name them, labels are counted
/// without names.
///
/// # Errors
/// Why no layout fits: as a folder of DICOM where some of it is, else as a folder of images; the first case that cannot be
/// read.
pub fn fingerprint(root: &Path, options: &SourceOptions) -> Result<Fingerprint> {
    let named = Opened::guessed(root, options).and_then(|opened| {
        let classes = opened.source.classes();
        of(&opened, root, &classes)
    });
    named.or_else(|error| {
        if options.classes.is_some() {
            return Err(error);
        }
        // Pictures of masks can only be read where it is known how many classes there may be.
        let any = (0..256).map(unnamed).collect();
        let options = SourceOptions { classes: Some(any), ..options.clone() };
        Opened::guessed(root, &options)
            .and_then(|opened| of(&opened, root, &[unnamed(0)]))
            .map_err(|_| error)
    })
}

fn unnamed(label: usize) -> String {
    if label == 0 { BACKGROUND.to_owned() } else { format!("label {label}") }
}

/// What one case adds.
struct Facts {
    rows: usize,
    columns: usize,
    slices: usize,
    channels: usize,
    spacing_mm: Option<[f64; 2]>,
    between_mm: Option<f64>,
    orientation: Option<String>,
    values: Range,
    /// Voxels of each label.
    labels: BTreeMap<u8, usize>,
    extent: Option<f64>,
    group: Option<String>,
    sequences: Vec<String>,
    notes: Vec<String>,
}

/// Reads cases and counts; `names` of the first labels.
fn of(opened: &Opened, root: &Path, names: &[String]) -> Result<Fingerprint> {
    let Opened { kind, source, found: Found { cases, findings } } = opened;
    let mut findings = findings.clone();
    let root = kind.folder(root);
    let read: Vec<&CaseFiles> = cases.iter().take(READ).collect();
    let facts: Vec<Facts> = read
        .par_iter()
        .map(|files| source.load(files, &mut Reader::new(root)).map(|case| facts(&case)))
        .collect::<Result<_>>()?;
    for (files, facts) in read.iter().zip(&facts) {
        findings.extend(facts.notes.iter().map(|note| Finding::note(&files.id, note.as_str())));
    }
    let orientations: Vec<(String, Option<String>)> = read
        .iter()
        .zip(&facts)
        .map(|(files, facts)| (files.id.clone(), facts.orientation.clone()))
        .collect();
    findings.extend(orient::warn(&orientations));
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for group in facts.iter().filter_map(|facts| facts.group.clone()) {
        *groups.entry(group).or_default() += 1;
    }
    let range = |of: &dyn Fn(&Facts) -> Option<f64>| Range::of(facts.iter().filter_map(of));
    let values = facts.iter().map(|facts| facts.values);
    let values = Range::of(values.clone().map(|v| v.median)).map(|median| Range {
        least: values.clone().map(|v| v.least).fold(f64::INFINITY, f64::min),
        median: median.median,
        greatest: values.clone().map(|v| v.greatest).fold(f64::NEG_INFINITY, f64::max),
    });
    let patients: BTreeSet<&str> = cases.iter().map(|case| case.patient.as_str()).collect();
    let spacings = facts.iter().filter_map(|facts| facts.spacing_mm).flatten();
    Ok(Fingerprint {
        layout: kind.name(),
        patients: patients.len(),
        cases: cases.len(),
        read: facts.len(),
        sequences: facts.first().map(|facts| facts.sequences.clone()).unwrap_or_default(),
        channels: facts.iter().map(|facts| facts.channels).collect(),
        rows: range(&|facts| Some(facts.rows as f64)),
        columns: range(&|facts| Some(facts.columns as f64)),
        slices: range(&|facts| Some(facts.slices as f64)),
        spacing_mm: Range::of(spacings),
        between_mm: range(&|facts| facts.between_mm),
        orientations: orient::counted(&orientations),
        modalities: read
            .par_iter()
            .filter_map(|files| dicom::modality(files.images.first()?))
            .collect(),
        hounsfield: values.is_some_and(|values| values.least <= -900.0 && values.greatest > 100.0),
        values,
        labelled_extent: range(&|facts| facts.extent).map(|extent| extent.greatest),
        classes: classes(names, &facts),
        groups,
        official: cases.iter().all(|case| case.official.is_some() || case.fold.is_some()),
        findings,
    })
}

fn facts(case: &Case) -> Facts {
    let volume = &case.volume;
    let mut labels: BTreeMap<u8, usize> = BTreeMap::new();
    for label in &case.labels.values {
        *labels.entry(*label).or_default() += 1;
    }
    let mut values: Vec<f32> = volume.values.clone();
    let middle = values.len() / 2;
    let median = *values.select_nth_unstable_by(middle, f32::total_cmp).1;
    let fold =
        |start: f32, pick: fn(f32, f32) -> f32| volume.values.iter().copied().fold(start, pick);
    let several = case.geometry.filter(|_| volume.slices > 1);
    Facts {
        rows: volume.height,
        columns: volume.width,
        slices: volume.slices,
        channels: volume.channels,
        spacing_mm: case.spacing_mm,
        between_mm: several.map(|geometry| geometry.spacing_mm()[2]),
        orientation: several.map(|geometry| geometry.orientation()),
        values: Range {
            least: fold(f32::INFINITY, f32::min).into(),
            median: median.into(),
            greatest: fold(f32::NEG_INFINITY, f32::max).into(),
        },
        extent: extent(case),
        labels,
        group: case.group.clone(),
        sequences: case.sequences.clone(),
        notes: case.notes.clone(),
    }
}

/// Twice the greatest distance of a labelled pixel from the middle, as a share of the slice's shorter side.
fn extent(case: &Case) -> Option<f64> {
    let (height, width) = (case.labels.height, case.labels.width);
    let farthest = case
        .labels
        .values
        .iter()
        .enumerate()
        .filter(|(_, label)| **label != 0)
        .map(|(at, _)| {
            let (row, column) = (at / width % height, at % width);
            let from = |at: usize, side: usize| (at as f64 + 0.5 - side as f64 / 2.0).abs() + 0.5;
            from(row, height).max(from(column, width))
        })
        .reduce(f64::max)?;
    Some(2.0 * farthest / height.min(width) as f64)
}

fn classes(names: &[String], facts: &[Facts]) -> Vec<ClassFacts> {
    let greatest = facts.iter().filter_map(|facts| facts.labels.keys().next_back()).max();
    let all: usize = facts.iter().flat_map(|facts| facts.labels.values()).sum();
    let of = |label: usize| {
        let counts = facts.iter().filter_map(|facts| facts.labels.get(&(label as u8)));
        ClassFacts {
            name: names.get(label).cloned().unwrap_or_else(|| unnamed(label)),
            named: label < names.len(),
            share: counts.clone().sum::<usize>() as f64 / all.max(1) as f64,
            cases: counts.count(),
        }
    };
    (0..names.len().max(greatest.map_or(0, |label| usize::from(*label) + 1))).map(of).collect()
}
