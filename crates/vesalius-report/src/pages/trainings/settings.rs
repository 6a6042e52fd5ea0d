//! Fig. 4 and its like: distance and Dice against every hyperparameter that varies among the trainings of a dataset.

use crate::document::{Art, Block, Figure, Section};
use crate::draw::axis::{Area, Scale};
use crate::draw::canvas::{Anchor, Canvas, INK, SMALL, cut, width};
use crate::draw::look;
use crate::evidence::Evidence;
use crate::evidence::measure::mean;
use crate::evidence::trials::{Trial, trials, varying};
use crate::names::file_part;
use crate::paper::display_name;
use anyhow::Result;
use std::collections::BTreeSet;
use vesalius_data::pack::row::RowId;

/// The page; nothing without trainings.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let trials = trials(evidence);
    if trials.is_empty() {
        return Ok(None);
    }
    let (within, between) = varying(&trials);
    let mut blocks = vec![];
    if within.is_empty() {
        blocks.push(Block::Text(
            "No hyperparameter was varied within a GAN: each GAN was trained with one setting, and what follows from \
             another one is not known. A study with several trainings per GAN fills this page."
                .to_owned(),
        ));
    }
    let measures: [(&str, &str, &str, Of); 2] = [
        ("distance", "Fréchet distance", "Fréchet distance", |trial| trial.distance),
        ("dice", "Dice of a U-Net trained on the images alone", "Dice", |trial| trial.dice),
    ];
    for (paths, kind, remark) in [
        (&within, "", "varied within a GAN"),
        (
            &between,
            "-between",
            "differ between GANs only: their effect cannot be told from the GAN's",
        ),
    ] {
        if paths.is_empty() {
            continue;
        }
        for (key, title, axis, of) in measures {
            if trials.iter().filter(|trial| of(trial).is_some()).count() < 2 {
                continue;
            }
            blocks.push(Block::Figure(Figure {
                name: format!("fig4-{key}{kind}-{}", file_part(evidence.dataset)),
                title: format!("{title} against settings that {remark}"),
                caption: "Each point is a training, its shape and colour the GAN; bars are means over the trainings \
                          with that value."
                    .to_owned(),
                alt: format!("{title} against {}", paths.join(", ")),
                art: Art::Svg(svg(&trials, paths, axis, of)),
                link: None,
            }));
        }
    }
    if blocks.is_empty() {
        return Ok(None);
    }
    Ok(Some(Section {
        id: "fig4",
        title: "Fig. 4: what each hyperparameter does".to_owned(),
        blocks,
        files: vec![],
    }))
}

type Of = fn(&Trial) -> Option<f64>;

const COLUMNS: usize = 3;
const PANEL: [f64; 2] = [240.0, 232.0];

fn svg(trials: &[Trial], paths: &[String], title: &str, of: Of) -> String {
    let gans: Vec<&RowId> = {
        let mut found: Vec<&RowId> = vec![];
        for trial in trials.iter().filter(|trial| of(trial).is_some()) {
            if !found.contains(&trial.gan) {
                found.push(trial.gan);
            }
        }
        found
    };
    let columns = paths.len().clamp(2, COLUMNS);
    let size_x = columns as f64 * PANEL[0] + 24.0;
    let legend = legend_rows(&gans, size_x);
    let top = 12.0 + legend as f64 * 20.0;
    let size_y = top + paths.len().div_ceil(columns) as f64 * PANEL[1];
    let mut canvas = Canvas::new(size_x, size_y);
    draw_legend(&mut canvas, &gans, size_x);
    let values = || trials.iter().filter_map(of);
    for (i, path) in paths.iter().enumerate() {
        let left = 24.0 + (i % columns) as f64 * PANEL[0];
        let up = top + (i / columns) as f64 * PANEL[1];
        let area = Area {
            left: left + 36.0,
            top: up + 26.0,
            right: left + PANEL[0] - 12.0,
            bottom: up + PANEL[1] - 70.0,
        };
        let scale = Scale::spanning(values(), area.up());
        canvas.bold([area.left, up + 16.0], SMALL, Anchor::Start, &shorten(path));
        area.y_axis(&mut canvas, &scale, 4, if i % columns == 0 { title } else { "" });
        area.frame(&mut canvas);
        panel(&mut canvas, area, &scale, (trials, path, &gans), of);
    }
    canvas.finish(&format!("{title} against settings"))
}

