//! Real and generated samples laid out on one plane (the study's Fig. 6).

mod draw;
mod plotted;
mod spec;

pub use spec::Map;

use crate::context::{Context, Measured};
use crate::overlap::{Settled, Use, compared, settle};
use crate::side::Side;
use anyhow::{Context as _, Result, bail};
use plotted::Plotted;
use spec::TRUSTED;
use vesalius_data::files::publish::write_file;
use vesalius_data::files::read;
use vesalius_data::pack::manifest::Split;
use vesalius_data::run::{Input, Subject};
use vesalius_report::map::sprite::{self, Thumbnail};
use vesalius_report::map::{self as picture, Kind, figure, page};
use vesalius_statistics::umap::Settings;

/// The map itself.
const MAP: &str = "map.json";

/// Lays out, draws, and publishes the map; a run with a result where all sets are packs.
///
/// # Errors
/// Sets that cannot be read, do not go together or overlap, too few points, settings out of range, a network that
/// cannot be had, a folder that holds another or a finished map.
pub fn run(stage: &Map, context: &Context) -> Result<Option<Measured>> {
    stage.extractor.check()?;
    let meter = context.meter();
    let mut sides = vec![Plotted::open(&stage.real, Kind::Real, stage.count, stage.seed)?];
    for path in &stage.synthetic {
        sides.push(Plotted::open(path, Kind::Synthetic, stage.count, stage.seed)?);
    }
    // Of packs there is a result, which is written last.
    let last = if subject(&sides).is_some() { "result.json" } else { MAP };
    if stage.out.join("result.json").exists() || stage.out.join(last).exists() {
        bail!("{}: holds a finished map, expected a new folder", stage.out.display());
    }
    let settled = settled(stage, &sides)?;
    let settings =
        Settings { neighbours: stage.neighbours, min_dist: stage.min_dist, seed: stage.seed };
    let points: usize = sides.iter().map(|side| side.samples.len()).sum();
    settings.check(points)?;
    if points <= 2 * TRUSTED {
        bail!("{points} points, expected more than {} to measure trustworthiness", 2 * TRUSTED);
    }
    let outcome = draw::draw(stage, &sides, settings, context);
    if context.stopped_before_writing() {
        return Ok(None);
    }
    let (map, mut score) = outcome?;
    settled.note(std::slice::from_mut(&mut score));
    publish(stage, &sides, &map)?;
    let scores = vec![score];
    let mut result = None;
    if let Some(subject) = subject(&sides) {
        let inputs: Vec<Input> =
            sides.iter().map(|side| side.source.input(side.role())).collect::<Result<_>>()?;
        let images = Some(points as u64);
        let settings = map.settings.clone();
        let found = meter.result("map", subject, scores.clone(), inputs, images, settings);
        let found = settled.of(found);
        found.publish(&stage.out)?;
        result = Some(found);
    }
    Ok(Some(Measured { scores, missing: vec![], result }))
}

fn settled(stage: &Map, sides: &[Plotted]) -> Result<Settled> {
    let mut settled = Settled::default();
    for side in &sides[1..] {
        let remark = stage.extractor.check_sizes(&sides[0].source, &side.source)?;
        let meeting = compared(&sides[0].source, &side.source, Use::OneSplit(Split::Train));
        let found = settle(&meeting, stage.allow_overlap)?;
        settled = settled.and(Settled { remark, overlap: vec![] }).and(found);
    }
    Ok(settled)
}

/// What the run is about, where all are packs; the GAN where there is only one.
fn subject(sides: &[Plotted]) -> Option<Subject> {
    let mut gans = Vec::new();
    for side in sides {
        let Side::Pack(pack) = &side.source else { return None };
        gans.push(pack.manifest().provenance.row());
    }
    let Side::Pack(real) = &sides[0].source else { return None };
    let gan = if sides.len() == 2 { gans.pop().flatten() } else { None };
    Some(Subject { dataset: real.manifest().dataset.clone(), gan, trained_on: None })
}

fn publish(stage: &Map, sides: &[Plotted], map: &picture::Map) -> Result<()> {
    let mut thumbnails = Vec::new();
    for side in sides {
        if let Side::Pack(pack) = &side.source {
            for &i in &side.samples {
                let slice = pack.slice(i)?;
                thumbnails.push(Thumbnail::of_slice(
                    slice.pixels,
                    slice.labels,
                    pack.slice_shape(),
                )?);
            }
        }
    }
    let pictures = if thumbnails.is_empty() {
        None
    } else {
        Some(sprite::pack(&thumbnails, page::PICTURE_BUDGET).context("--count")?)
    };
    let json = serde_json::to_vec(map)?;
    // A command that was killed before its result finds the map that it wrote.
    if read::bytes(&stage.out.join(MAP)).is_ok_and(|found| found != json) {
        bail!("{}: holds another map, expected a new folder", stage.out.display());
    }
    let html = page::html(map, pictures.as_ref())?;
    write_file(&stage.out.join("map.svg"), figure::svg(map).as_bytes())?;
    write_file(&stage.out.join("map.html"), html.as_bytes())?;
    write_file(&stage.out.join(MAP), &json)
}
