//! A folder of images without masks: each becomes slices as the run's pack did, and its label map lies on its own grid.

use super::{Opened, Predict, Predicted};
use crate::context::Context;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vesalius_data::export::predictions as maps;
use vesalius_data::files::publish::StagedDir;
use vesalius_data::formats::file::{self, Format, ImageFile, KNOWN};
use vesalius_data::layouts::channels;
use vesalius_data::pack::manifest::{CaseRecord, Manifest, Provenance, SliceRecord, Split};
use vesalius_data::pack::{Pack, PackWriter};
use vesalius_data::prepare::orient;
use vesalius_data::prepare::preprocess::{Prepared, prepare_case};
use vesalius_data::prepare::settings::{Crop, Preprocess, SliceChoice};
use vesalius_data::text::file_stem;
use vesalius_data::volume::{Case, Labels, Reader};
use vesalius_torch::segment::{self, Segmenter};

/// What nnU-Net appends to the name of an image's only channel.
const CHANNEL: &str = "_0000";

pub(super) fn predict(
    stage: &Predict,
    opened: &Opened,
    context: &Context,
) -> Result<Option<Predicted>> {
    let settings = settings(stage, opened)?;
    let mut notes = Vec::new();
    let images = images(&stage.data, &opened.kept.sequences, &mut notes)?;
    let folder = StagedDir::create(&stage.out)?;
    let mut bar = (context.progress)("predicting", images.len() as u64, "images");
    for (done, (name, files)) in images.iter().enumerate() {
        if context.asked() {
            return Ok(None);
        }
        one(name, files, &settings, opened, &folder, context, &mut notes)
            .with_context(|| format!("{}", files[0].display()))?;
        bar.set(done as u64 + 1, name);
    }
    bar.finish();
    if context.stopped_before_writing() {
        return Ok(None);
    }
    folder.publish()?;
    Ok(Some(Predicted { maps: images.len(), notes }))
}

/// The run's preparation, of all slices.
fn settings(stage: &Predict, opened: &Opened) -> Result<Preprocess> {
    let settings = opened.kept.preprocess.clone().with_context(|| {
        format!(
            "{}: does not say how its pack was prepared, expected --data to be a pack",
            stage.run.display()
        )
    })?;
    if let Crop::Labels { .. } = settings.crop {
        bail!(
            "{}: its slices were cut out about their masks, which images to be segmented lack; expected another crop",
            stage.run.display()
        );
    }
    // The files are the channels that were chosen.
    Ok(Preprocess { slices: SliceChoice::All, modalities: None, ..settings })
}

/// Files of each image, a channel each where there are several, by the name of its label map.
type Images = BTreeMap<String, Vec<PathBuf>>;

