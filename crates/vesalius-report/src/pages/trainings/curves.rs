//! Training curves: losses and Fréchet distance against thousands of images, of each GAN's best training.

use crate::document::{Art, Block, Figure, Section};
use crate::draw::axis::{Area, Scale};
use crate::draw::canvas::{Anchor, Canvas, SMALL, width};
use crate::draw::look;
use crate::evidence::Evidence;
use crate::evidence::runs::Point;
use crate::names::slug;
use crate::pages::images::samples::{best_trainings, describe};
use anyhow::Result;
use std::collections::BTreeSet;

/// The page; nothing without statistics.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let mut figures = vec![];
    for run in best_trainings(evidence) {
        let stats = run.stats()?;
        if stats.len() > 1 {
            let name = run.gan_name();
            figures.push(Figure {
                name: format!("curves-{}", slug(run)),
                title: name.clone(),
                caption: describe(run)?,
                alt: format!("losses and Fréchet distance of {name} during training"),
                art: Art::Svg(svg(&stats, &name)),
                link: None,
            });
        }
    }
    Ok((!figures.is_empty()).then(|| Section {
        id: "curves",
        title: "Training curves".to_owned(),
        blocks: vec![Block::Gallery(figures)],
        files: vec![],
    }))
}

/// Name and points of a curve.
type Line<'a> = (&'a str, Vec<[f64; 2]>);

const SIZE: [f64; 2] = [640.0, 230.0];

/// Both panels of one training.
fn svg(stats: &[Point], name: &str) -> String {
    let mut canvas = Canvas::new(SIZE[0], SIZE[1]);
    let area = |left: f64, right: f64| Area { left, top: 22.0, right, bottom: SIZE[1] - 42.0 };
    let names: BTreeSet<&str> =
        stats.iter().flat_map(|p| p.losses.keys().map(String::as_str)).collect();
    let of = |name: &str| -> Vec<[f64; 2]> {
        stats.iter().filter_map(|p| Some([p.kimg, *p.losses.get(name)?])).collect()
    };
    let losses: Vec<Line> = names.into_iter().map(|name| (name, of(name))).collect();
    panel(&mut canvas, area(56.0, 310.0), "loss", &losses);
    let distance: Vec<[f64; 2]> =
        stats.iter().filter_map(|p| p.frechet_distance.map(|d| [p.kimg, d])).collect();
    if !distance.is_empty() {
        let line = [("averaged generator", distance)];
        panel(&mut canvas, area(386.0, SIZE[0] - 12.0), "Fréchet distance", &line);
    }
    canvas.finish(&format!("Training curves of {name}"))
}

fn panel(canvas: &mut Canvas, area: Area, what: &str, lines: &[Line]) {
    let finite = |points: &[[f64; 2]]| -> Vec<[f64; 2]> {
        points.iter().copied().filter(|[_, y]| y.is_finite()).collect()
    };
    let points: Vec<[f64; 2]> = lines.iter().flat_map(|(_, points)| finite(points)).collect();
    let end = points.iter().map(|[x, _]| *x).fold(0.001, f64::max);
    let across = Scale::exact([0.0, end], area.across());
    let up = Scale::spanning(points.iter().map(|[_, y]| *y), area.up());
    area.y_axis(canvas, &up, 4, what);
    area.x_axis(canvas, &across, 5, "thousands of images (kimg)");
    area.frame(canvas);
    let mut left = area.left + 6.0;
    for (i, (name, points)) in lines.iter().enumerate() {
        let look = look(i);
        let line: Vec<[f64; 2]> =
            finite(points).iter().map(|[x, y]| [across.at(*x), up.at(*y)]).collect();
        canvas.path(&line, look);
        canvas.path(&[[left, 10.0], [left + 22.0, 10.0]], look);
        canvas.text([left + 27.0, 14.0], SMALL, Anchor::Start, name);
        left += 44.0 + width(name, SMALL);
    }
}