fn panel(
    canvas: &mut Canvas,
    area: Area,
    scale: &Scale,
    (trials, path, gans): (&[Trial], &str, &[&RowId]),
    of: Of,
) {
    let categories = categories(trials.iter().filter_map(|trial| trial.settings.get(path)));
    let step = (area.right - area.left) / categories.len() as f64;
    for (i, category) in categories.iter().enumerate() {
        let x = area.left + step * (i as f64 + 0.5);
        canvas.slanted([x + 6.0, area.bottom + 15.0], SMALL - 1.0, &cut(category, 14));
        let here: Vec<&Trial> = trials
            .iter()
            .filter(|trial| trial.settings.get(path) == Some(category) && of(trial).is_some())
            .collect();
        for (j, trial) in here.iter().enumerate() {
            let series = gans.iter().position(|gan| *gan == trial.gan).unwrap_or(0);
            let aside = step.min(60.0) * 0.22 * [0.0, -1.0, 1.0, -0.5, 0.5][j % 5];
            let value = of(trial).expect("filtered");
            canvas.marker([x + aside, scale.at(value)], 3.8, look(series), false);
        }
        if here.len() > 1 {
            let y = scale.at(mean(&here.iter().filter_map(|trial| of(trial)).collect::<Vec<_>>()));
            let half = step.min(60.0) * 0.36;
            canvas.line([x - half, y], [x + half, y], INK, 1.5);
        }
    }
}

/// Values in order: by size where all are numbers.
fn categories<'a>(values: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut found: Vec<String> = values.cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let numbers: Option<Vec<f64>> = found.iter().map(|value| value.parse().ok()).collect();
    if let Some(numbers) = numbers {
        let mut pairs: Vec<(f64, String)> = numbers.into_iter().zip(found).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        found = pairs.into_iter().map(|(_, text)| text).collect();
    }
    found
}

fn legend_places(gans: &[&RowId], size_x: f64) -> Vec<[f64; 2]> {
    let (mut x, mut y) = (30.0, 14.0);
    gans.iter()
        .map(|gan| {
            let room = width(&display_name(gan), SMALL) + 34.0;
            if x + room > size_x && x > 30.0 {
                (x, y) = (30.0, y + 20.0);
            }
            let place = [x, y];
            x += room;
            place
        })
        .collect()
}

fn legend_rows(gans: &[&RowId], size_x: f64) -> usize {
    legend_places(gans, size_x).last().map_or(0, |place| (place[1] / 20.0) as usize + 1)
}

fn draw_legend(canvas: &mut Canvas, gans: &[&RowId], size_x: f64) {
    for (i, (gan, [x, y])) in gans.iter().zip(legend_places(gans, size_x)).enumerate() {
        canvas.marker([x, y - 4.0], 4.5, look(i), false);
        canvas.text([x + 10.0, y], SMALL, Anchor::Start, &display_name(gan));
    }
}

/// `networks.discriminator.filters` → `discriminator.filters`: the last two parts tell.
fn shorten(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    cut(&parts[parts.len().saturating_sub(2)..].join("."), 30)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;
    use crate::evidence::fixture::evidence;
    use serde_json::json;

    #[test]
    fn a_figure_for_each_kind_of_setting_and_nothing_without_dice() {
        let mut fixture = Fixture::new();
        let spec = |filters: u32, loss: &str| json!({"filters": filters, "loss": loss, "same": 1});
        fixture.training("lsgan", spec(32, "ls"), Some(1.0));
        fixture.training("lsgan", spec(64, "ls"), Some(2.0));
        fixture.training("hinge", spec(64, "hinge"), Some(3.0));
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        assert_eq!(section.blocks.len(), 2, "distance for both kinds, no Dice");
        let Block::Figure(Figure { art: Art::Svg(within), .. }) = &section.blocks[0] else {
            panic!("a figure of the filters")
        };
        // Distances of 1 to 3 with a margin of 6 % at each end, over 136 pixels from 194 up to 58.
        let up = |distance: f64| 194.0 - (distance - 0.88) / (3.12 - 0.88) * 136.0;
        for (x, distance) in [(108.0, 1.0), (204.0, 2.0)] {
            let point = format!(r#"<circle cx="{x:.1}" cy="{:.1}" r="3.8""#, up(distance));
            assert!(within.contains(&point), "{point}: {within}");
        }
        // The bar of 64 filters: the mean of LSGAN's 2 and HingeGAN's 3.
        let bar = format!(r#"<line x1="182.4" y1="{0:.1}" x2="225.6" y2="{0:.1}""#, up(2.5));
        assert!(within.contains(&bar), "{bar}: {within}");
    }

    #[test]
    fn numbers_are_in_order_of_size() {
        let values = ["128", "16", "64"].map(ToOwned::to_owned);
        assert_eq!(categories(values.iter()), ["16", "64", "128"]);
    }
}
