//! Which metric predicts usefulness on this data: rank correlations between every metric and Dice over the synthetic
//! sets, as a table and a picture.

use crate::catalogue::{Better, Key};
use crate::document::{self, Art, Block, Column, Entry, Figure, Grid, Section, fixed};
use crate::draw::axis::{Area, Scale};
use crate::draw::canvas::{Anchor, Canvas, SMALL, fitting};
use crate::draw::look;
use crate::evidence::Evidence;
use crate::inference::predict::{FEWEST, Found, Unit, correlations, pairs, units};
use crate::names::file_part;
use anyhow::Result;
use vesalius_data::run::TrainedOn;
use vesalius_data::text::count;

/// The page; nothing without scores.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let whole = |key: &Key| key.is_of_images() && !key.is_part();
    let keys: Vec<Key> = evidence.keys().into_iter().filter(whole).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let units = units(evidence);
    let alone = correlations(evidence, &units, &keys, TrainedOn::Synthetic);
    let added = correlations(evidence, &units, &keys, TrainedOn::RealAndSynthetic);
    let most = keys
        .iter()
        .map(|key| pairs(evidence, &units, key, TrainedOn::Synthetic).units.len())
        .max()
        .unwrap_or(0);
    let title = "Which metric predicts usefulness on this data".to_owned();
    if alone.iter().chain(&added).all(Option::is_none) {
        return Ok(Some(Section {
            id: "correlation",
            title,
            blocks: vec![Block::Text(format!(
                "Cannot be said: of {} there are both scores and a Dice, and a rank correlation of fewer than {FEWEST} \
                 means nothing.",
                count::of(most, "GAN")
            ))],
            files: vec![],
        }));
    }
    let mut blocks = vec![Block::Text(answer(&keys, &alone))];
    blocks.push(Block::Grid(grid(evidence, &units, &keys, &alone, &added)));
    let mut order: Vec<usize> = (0..keys.len()).filter(|&i| alone[i].is_some()).collect();
    let strength = |i: &usize| alone[*i].as_ref().map_or(0.0, |found| found.spearman.abs());
    order.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
    order.truncate(MOST);
    if !order.is_empty() {
        let chosen: Vec<(&Key, &Found)> =
            order.iter().filter_map(|&i| Some((&keys[i], alone[i].as_ref()?))).collect();
        blocks.push(Block::Figure(Figure {
            name: format!("correlation-{}", file_part(evidence.dataset)),
            title: "Dice against each metric".to_owned(),
            caption: format!(
                "Filled: U-Net trained on the images alone; hollow: on real images and these. One letter per GAN. The {} \
                 metrics that order the GANs most like Dice alone does.",
                chosen.len()
            ),
            alt: "small scatter plots of Dice against each metric".to_owned(),
            art: Art::Svg(svg(evidence, &units, &chosen)),
            link: None,
        }));
    }
    Ok(Some(Section { id: "correlation", title, blocks, files: vec![] }))
}

/// In words, no more than the tests carry.
fn answer(keys: &[Key], alone: &[Option<Found>]) -> String {
    let tested = alone.iter().flatten().count();
    let count = alone.iter().flatten().map(|found| found.count).max().unwrap_or(0);
    let shown: Vec<String> = keys
        .iter()
        .zip(alone)
        .filter_map(|(key, found)| {
            let found = found.as_ref().filter(|f| f.corrected < 0.05)?;
            Some(format!("{} (ρ {})", key.title(), fixed(found.spearman, 2)))
        })
        .collect();
    let limits = format!(
        "Over {count} synthetic sets, some of one GAN with other masks and so not independent, and {tested} metrics."
    );
    if shown.is_empty() {
        format!(
            "No metric was shown to order the GANs as Dice of their images alone does (p < 0.05 after correction for \
             {tested} metrics). {limits}"
        )
    } else {
        format!(
            "Shown to order the GANs as Dice of their images alone does: {}. {limits}",
            shown.join(", ")
        )
    }
}

