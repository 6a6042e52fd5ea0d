//! A dataset into a pack: cases in parallel, written in order, everything recorded.

mod checks;
mod depth;
pub mod fingerprint;
mod frame;
mod loading;
pub mod orient;
pub mod preprocess;
mod regrid;
mod resample;
pub mod settings;
pub mod split;

pub use loading::SAME_SPACING;
pub use regrid::{Regrid, pixels, volume_undone};

use super::pack::PackWriter;
use super::volume::Found;
use crate::checks::classes::check_classes;
use crate::checks::findings::Finding;
use crate::checks::linked::stay_together;
use crate::checks::sheet::{Draft, Head};
use crate::layouts::Source;
use crate::pack::manifest::{CaseRecord, Manifest, Provenance, SliceShape, Split};
use crate::prepare::preprocess::notes_on_range;
use crate::prepare::settings::Preprocess;
use crate::prepare::split::{Division, Places};
use anyhow::{Result, bail};
use checks::{check, check_ids, check_modalities, check_names};
use loading::{Loaded, load, uneven};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// What was made, and what the user should look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Slices of each side.
    pub slices: [usize; 3],
    /// Patients of each side.
    pub patients: [usize; 3],
    /// Number of folds; 0 without.
    pub folds: usize,
    /// The case of which the crop cut off most, and the share of its labelled pixels.
    pub most_cut: Option<(String, f64)>,
    /// What was set aside, guessed or found to overlap.
    pub findings: Vec<Finding>,
}

/// What to prepare, and how.
pub struct Job<'a> {
    /// The dataset.
    pub source: &'a dyn Source,
    /// Its word on the command line.
    pub source_name: &'a str,
    /// What tables call the dataset; the source's own name where none is given.
    pub dataset: Option<String>,
    /// Its folder; recorded paths are relative to it.
    pub root: &'a Path,
    /// Preprocessing.
    pub settings: &'a Preprocess,
    /// Who trains, who validates and who tests.
    pub division: &'a Division,
    /// What is known before anything is read.
    pub findings: Vec<Finding>,
    /// The command line, for the manifest.
    pub command: String,
}

