//! Any generator's images as a synthetic pack, like a real one: folders of pairs, nnU-Net raw, NumPy archives.

mod grid;
mod npz;

use crate::checks::classes::BACKGROUND;
use crate::checks::findings::{Finding, lines};
use crate::checks::lineage;
use crate::files::{digest, read};
use crate::layouts::{self, SourceKind, SourceOptions};
use crate::pack::manifest::{
    CaseRecord, Elsewhere, Manifest, Provenance, Seen, SliceRecord, Split,
};
use crate::pack::masks::MaskSource;
use crate::pack::{Pack, PackWriter};
use crate::run::precision::Precision;
use crate::text::{count, label};
use crate::volume::Reader;
use anyhow::{Context as _, Result, bail};
use grid::Fitted;
use std::collections::BTreeSet;
use std::path::Path;

/// Whom the generator saw.
#[derive(Debug)]
pub enum Members {
    /// Nobody says.
    Unknown,
    /// All training patients of a pack.
    Of(Box<Pack>),
    /// Some of the training patients of the pack that the images are like.
    Patients(Vec<String>),
}

/// What to import, and how.
#[derive(Debug)]
pub struct Job<'a> {
    /// A folder, or a NumPy archive.
    pub from: &'a Path,
    /// The real pack whose shape, classes and window the images have.
    pub like: &'a Pack,
    /// The generator's name.
    pub name: &'a str,
    /// Values that are black and white; without: those of the type of integers.
    pub range: Option<[f32; 2]>,
    /// Other sizes are resampled instead of refused.
    pub resize: bool,
    /// Whom it saw.
    pub members: Members,
    /// The command line, for the manifest.
    pub command: String,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Pairs.
    pub pairs: usize,
    /// What has to be known of them, a line each.
    pub notes: Vec<String>,
}

/// One image with its mask, or a plane of a volume with its, as a file has it.
pub(crate) struct FoundPair<'a> {
    /// Where it lies, for messages.
    pub place: &'a dyn std::fmt::Display,
    /// Planes of the volume that it is one of, which come one behind the other.
    pub planes: usize,
    /// Channels, rows, columns.
    pub shape: [usize; 3],
    /// `[C, H, W]`.
    pub values: Vec<f32>,
    /// What the file's type can hold, where that is its range.
    pub full_range: Option<[f32; 2]>,
    /// Rows and columns of the mask.
    pub mask_shape: [usize; 2],
    /// `[H, W]`.
    pub labels: Vec<u8>,
}

/// Imports into `target`, which must not exist; `progress` hears of pairs.
///
/// # Errors
/// Names of presets, images without masks, other classes, other shapes without `resize`, values outside of the range,
/// patients whom the pack does not have. Nothing is left then.
pub fn import(job: &Job, target: &Path, progress: &mut dyn FnMut(usize)) -> Result<Imported> {
    label::check(job.name).map_err(|refused| anyhow::anyhow!("--name: {refused}"))?;
    if let Provenance::Synthetic { gan, .. } = &job.like.manifest().provenance {
        bail!("--like {}: made by {gan}, expected a real pack", job.like.path().display());
    }
    let seen = seen(job)?;
    let mut writer = PackWriter::create(target, job.like.slice_shape())?;
    let mut fitted = Fitted::new(job);
    let mut pairs = 0;
    let depth = job.like.slice_shape().planes;
    let mut volume: (Vec<u8>, Vec<u8>) = (vec![], vec![]);
    let mut planes = 0;
    let mut add = |pair: FoundPair| -> Result<()> {
        let place = pair.place.to_string();
        if depth > 1 && pair.planes != depth {
            bail!(
                "{place}: of {}, expected volumes of {depth} as {}",
                count::of(pair.planes, "plane"),
                job.like.path().display()
            );
        }
        let (pixels, labels) = fitted.fit(pair).with_context(|| place)?;
        volume.0.extend(pixels);
        volume.1.extend(labels);
        planes += 1;
        if planes < depth {
            return Ok(());
        }
        fitted.complete(&volume.1);
        writer.push(&volume.0, &volume.1, SliceRecord { case: pairs, position: 0 })?;
        volume.0.clear();
        volume.1.clear();
        planes = 0;
        pairs += 1;
        progress(pairs);
        Ok(())
    };
    let mut notes = Vec::new();
    let is_archive =
        |path: &Path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    let files = if is_archive(job.from) {
        npz::pairs(job.from, depth > 1, &mut add)?;
        digest::of_file(job.from).with_context(|| format!("{}", job.from.display()))?
    } else {
        of_folder(job, &mut notes, &mut add)?
    };
    if pairs == 0 {
        bail!("{}: no pair, expected some", job.from.display());
    }
    fitted.check()?;
    notes.extend(fitted.notes());
    let (trained_on, seen) = seen;
    writer.finish(Manifest {
        vesalius: env!("CARGO_PKG_VERSION").to_owned(),
        provenance: Provenance::Synthetic {
            gan: job.name.to_owned(),
            checkpoint_sha256: files,
            trained_on,
            kimg: 0.0,
            seed: 0,
            truncation: 1.0,
            precision: Precision::F32,
            mask_source: MaskSource::Generated,
            masks_pack: None,
            run_sha256: None,
            filtered: None,
            seen,
            elsewhere: Some(Elsewhere { from: job.from.to_owned() }),
            stacked: None,
        },
        cases: (0..pairs)
            .map(|i| {
                let id = format!("{}_{i:05}", file_name(job.name));
                let case = CaseRecord::new(id.clone(), id, Split::Train);
                if depth > 1 { case.spaced(job.like.manifest().spacing_mm()) } else { case }
            })
            .collect(),
        slices: vec![],
        command: job.command.clone(),
        data_sha256: String::new(),
        ..job.like.manifest().clone()
    })?;
    Ok(Imported { pairs, notes })
}