fn grid(
    evidence: &Evidence,
    units: &[Unit],
    keys: &[Key],
    alone: &[Option<Found>],
    added: &[Option<Found>],
) -> Grid {
    let mut columns = vec![Column::text("metric", "Metric")];
    for (key, group) in
        [("alone", "Dice of the images alone"), ("added", "Dice of real images and these")]
    {
        for (name, title) in [
            ("n", "GANs"),
            ("spearman", "Spearman ρ"),
            ("interval", "95 % interval"),
            ("p", "p"),
            ("p_holm", "p, Holm"),
            ("kendall", "Kendall τ"),
        ] {
            let column = Column::new(&format!("{key}_{name}"), title);
            columns.push(Column { group: group.to_owned(), ..column });
        }
    }
    let cells = |found: &Option<Found>, count: usize| -> Vec<Entry> {
        let Some(found) = found else {
            let few = if count < FEWEST {
                format!("{count}: too few")
            } else {
                format!("{count}: no variation")
            };
            return [Entry::Text(few)]
                .into_iter()
                .chain(std::iter::repeat_n(Entry::Absent, 5))
                .collect();
        };
        let interval =
            found.interval.map_or(Entry::Absent, |found| document::interval(found, 2).into());
        vec![
            Entry::Number(found.count as f64, 0),
            Entry::Number(found.spearman, 2),
            interval,
            Entry::P(found.p),
            Entry::Number(found.corrected, 4),
            Entry::Number(found.kendall, 2),
        ]
    };
    let (shown, silent): (Vec<usize>, Vec<usize>) =
        (0..keys.len()).partition(|&i| alone[i].is_some() || added[i].is_some());
    let rows = shown
        .into_iter()
        .map(|i| (i, &keys[i]))
        .map(|(i, key)| {
            let wish = match key.better() {
                Better::Lower => " ↓",
                Better::Higher => " ↑",
                Better::Neither => "",
            };
            let count = |trained_on| pairs(evidence, units, key, trained_on).units.len();
            let mut row: Vec<Entry> = vec![format!("{}{wish}", key.title()).into()];
            row.extend(cells(&alone[i], count(TrainedOn::Synthetic)));
            row.extend(cells(&added[i], count(TrainedOn::RealAndSynthetic)));
            row
        })
        .collect();
    Grid {
        name: "correlation",
        dataset: evidence.dataset.to_owned(),
        caption: "Rank correlation of every metric with Dice, over the synthetic sets".to_owned(),
        columns,
        rows,
        remarks: vec![
            left_out(keys, &silent),
            "Shares of single rules and Dice of single classes are left out: they are parts of metrics that stand here, and \
             every further test weakens all others."
                .to_owned(),
            "↓, ↑: low, high values are better; a metric that predicts usefulness has ρ near −1 where ↓ and near +1 \
             where ↑. Interval: 95 % bootstrap over GANs. p: two-sided permutation test, Holm's correction over the \
             metrics of each half."
                .to_owned(),
        ],
    }
}

/// Metrics without a correlation.
fn left_out(keys: &[Key], silent: &[usize]) -> String {
    if silent.is_empty() {
        return "Every metric was measured on enough GANs.".to_owned();
    }
    let names: Vec<String> = silent.iter().map(|&i| keys[i].title()).collect();
    format!(
        "Without a correlation, because fewer than {FEWEST} GANs have it or because it never varies: {}.",
        names.join("; ")
    )
}

/// Panels of the picture.
const MOST: usize = 12;
const PANEL: [f64; 2] = [240.0, 210.0];
const ACROSS: usize = 3;