/// Reads, preprocesses and writes the pack `target`; `progress` hears (cases done, of).
///
/// # Errors
/// The first case that cannot be read, in the order of the files; nothing is left at `target` then.
pub fn prepare(job: Job, target: &Path, mut progress: impl FnMut(usize, usize)) -> Result<Summary> {
    let Job { source, source_name, dataset, root, settings, division, mut findings, command } = job;
    let dataset = dataset.unwrap_or_else(|| source.dataset());
    check(settings)?;
    check_modalities(source, root, settings)?;
    let classes = source.classes();
    check_classes(&classes).map_err(|found| anyhow::anyhow!("{}: {found}", root.display()))?;
    let Found { cases, findings: found } = source.cases()?;
    findings.extend(found);
    check_ids(&cases)?;
    check_names(root, &dataset, &classes, &cases)?;
    // What is wrong with the rule is said before anything is read; who shares images is known only afterwards.
    division.apply(&cases, &[], &BTreeMap::new())?;
    let mut writer = None;
    let mut slice_shape = None;
    let mut sequences = vec![];
    let mut records = Vec::with_capacity(cases.len());
    let mut files = Vec::new();
    let mut persons = Vec::with_capacity(cases.len());
    let mut kept = Vec::with_capacity(cases.len());
    let mut ranges = Vec::new();
    let mut orientations = Vec::new();
    let mut spacings = Vec::new();
    let mut labelled = false;
    let mut sheet = Draft::of(&cases);
    let mut most_cut: Option<(String, f64)> = None;
    // A few cases at a time: a CT volume is hundreds of megabytes as floats.
    for (at, chunk) in cases.chunks(2 * rayon::current_num_threads()).enumerate() {
        let loaded: Vec<Result<Loaded>> =
            chunk.par_iter().map(|case| load(source, root, case, settings, &classes)).collect();
        for (case, loaded) in chunk.iter().zip(loaded) {
            let Loaded {
                prepared,
                measured,
                orientation,
                stored_mm,
                channels,
                sequences: named,
                group,
                person,
                slices,
                notes,
                files: read,
            } = loaded?;
            sequences = named;
            findings.extend(notes.into_iter().map(|note| Finding::note(&case.id, note)));
            let this = SliceShape {
                channels: settings.channels.unwrap_or(channels),
                planes: settings.volume.map_or(1, |deep| deep.planes),
                height: settings.size[0],
                width: settings.size[1],
                pixel_type: settings.depth,
            };
            if *slice_shape.get_or_insert(this) != this {
                bail!(
                    "{}: {channels} channels, but others have another number; expected --channels to settle it",
                    case.images[0].display()
                );
            }
            if writer.is_none() {
                writer = Some(PackWriter::create(target, this)?);
            }
            let writer = writer.as_mut().expect("just created");
            labelled |= prepared.slices.iter().any(|slice| slice.2.iter().any(|&label| label != 0));
            prepared.push(writer, records.len())?;
            if prepared.cut_off > most_cut.as_ref().map_or(0.0, |(_, share)| *share) {
                most_cut = Some((case.id.clone(), prepared.cut_off));
            }
            // People look at planes.
            sheet.add(measured, &prepared, SliceShape { planes: 1, ..this });
            ranges.extend(prepared.range_used);
            orientations.push((case.id.clone(), orientation));
            spacings.extend(stored_mm);
            kept.push(if this.is_volume() { 1 } else { prepared.slices.len() });
            persons.push(person);
            records.push(CaseRecord {
                group,
                spacing_mm: prepared.spacing_mm,
                between_mm: prepared.between_mm,
                source_grid: Some(prepared.source_grid),
                source_slices: slices,
                // Settled below.
                ..CaseRecord::new(&case.id, &case.patient, Split::Train)
            });
            files.extend(read);
        }
        progress(
            (at * 2 * rayon::current_num_threads() + chunk.len()).min(cases.len()),
            cases.len(),
        );
    }
    let (Some(writer), Some(slice_shape)) = (writer, slice_shape) else {
        bail!("{}: no case at all", root.display());
    };
    if !labelled {
        bail!("{}: every mask is empty, expected labelled pixels", root.display());
    }
    if settings.orientation.is_none() {
        let warned = orient::warn(&orientations);
        if let (Some(finding), Some(_)) = (warned.first(), settings.volume) {
            bail!("{}: {}; expected one orientation for --volume", finding.of, finding.text);
        }
        findings.extend(warned);
    }
    if settings.spacing_mm.is_none() {
        findings.extend(uneven(&spacings));
    }
    let (lost, told) = notes_on_range(&ranges, settings.depth);
    findings.extend(lost);
    let (together, said) = stay_together(&records, &persons);
    findings.extend(said);
    let groups: BTreeMap<String, String> = records
        .iter()
        .filter_map(|case| Some((case.patient.clone(), case.group.clone()?)))
        .collect();
    let Places { sides: split, folds } = division.apply(&cases, &together, &groups)?;
    let mut slices = [0; 3];
    for (case, count) in records.iter_mut().zip(kept) {
        case.split = split[&case.patient];
        if let Some((fold, validates_in)) = folds.get(&case.patient) {
            (case.fold, case.validates_in) = (Some(*fold), validates_in.clone());
        }
        slices[case.split as usize] += count;
    }
    let [train, validate, test] = slices;
    let misses = train == 0
        || (test == 0 && folds.is_empty())
        || (validate == 0 && division.validation.is_some() && folds.is_empty());
    if misses {
        bail!(
            "{}: {train} slices to train, {validate} to validate, {test} to test, expected some of each",
            root.display()
        );
    }
    findings.extend(sheet.findings(&told));
    let head = Head { dataset: dataset.clone(), classes: &classes, slice_shape, sides: &split };
    sheet.write(writer.folder(), head, &findings)?;
    let provenance = Provenance::Real {
        source: source_name.to_owned(),
        preprocess: serde_json::to_value(settings)?,
        split: division.to_string(),
        files,
        predicted: None,
    };
    writer.finish(Manifest {
        sequences,
        cases: records,
        command,
        ..Manifest::new(&dataset, classes, slice_shape, provenance)
    })?;
    let patients = Split::ALL.map(|side| split.values().filter(|other| **other == side).count());
    let folds = folds.values().map(|(fold, _)| fold + 1).max().unwrap_or(0);
    Ok(Summary { slices, patients, folds, most_cut, findings })
}
