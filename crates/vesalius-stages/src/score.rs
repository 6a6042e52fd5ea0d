//! Anybody's predictions against reference masks: folders of label maps, as nnU-Net and MONAI write them.

use crate::context::Context;
use crate::predictions::{self, Made, Rules, Volume};
use anyhow::{Context as _, Result, bail};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use regex::Regex;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vesalius_data::files::digest;
use vesalius_data::formats::file::{self, Format, stem};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Input, RunResult, Subject, TrainedOn, refuse_finished};
use vesalius_data::volume::geometry::Geometry;
use vesalius_data::volume::pair::lay_on;
use vesalius_data::volume::{Labels, Reader};

/// The stage.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreFolders {
    /// Folder of reference masks.
    pub reference: PathBuf,
    /// Folder of predicted masks under the same names.
    pub prediction: PathBuf,
    /// Names of all classes, the background's first; without: numbers, up to the highest label.
    pub classes: Option<Vec<String>>,
    /// Regular expression on names whose first group is the patient; without: each volume is one.
    pub patient: Option<String>,
    /// How surfaces are compared.
    pub rules: Rules,
    /// What made the predictions: stands in each protocol.
    pub name: String,
    /// The run that is published, where one is wanted.
    pub out: Option<Published>,
}

/// Where a run of predictions goes, and its place in Table 2.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Folder of the run.
    pub run: PathBuf,
    /// Name of the dataset.
    pub dataset: String,
    /// What the network was trained on.
    pub trained_on: TrainedOn,
    /// Whose synthetic images, where some trained it.
    pub generator: Option<String>,
}

/// What was measured, and what has to be known of it.
#[derive(Debug)]
pub struct Scored {
    /// Numbers.
    pub scores: Vec<Score>,
    /// What was taken for granted or brought onto another grid, a line each.
    pub notes: Vec<String>,
    /// The run that was published.
    pub result: Option<RunResult>,
}

/// Volumes that are read at once.
const AT_ONCE: usize = 16;

/// Seed of the resamples of patients.
const SEED: u64 = 1;

/// Reads all, measures, publishes where a folder is named.
///
/// # Errors
/// References without prediction or the other way round, files that cannot be read, other grids, other classes.
pub fn run(stage: &ScoreFolders, context: &Context) -> Result<Scored> {
    if let Some(out) = &stage.out {
        refuse_finished(&out.run)?;
    }
    let meter = context.meter();
    let pairs = pairs(&stage.reference, &stage.prediction)?;
    let mut progress = (context.progress)("reading masks", pairs.len() as u64, "volumes");
    let (volumes, notes) = read(stage, &pairs, &mut |done| progress.set(done, ""))?;
    progress.finish();
    let classes = classes(stage, &volumes)?;
    let made = format!("predictions of {}", stage.name);
    let made = Made { own: made.clone(), seedless: made };
    let scores = predictions::scores(&volumes, &classes, &stage.rules, &made, SEED)?;
    let result = stage.out.as_ref().map(|out| {
        let subject = Subject {
            dataset: out.dataset.clone(),
            gan: out.generator.as_deref().map(RowId::of),
            trained_on: Some(out.trained_on),
        };
        let folder = |role: &str, path: &Path, side: usize| -> Result<Input> {
            let mut all = String::new();
            for files in pairs.values() {
                all += &digest::of_file(&files[side])?;
            }
            Ok(Input {
                role: role.to_owned(),
                path: path.to_owned(),
                sha256: digest::of_bytes(all.as_bytes()),
                command: String::new(),
                pack: None,
            })
        };
        let inputs = vec![
            folder("reference", &stage.reference, 0)?,
            folder("prediction", &stage.prediction, 1)?,
        ];
        let settings = json!({"name": stage.name, "surface": stage.rules.surface.to_string(),
            "tolerances_mm": stage.rules.tolerances_mm, "patient": stage.patient, "seed": SEED});
        let result = meter.result("segment", subject, scores.clone(), inputs, None, settings);
        result.publish(&out.run)?;
        Ok::<_, anyhow::Error>(result)
    });
    Ok(Scored { scores, notes, result: result.transpose()? })
}

/// Files of each name: reference, prediction.
pub type Pairs = BTreeMap<String, [PathBuf; 2]>;

/// Reads all label maps; with what was taken for granted, a line each.
///
/// # Errors
/// Files that cannot be read, other grids.
pub fn read(
    stage: &ScoreFolders,
    pairs: &Pairs,
    report: &mut dyn FnMut(u64),
) -> Result<(Vec<Volume>, Vec<String>)> {
    let patient = stage.patient.as_deref().map(Regex::new).transpose();
    let patient = patient.context("--patient: no regular expression")?;
    let (mut notes, mut volumes) = (Vec::new(), Vec::new());
    let all: Vec<(&String, &[PathBuf; 2])> = pairs.iter().collect();
    for some in all.chunks(AT_ONCE) {
        let read: Vec<Result<(Volume, Vec<String>)>> = some
            .par_iter()
            .map(|(name, [reference, prediction])| {
                let mut notes = Vec::new();
                let patient = of_patient(patient.as_ref(), name)?;
                let volume = volume(name, patient, [reference, prediction], stage, &mut notes)?;
                Ok((volume, notes))
            })
            .collect();
        for one in read {
            let (volume, said) = one?;
            volumes.push(volume);
            notes.extend(said);
        }
        report(volumes.len() as u64);
    }
    Ok((volumes, notes))
}