/// A name as names of cases may have it.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// The pack that the generator was trained on, by its digest, and the persons whom it saw.
fn seen(job: &Job) -> Result<(String, Vec<Seen>)> {
    Ok(match &job.members {
        Members::Unknown => (String::new(), vec![]),
        Members::Of(pack) => (
            pack.digest().to_owned(),
            lineage::seen(lineage::persons(pack.manifest(), Split::Train)),
        ),
        Members::Patients(names) => {
            let all = lineage::persons(job.like.manifest(), Split::Train);
            let known: BTreeSet<&str> = all.iter().map(|person| person.patient.as_str()).collect();
            if let Some(name) = names.iter().find(|name| !known.contains(name.as_str())) {
                bail!(
                    "--patients: {name} is no training patient of {}, expected some of them",
                    job.like.path().display()
                );
            }
            let some = all.into_iter().filter(|person| names.contains(&person.patient)).collect();
            (String::new(), lineage::seen(some))
        }
    })
}

/// Reads pairs of a folder, whatever its layout; the digest of all files.
fn of_folder(
    job: &Job,
    notes: &mut Vec<String>,
    add: &mut dyn FnMut(FoundPair) -> Result<()>,
) -> Result<String> {
    let classes = &job.like.manifest().classes;
    let nnunet = job.from.join("dataset.json").exists();
    let kind = if nnunet { SourceKind::Nnunet } else { SourceKind::Folder };
    // Each pair stands for itself, whatever its name.
    let patient = Some("(.*)".to_owned());
    let options = SourceOptions {
        classes: (!nnunet).then(|| classes.clone()),
        patient,
        ..SourceOptions::default()
    };
    let source = layouts::open(kind, job.from, &options)?;
    same_classes(job, &named(job.from)?.unwrap_or_else(|| source.classes()))?;
    let found = source.cases()?;
    let mut findings = found.findings.clone();
    let mut all = String::new();
    for files in &found.cases {
        let mut reader = Reader::new(job.from);
        let case = source.load(files, &mut reader)?;
        let name = files.images.first().map_or_else(String::new, |path| path.display().to_string());
        case.check(classes).with_context(|| name.clone())?;
        findings.extend(case.notes.iter().map(|note| Finding::note(name.as_str(), note.as_str())));
        for slice in 0..case.volume.slices {
            let volume = &case.volume;
            let place: &dyn std::fmt::Display = &if volume.slices == 1 {
                name.clone()
            } else {
                format!("{name}, slice {}", slice + 1)
            };
            let planes = (0..volume.channels).flat_map(|c| volume.plane(slice, c).iter().copied());
            add(FoundPair {
                place,
                planes: volume.slices,
                shape: [volume.channels, volume.height, volume.width],
                values: planes.collect(),
                full_range: volume.full_range,
                mask_shape: [case.labels.height, case.labels.width],
                labels: case.labels.plane(slice).to_vec(),
            })?;
        }
        for file in reader.into_files() {
            all += &file.sha256;
        }
    }
    notes.extend(lines(&findings));
    Ok(digest::of_bytes(all.as_bytes()))
}

/// Classes as `classes.json` beside the folders names them: what `vesalius export` writes.
fn named(folder: &Path) -> Result<Option<Vec<String>>> {
    let path = folder.join("classes.json");
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read::state(&path).with_context(|| format!("{}", path.display()))?;
    let names = serde_json::from_slice(&bytes)
        .with_context(|| format!("{}: expected a list of names", path.display()))?;
    Ok(Some(names))
}

fn same_classes(job: &Job, found: &[String]) -> Result<()> {
    let expected = &job.like.manifest().classes;
    // nnU-Net wants class 0 to be called background.
    let alike = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .enumerate()
            .all(|(i, (a, b))| a == b || (i == 0 && a == BACKGROUND));
    if !alike {
        bail!(
            "{}: classes {}, expected those of {}: {}",
            job.from.display(),
            found.join(", "),
            job.like.path().display(),
            expected.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
