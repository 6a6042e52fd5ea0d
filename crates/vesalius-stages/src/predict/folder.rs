//! A folder of images without masks: each becomes slices as the run's pack did, and its label map lies on its own grid.

use super::images::{Image, Images, images};
use super::{Form, Opened, Predict, Predicted};
use crate::context::Context;
use crate::planes::Planes;
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use vesalius_data::export::predictions::{self as maps, Drawing};
use vesalius_data::files::publish::StagedDir;
use vesalius_data::formats::dicom::write::Source;
use vesalius_data::formats::file::ImageFile;
use vesalius_data::pack::manifest::{CaseRecord, Manifest, Provenance, SliceShape, Split};
use vesalius_data::pack::{Pack, PackWriter};
use vesalius_data::prepare::orient;
use vesalius_data::prepare::preprocess::{Prepared, prepare_case};
use vesalius_data::prepare::settings::{Crop, Preprocess, SliceChoice};
use vesalius_data::volume::{Case, Labels, Reader};
use vesalius_torch::segment::{self, Segmenter};

pub(super) fn predict(
    stage: &Predict,
    opened: &Opened,
    context: &Context,
) -> Result<Option<Predicted>> {
    let settings = settings(stage, opened)?;
    let mut notes = Vec::new();
    let images = images(&stage.data, &opened.kept.sequences, &mut notes)?;
    let sources = sources(stage.form, &images)?;
    let folder = StagedDir::create(&stage.out)?;
    let mut bar = (context.progress)("predicting", images.len() as u64, "images");
    let mut written = 0;
    for (done, (name, image)) in images.iter().enumerate() {
        if context.asked() {
            return Ok(None);
        }
        let source = sources.get(done);
        let one = One { name, image, settings: &settings, opened };
        let failure = || format!("{}", image.first().display());
        let scratch = tempfile::tempdir().context("a temporary folder")?;
        let place = scratch.path().join("pack");
        let (pack, predicted) = one.predicted(&place, context, &mut notes).with_context(failure)?;
        let indices: Vec<usize> = (0..pack.len()).collect();
        let seen = Planes::of(&pack, indices, predicted)?;
        let (pack, labels) = (seen.pack(), &seen.predicted);
        let any = match source {
            None => maps::write(pack, &seen.indices, labels, &folder).map(|()| true),
            Some((source, drawing)) => {
                let by = opened.kept.settings.name();
                maps::write_on_series(pack, labels, (source, *drawing), &by, &folder)
            }
        };
        if any.with_context(failure)? {
            written += 1;
        } else {
            notes.push(format!("{name}: nothing found, which DICOM cannot say: no file"));
        }
        bar.set(done as u64 + 1, name);
    }
    bar.finish();
    if context.stopped_before_writing() {
        return Ok(None);
    }
    folder.publish()?;
    Ok(Some(Predicted { maps: written, notes }))
}

/// The series on which masks are drawn, in the order of the images; none for label maps. Read before anything is
/// predicted.
fn sources(form: Form, images: &Images) -> Result<Vec<(Source, Drawing)>> {
    let drawing = match form {
        Form::Volume => return Ok(vec![]),
        Form::Dicom => Drawing::Segmentation,
        Form::Rtstruct => Drawing::Structures,
    };
    images
        .values()
        .map(|image| match image {
            Image::Series(series) => Ok((Source::of(&series.files)?, drawing)),
            Image::Files(files) => bail!(
                "--as {}: {} is no series of DICOM, expected one to draw on",
                form.name(),
                files[0].display()
            ),
        })
        .collect()
}

/// The run's preparation, of all slices.
fn settings(stage: &Predict, opened: &Opened) -> Result<Preprocess> {
    let settings = opened.kept.preprocess.clone().with_context(|| {
        format!(
            "{}: does not say how its pack was prepared, expected --data to be a pack",
            stage.run.display()
        )
    })?;
    if settings.volume.is_some() && !opened.kept.slice_shape.is_volume() {
        bail!(
            "{}: its slices are planes of volumes, expected --data to be a pack",
            stage.run.display()
        );
    }
    if let Crop::Labels { .. } = settings.crop {
        bail!(
            "{}: its slices were cut out about their masks, which images to be segmented lack; expected another crop",
            stage.run.display()
        );
    }
    // The files are the channels that were chosen.
    Ok(Preprocess { slices: SliceChoice::All, modalities: None, ..settings })
}

/// One image, what it is prepared by, and who looks at it.
struct One<'a> {
    name: &'a str,
    image: &'a Image,
    settings: &'a Preprocess,
    opened: &'a Opened,
}

impl One<'_> {
    /// Its slices, and their labels `[H, W]`.
    fn predicted(
        &self,
        place: &Path,
        context: &Context,
        notes: &mut Vec<String>,
    ) -> Result<(Pack, Vec<Vec<u8>>)> {
        let Self { name, opened, settings, .. } = self;
        let image = self.image.read(&mut Reader::new(Path::new("")))?;
        notes.extend(image.notes.iter().map(|note| format!("{name}: {note}")));
        let case = Case { sequences: opened.kept.sequences.clone(), ..unlabelled(image) };
        let classes = &opened.kept.classes;
        case.check(classes)?;
        let case = match &settings.orientation {
            Some(wanted) => orient::turned(case, wanted)?,
            None => case,
        };
        let prepared = prepare_case(&case, settings, classes.len())?;
        let shape = SliceShape { planes: 1, ..opened.kept.slice_shape };
        let expected = shape.pixel_bytes();
        if let Some((_, pixels, _)) = prepared.slices.iter().find(|slice| slice.1.len() != expected)
        {
            bail!(
                "{} channels, expected {}",
                pixels.len() * shape.channels / expected,
                opened.kept.slice_shape.channels
            );
        }
        let pack = packed(name, prepared, opened, place)?;
        let indices: Vec<usize> = (0..pack.manifest().slices.len()).collect();
        let segmenters: Vec<&Segmenter> = opened.segmenters.iter().collect();
        let labels = segment::predict(&segmenters, &pack, &indices, context.device, &mut |_| {})?;
        Ok((pack, labels))
    }
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
    prepared.push(&mut writer, 0)?;
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
    Ok(Pack::open_any(path)?)
}