/// Pairs the files of two folders by their names.
///
/// # Errors
/// References without prediction or the other way round, two files of one name, none at all.
pub fn pairs(reference: &Path, prediction: &Path) -> Result<Pairs> {
    let (references, mut predictions) = (masks(reference)?, masks(prediction)?);
    let mut pairs = BTreeMap::new();
    for (name, path) in references {
        let Some(predicted) = predictions.remove(&name) else {
            bail!(
                "{}: no prediction of {name}, expected one for each reference",
                prediction.display()
            );
        };
        pairs.insert(name, [path, predicted]);
    }
    if let Some((_, path)) = predictions.pop_first() {
        bail!("{}: no reference of that name in {}", path.display(), reference.display());
    }
    Ok(pairs)
}

fn masks(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let failure = || format!("{}: cannot be listed", folder.display());
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(failure)? {
        let path = entry.with_context(failure)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || !path.is_file() || Format::of_name(&path).is_none() {
            continue;
        }
        let name = stem(&path).with_context(|| format!("{}: no name", path.display()))?;
        if let Some(other) = found.insert(name.clone(), path.clone()) {
            bail!("{} and {}: both are {name}, expected one", other.display(), path.display());
        }
    }
    if found.is_empty() {
        bail!("{}: no mask (.nii, .nii.gz, .mha, .mhd, .png, …), expected some", folder.display());
    }
    Ok(found)
}

fn of_patient(patient: Option<&Regex>, name: &str) -> Result<String> {
    let Some(patient) = patient else { return Ok(name.to_owned()) };
    let found = patient.captures(name).and_then(|groups| groups.get(1));
    found.map(|group| group.as_str().to_owned()).with_context(|| {
        format!("--patient {patient}: no first group in {name}, expected the patient")
    })
}

fn volume(
    name: &str,
    patient: String,
    [reference, prediction]: [&Path; 2],
    stage: &ScoreFolders,
    notes: &mut Vec<String>,
) -> Result<Volume> {
    // Pictures of masks may have any number of classes.
    let classes = stage.classes.as_ref().map_or(256, Vec::len);
    let mut reader = Reader::new(Path::new(""));
    let mut read = |path: &Path| {
        let mask = file::mask(path, classes, &mut reader)?.labels();
        mask.with_context(|| format!("{}", path.display()))
    };
    let (of_reference, of_prediction) = (read(reference)?, read(prediction)?);
    let found = [(reference, &of_reference.notes), (prediction, &of_prediction.notes)];
    for (path, said) in found {
        notes.extend(said.iter().map(|note| format!("{}: {note}", path.display())));
    }
    let (labels, note) =
        lay_on(of_prediction.labels, of_prediction.geometry, of_reference.geometry)
            .with_context(|| format!("{}", prediction.display()))?;
    notes.extend(note.map(|note| format!("{}: {note}", prediction.display())));
    let shape = |labels: &Labels| [labels.slices, labels.height, labels.width];
    let expected = shape(&of_reference.labels);
    if shape(&labels) != expected {
        let text = |[slices, height, width]: [usize; 3]| format!("{width}x{height}x{slices}");
        bail!(
            "{}: {} voxels, expected {} as {}",
            prediction.display(),
            text(shape(&labels)),
            text(expected),
            reference.display()
        );
    }
    let spacing = of_reference.geometry.as_ref().map(Geometry::spacing_mm);
    if spacing.is_none() {
        notes.push(format!(
            "{}: no spacing, expected one for distances in mm and volumes in ml",
            reference.display()
        ));
    }
    Ok(Volume {
        patient,
        case: name.to_owned(),
        shape: expected,
        spacing_mm: spacing.map(|[column, row, _]| [row, column]),
        // One slice is a picture, whatever its header calls its thickness.
        between_mm: spacing.map(|[.., between]| between).filter(|_| expected[0] > 1),
        reference: of_reference.labels.values,
        prediction: labels.values,
    })
}

/// Names of all classes; a label without one is refused.
fn classes(stage: &ScoreFolders, volumes: &[Volume]) -> Result<Vec<String>> {
    let highest = |map: &[u8]| map.iter().copied().max().unwrap_or(0);
    let of_references =
        volumes.iter().map(|volume| highest(&volume.reference)).max().unwrap_or_default();
    let named = stage.classes.clone().unwrap_or_else(|| {
        let numbers = (1..=of_references).map(|label| format!("class {label}"));
        std::iter::once("background".to_owned()).chain(numbers).collect()
    });
    if named.len() < 2 {
        bail!("{}: no label in any mask, expected some", stage.reference.display());
    }
    for volume in volumes {
        for (side, map) in [("reference", &volume.reference), ("prediction", &volume.prediction)] {
            let label = highest(map);
            if usize::from(label) >= named.len() {
                bail!(
                    "{} of {}: label {label}, expected at most {} ({})",
                    side,
                    volume.case,
                    named.len() - 1,
                    if stage.classes.is_some() { "--classes" } else { "the references' highest" }
                );
            }
        }
    }
    for (class, name) in named.iter().enumerate().skip(1) {
        if volumes.iter().all(|volume| !volume.reference.contains(&(class as u8))) {
            bail!(
                "{}: `{name}` is in no mask, expected every class in some",
                stage.reference.display()
            );
        }
    }
    Ok(named)
}
