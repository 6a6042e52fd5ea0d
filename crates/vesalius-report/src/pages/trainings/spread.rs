//! Fig. 3: spread of the distance over all trainings of each GAN.

use crate::document::{Art, Block, Figure, Section};
use crate::draw::axis::{Area, Scale};
use crate::draw::canvas::{Anchor, Canvas, INK, SMALL};
use crate::draw::look;
use crate::evidence::Evidence;
use crate::evidence::runs::Run;
use crate::names::file_part;
use crate::paper::display_name;
use anyhow::Result;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::Outcome;
use vesalius_statistics::resample::quantile;

/// Distances of one GAN's trainings, sorted, and how many diverged.
struct Strip {
    name: String,
    values: Vec<f64>,
    diverged: usize,
}

/// The page; nothing without trainings.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let strips: Vec<Strip> =
        evidence.gans().into_iter().filter_map(|gan| strip(evidence, gan)).collect();
    if strips.iter().all(|strip| strip.values.is_empty()) {
        return Ok(None);
    }
    let most = strips.iter().map(|strip| strip.values.len()).max().unwrap_or(0);
    let one = if most < 2 {
        " So far each GAN has one training with a distance: the spread will show once a study has many."
    } else {
        ""
    };
    let mut extractors: Vec<&str> = evidence
        .stage("train")
        .flat_map(|run| &run.result.scores)
        .filter_map(|score| score.extractor.as_deref())
        .collect();
    extractors.sort_unstable();
    extractors.dedup();
    let mixed = if extractors.len() > 1 {
        " Not all were measured in the same features: their scales differ."
    } else {
        ""
    };
    let figure = Figure {
        name: format!("fig3-{}", file_part(evidence.dataset)),
        title: "Fréchet distance of every training".to_owned(),
        caption: format!(
            "Each point is a training, at its best checkpoint; boxes (from 5 points on) span the middle half with the \
             median, whiskers all.{one}{mixed}"
        ),
        alt: "Fréchet distance of every training, one column of points per GAN".to_owned(),
        art: Art::Svg(svg(&strips)),
        link: None,
    };
    Ok(Some(Section {
        id: "fig3",
        title: "Fig. 3: how much a GAN depends on its settings".to_owned(),
        blocks: vec![Block::Figure(figure)],
        files: vec![],
    }))
}

fn strip(evidence: &Evidence, gan: &RowId) -> Option<Strip> {
    let runs: Vec<&Run> = evidence.stage("train").filter(|run| run.gan() == Some(gan)).collect();
    let mut values: Vec<f64> = runs.iter().filter_map(|run| run.distance()).collect();
    values.sort_by(f64::total_cmp);
    let broke = |run: &&&Run| matches!(run.result.outcome, Outcome::Diverged { .. });
    let diverged = runs.iter().filter(broke).count();
    (!runs.is_empty()).then(|| Strip { name: display_name(gan), values, diverged })
}

const HEIGHT: f64 = 340.0;

fn svg(strips: &[Strip]) -> String {
    let width = (strips.len() as f64 * 76.0 + 90.0).max(420.0);
    let mut canvas = Canvas::new(width, HEIGHT);
    let area = Area { left: 62.0, top: 28.0, right: width - 10.0, bottom: HEIGHT - 72.0 };
    let up = Scale::spanning(strips.iter().flat_map(|strip| strip.values.clone()), area.up());
    area.y_axis(&mut canvas, &up, 6, "Fréchet distance");
    area.frame(&mut canvas);
    let step = (area.right - area.left) / strips.len() as f64;
    for (i, strip) in strips.iter().enumerate() {
        let x = area.left + step * (i as f64 + 0.5);
        canvas.slanted([x + 6.0, area.bottom + 18.0], SMALL, &strip.name);
        if strip.values.len() >= 5 {
            let half = step.min(60.0) * 0.32;
            let at = |q: f64| up.at(quantile(&strip.values, q));
            canvas.line([x, at(0.0)], [x, at(1.0)], INK, 1.0);
            canvas.rect([x - half, at(0.75)], [2.0 * half, at(0.25) - at(0.75)], "#eeeeee", INK);
            canvas.line([x - half, at(0.5)], [x + half, at(0.5)], INK, 2.5);
        }
        for (j, value) in strip.values.iter().enumerate() {
            // Side by side, so that equal ones are both seen.
            let aside = [0.0, -7.0, 7.0, -3.5, 3.5][j % 5];
            canvas.marker([x + aside, up.at(*value)], 3.6, look(1), true);
        }
        let count = match (strip.values.len(), strip.diverged) {
            (n, 0) => format!("n = {n}"),
            (0, d) => format!("{d} diverged"),
            (n, d) => format!("n = {n}, {d} div."),
        };
        canvas.text([x, 16.0], SMALL - 1.0, Anchor::Middle, &count);
    }
    canvas.finish("Fréchet distance of every training, by GAN")
}
