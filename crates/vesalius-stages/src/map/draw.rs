//! Features to a map: one layout for all sets.

use super::plotted::Plotted;
use super::spec::{Map as Stage, TRUSTED};
use crate::context::Context;
use crate::judge::{Judge, UNKNOWN};
use crate::metrics::of_file;
use crate::side::Side;
use anyhow::{Result, bail};
use vesalius_data::run::score::Score;
use vesalius_data::say;
use vesalius_report::map::{MAP_FORMAT, Map, Point, Set};
use vesalius_statistics::umap::neighbours::Candidates;
use vesalius_statistics::umap::{Points, Settings, epochs, umap};
use vesalius_torch::metrics::numerics::bounds::candidates;
use vesalius_torch::metrics::numerics::unit::in_f32;
use vesalius_torch::metrics::trustworthiness::{Trustworthiness, trustworthiness};
use vesalius_torch::{Kind as TensorKind, Tensor};

/// Candidates beyond the neighbours that are wanted: room for the last digits of matrix products.
const SPARE: usize = 16;

/// The map of all sets, and how far it can be trusted.
///
/// # Errors
/// When features cannot be had or are of different widths.
pub fn draw(
    stage: &Stage,
    sides: &[Plotted],
    settings: Settings,
    context: &Context,
) -> Result<(Map, Score)> {
    let files = sides.iter().filter(|side| matches!(side.source, Side::Features { .. })).count();
    if files != 0 && files != sides.len() {
        bail!("--real and --synthetic: expected packs only or feature files only");
    }
    let judge =
        if files == 0 { Some(stage.extractor.load(&sides[0].source, context)?) } else { None };
    let features = together(sides, judge.as_ref(), context)?;
    let width = features.size()[1] as usize;
    let (found, trust) = lay_out(&features, settings)?;
    let map = describe(stage, sides, (&found, &trust), (settings, width), judge.as_ref())?;
    let protocol = format!(
        "UMAP ({} neighbours, least distance {}, seed {}); k = {TRUSTED}, {} of {} points asked; {}",
        settings.neighbours,
        settings.min_dist,
        settings.seed,
        trust.asked,
        found.len(),
        map.treatment
    );
    let extractor = match &judge {
        Some(judge) => judge.extractor.name(),
        None => of_file(&sides[0].source)?,
    };
    let counts = sides.iter().map(|side| side.samples.len());
    let score = Score {
        extractor: Some(extractor),
        dialect: judge.as_ref().and_then(|j| j.dialect).map(str::to_owned),
        real_count: Some(sides[0].samples.len()),
        synthetic_count: Some(counts.skip(1).sum()),
        ..Score::new("trustworthiness", trust.value, protocol)
    };
    Ok((map, score.finite()?))
}

/// Features of all sets, one below the other, f32.
fn together(sides: &[Plotted], judge: Option<&Judge>, context: &Context) -> Result<Tensor> {
    let mut parts = Vec::new();
    for side in sides {
        let part = side.features(judge, context)?;
        let width = parts.first().map_or(part.size()[1], |first: &Tensor| first.size()[1]);
        if part.size()[1] != width {
            bail!(
                "{}: {} dimensions, the real features have {width}; expected the same extractor",
                side.source.path().display(),
                part.size()[1]
            );
        }
        parts.push(part);
    }
    let kind = if parts.iter().all(|part| part.kind() == TensorKind::Float) {
        TensorKind::Float
    } else {
        TensorKind::Double
    };
    let parts: Vec<Tensor> = parts.into_iter().map(|part| part.to_kind(kind)).collect();
    Ok(in_f32(&Tensor::cat(&parts, 0)))
}

fn lay_out(features: &Tensor, settings: Settings) -> Result<(Vec<[f32; 2]>, Trustworthiness)> {
    let (points, width) = (features.size()[0] as usize, features.size()[1] as usize);
    say!("mapping {points} points of {width} dimensions");
    let wanted = settings.neighbours - 1;
    let near = if points <= wanted + SPARE + 1 {
        Candidates::everybody(points)
    } else {
        let near = candidates(features, wanted as i64, (wanted + SPARE) as i64).indices;
        let near: Vec<i64> = Vec::try_from(near.reshape(-1))?;
        Candidates::new(near.into_iter().map(|i| i as u32).collect(), wanted + SPARE)?
    };
    let values: Vec<f32> = Vec::try_from(features.contiguous().view(-1))?;
    let found = umap(Points::new(&values, width)?, &near, settings)?;
    drop(values);
    let flat: Vec<f32> = found.iter().flatten().copied().collect();
    let plane = Tensor::from_slice(&flat).view([-1, 2]);
    let trust = trustworthiness(features, &plane, TRUSTED, settings.seed)?;
    Ok((found, trust))
}

fn describe(
    stage: &Stage,
    sides: &[Plotted],
    (found, trust): (&[[f32; 2]], &Trustworthiness),
    (settings, width): (Settings, usize),
    judge: Option<&Judge>,
) -> Result<Map> {
    let points = found.len();
    let mut map = Map {
        format: MAP_FORMAT,
        extractor: judge.map_or_else(|| UNKNOWN.to_owned(), |j| j.extractor.name()),
        treatment: judge.map_or_else(|| "features from files".to_owned(), |j| j.treatment.clone()),
        settings: serde_json::json!({
            "neighbours": settings.neighbours, "min_dist": settings.min_dist, "spread": 1.0, "seed": settings.seed,
            "epochs": epochs(points), "count": stage.count, "dimensions": width,
        }),
        trustworthiness: trust.value,
        sets: Vec::new(),
        points: Vec::with_capacity(points),
    };
    let mut at = found.iter();
    for (i, side) in sides.iter().enumerate() {
        let panel = i.checked_sub(1);
        let input = side.source.input(side.role())?;
        map.sets.push(Set {
            kind: side.kind,
            name: side.name(panel.unwrap_or(0)),
            panel,
            path: input.path,
            sha256: input.sha256,
            shown: side.samples.len(),
            of: side.of,
        });
        for (&index, &[x, y]) in side.samples.iter().zip(at.by_ref()) {
            let name = side.sample_name(index);
            map.points.push(Point { x, y, kind: side.kind, panel, index, name });
        }
    }
    Ok(map)
}