/// Images of a folder.
fn images(folder: &Path, sequences: &[String], notes: &mut Vec<String>) -> Result<Images> {
    let failure = || format!("{}: cannot be listed", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(failure)? {
        let path = entry.with_context(failure)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || !path.is_file() {
            continue;
        }
        match Format::of_name(&path) {
            Some(Format::Dicom) => bail!(
                "{}: a slice of DICOM, expected whole volumes (NIfTI, MetaImage, NRRD), pictures, or a pack of `vesalius prepare`",
                path.display()
            ),
            Some(_) => files.push(path),
            None if file::is_data_file(&path) => {}
            None => notes.push(format!("{}: passed over, no image", path.display())),
        }
    }
    if files.is_empty() {
        bail!("{}: no image, expected some ({KNOWN})", folder.display());
    }
    files.sort();
    let stems: Vec<String> = files
        .iter()
        .map(|path| file::stem(path).with_context(|| format!("{}: no name", path.display())))
        .collect::<Result<_>>()?;
    let mut found: Images = BTreeMap::new();
    if !sequences.is_empty() {
        notes.push(format!(
            "files of a case taken as {}, by the numbers in their names",
            sequences.join(", ")
        ));
        for (stem, path) in stems.into_iter().zip(files) {
            let numbered = stem.rsplit_once('_').filter(|(_, number)| number.len() == 4);
            let (id, number) = numbered
                .and_then(|(id, number)| Some((id.to_owned(), number.parse::<usize>().ok()?)))
                .with_context(|| {
                    format!(
                        "{}: expected NAME_0000, NAME_0001, … for {}",
                        path.display(),
                        sequences.join(", ")
                    )
                })?;
            let of_case = found.entry(id).or_default();
            if number != of_case.len() || number >= sequences.len() {
                bail!(
                    "{}: channel {number}, expected 0 to {} ({})",
                    path.display(),
                    sequences.len() - 1,
                    sequences.join(", ")
                );
            }
            of_case.push(path);
        }
        if let Some((id, files)) = found.iter().find(|(_, files)| files.len() != sequences.len()) {
            bail!(
                "{}: {} channels of {id}, expected {} ({})",
                files[0].display(),
                files.len(),
                sequences.len(),
                sequences.join(", ")
            );
        }
        return Ok(found);
    }
    let nnunet = stems.iter().all(|stem| stem.ends_with(CHANNEL));
    if nnunet {
        notes.push(format!(
            "names end in {CHANNEL}, as nnU-Net has it: left out of the label maps'"
        ));
    }
    for (stem, path) in stems.into_iter().zip(files) {
        let name = if nnunet { stem[..stem.len() - CHANNEL.len()].to_owned() } else { stem };
        file_stem::check(&name)
            .map_err(|refused| anyhow::anyhow!("{}: name {refused}", path.display()))?;
        if let Some(other) = found.insert(name.clone(), vec![path.clone()]) {
            bail!("{} and {}: both are {name}, expected one", other[0].display(), path.display());
        }
    }
    Ok(found)
}

/// Prepares, predicts and writes one image.
fn one(
    name: &str,
    files: &[PathBuf],
    settings: &Preprocess,
    opened: &Opened,
    folder: &StagedDir,
    context: &Context,
    notes: &mut Vec<String>,
) -> Result<()> {
    let reader = &mut Reader::new(Path::new(""));
    let image = channels(files, reader)?;
    notes.extend(image.notes.iter().map(|note| format!("{name}: {note}")));
    let case = Case { sequences: opened.kept.sequences.clone(), ..unlabelled(image) };
    let classes = &opened.kept.classes;
    case.check(classes)?;
    let case = match &settings.orientation {
        Some(wanted) => orient::turned(case, wanted)?,
        None => case,
    };
    let prepared = prepare_case(&case, settings, classes.len())?;
    let expected = opened.kept.slice_shape.pixel_bytes();
    if let Some((_, pixels, _)) = prepared.slices.iter().find(|slice| slice.1.len() != expected) {
        bail!(
            "{} channels, expected {}",
            pixels.len() * opened.kept.slice_shape.channels / expected,
            opened.kept.slice_shape.channels
        );
    }
    let scratch = tempfile::tempdir().context("a temporary folder")?;
    let pack = packed(name, prepared, opened, &scratch.path().join("pack"))?;
    let indices: Vec<usize> = (0..pack.manifest().slices.len()).collect();
    let segmenters: Vec<&Segmenter> = opened.segmenters.iter().collect();
    let predicted = segment::predict(&segmenters, &pack, &indices, context.device, &mut |_| {})?;
    maps::write(&pack, &indices, &predicted, folder)
}

fn unlabelled(image: ImageFile) -> Case {
    let volume = image.volume;
    let labels = Labels {
        slices: volume.slices,
        height: volume.height,
        width: volume.width,
        values: vec![0; volume.slices * volume.height * volume.width],
    };
    Case { spacing_mm: image.spacing_mm, geometry: image.geometry, ..Case::new(volume, labels) }
}

/// Slices of one image as a pack that nobody keeps.
fn packed(name: &str, prepared: Prepared, opened: &Opened, path: &Path) -> Result<Pack> {
    let kept = &opened.kept;
    let mut writer = PackWriter::create(path, kept.slice_shape)?;
    for (position, pixels, labels) in &prepared.slices {
        writer.push(pixels, labels, SliceRecord { case: 0, position: *position })?;
    }
    let case = CaseRecord {
        spacing_mm: prepared.spacing_mm,
        between_mm: prepared.between_mm,
        source_grid: Some(prepared.source_grid),
        ..CaseRecord::new(name, name, Split::Test)
    };
    let provenance = Provenance::real("predict", "all test");
    writer.finish(Manifest {
        sequences: kept.sequences.clone(),
        cases: vec![case],
        ..Manifest::new(&kept.dataset, kept.classes.clone(), kept.slice_shape, provenance)
    })?;
    Ok(Pack::open(path)?)
}