fn svg(evidence: &Evidence, units: &[Unit], chosen: &[(&Key, &Found)]) -> String {
    let shown: Vec<&Unit> = units
        .iter()
        .filter(|unit| {
            let of = |key| pairs(evidence, units, key, TrainedOn::Synthetic).units.contains(unit);
            chosen.iter().any(|(key, _)| of(key))
        })
        .collect();
    let rows = chosen.len().div_ceil(ACROSS);
    let legend_lines = shown.len().div_ceil(4);
    let top = 10.0 + 18.0 * legend_lines as f64;
    let mut canvas =
        Canvas::new(PANEL[0] * ACROSS as f64 + 20.0, top + rows as f64 * PANEL[1] + 8.0);
    for (i, unit) in shown.iter().enumerate() {
        let at = [24.0 + (i % 4) as f64 * 180.0, 16.0 + (i / 4) as f64 * 18.0];
        canvas.bold(at, SMALL, Anchor::Start, &letter(i));
        canvas.text([at[0] + 14.0, at[1]], SMALL, Anchor::Start, &unit.name);
    }
    for (i, (key, found)) in chosen.iter().enumerate() {
        let left = 20.0 + (i % ACROSS) as f64 * PANEL[0];
        let up = top + (i / ACROSS) as f64 * PANEL[1];
        let area = Area {
            left: left + 42.0,
            top: up + 40.0,
            right: left + PANEL[0] - 12.0,
            bottom: up + PANEL[1] - 28.0,
        };
        let alone = pairs(evidence, units, key, TrainedOn::Synthetic);
        let added = pairs(evidence, units, key, TrainedOn::RealAndSynthetic);
        let across = Scale::covering(
            alone.metric.iter().chain(&added.metric).copied(),
            [area.left, area.right],
        );
        let scale = Scale::covering(alone.dice.iter().chain(&added.dice).copied(), area.up());
        let title = fitting(&key.title(), SMALL, PANEL[0] - 12.0);
        canvas.bold([area.left - 36.0, up + 18.0], SMALL, Anchor::Start, &title);
        let note = format!("ρ = {}", fixed(found.spearman, 2));
        canvas.text([area.left - 36.0, up + 33.0], SMALL, Anchor::Start, &note);
        area.y_axis(&mut canvas, &scale, 4, if i % ACROSS == 0 { "Dice" } else { "" });
        area.x_axis(&mut canvas, &across, 4, "");
        area.frame(&mut canvas);
        for (x, y) in added.metric.iter().zip(&added.dice) {
            canvas.marker([across.at(*x), scale.at(*y)], 3.5, look(2), true);
        }
        let mut labels: Vec<[f64; 2]> = vec![];
        for ((unit, x), y) in alone.units.iter().zip(&alone.metric).zip(&alone.dice) {
            let at = [across.at(*x), scale.at(*y)];
            canvas.marker(at, 3.5, look(1), false);
            let place = shown.iter().position(|other| other == unit).unwrap_or(0);
            // Where no other letter stands yet.
            let places = [[5.0, -4.0], [5.0, 12.0], [-12.0, -4.0], [-12.0, 12.0]];
            let places = places.map(|[dx, dy]| [at[0] + dx, at[1] + dy]);
            let free = |p: &&[f64; 2]| {
                labels.iter().all(|o| (o[0] - p[0]).abs() > 8.0 || (o[1] - p[1]).abs() > 9.0)
            };
            let label = *places.iter().find(free).unwrap_or(&places[0]);
            labels.push(label);
            canvas.text(label, SMALL - 1.0, Anchor::Start, &letter(place));
        }
    }
    canvas.finish("Dice against each metric")
}

fn letter(i: usize) -> String {
    let letter = char::from(b'a' + (i % 26) as u8);
    if i < 26 { letter.to_string() } else { format!("{letter}{}", i / 26) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;
    use crate::evidence::fixture::evidence;

    fn blocks(gans: usize) -> Vec<Block> {
        let mut fixture = Fixture::new();
        for (i, gan) in ["a", "b", "c", "d", "e"].into_iter().take(gans).enumerate() {
            let dice = 0.8 - 0.1 * i as f64;
            fixture.judged("metrics", gan, &[("kid", None, i as f64)]);
            fixture.unet(Some(gan), TrainedOn::Synthetic, 1, &[dice, dice + 0.02]);
        }
        let runs = fixture.runs();
        page(&evidence(&runs).unwrap()[0]).unwrap().unwrap().blocks
    }

    #[test]
    fn three_gans_have_no_correlation() {
        let blocks = blocks(3);
        let [Block::Text(text)] = blocks.as_slice() else { panic!("one sentence") };
        assert!(text.contains("Cannot be said: of 3 GANs"), "{text}");
    }

    #[test]
    fn parts_of_a_metric_are_not_tested_beside_it() {
        let mut fixture = Fixture::new();
        for (i, gan) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            let share = 0.1 * i as f64;
            let scores =
                [("implausible_share", None, share), ("implausible_share", Some("rule/x"), share)];
            fixture.judged("plausibility", gan, &scores);
            fixture.unet(Some(gan), TrainedOn::Synthetic, 1, &[0.8 - share, 0.8 - share]);
        }
        let runs = fixture.runs();
        let page = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let Block::Grid(grid) = &page.blocks[1] else { panic!("a table second") };
        assert_eq!(grid.rows.len(), 1);
    }

    #[test]
    fn a_metric_that_orders_the_gans_is_named() {
        let blocks = blocks(5);
        let Block::Text(text) = &blocks[0] else { panic!("an answer first") };
        assert!(text.contains("Shown") && text.contains("KID (ρ −1.00)"), "{text}");
        assert!(matches!(blocks[2], Block::Figure(_)));
    }
}
