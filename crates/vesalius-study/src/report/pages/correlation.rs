//! Which metric predicts usefulness on this data: rank correlations between every metric and Dice over the synthetic
//! sets, as a table and a picture.

use crate::report::catalogue::{Better, Key};
use crate::report::document::{Art, Block, Column, Entry, Figure, Grid, Section, fixed};
use crate::report::draw::axis::{Area, Scale};
use crate::report::draw::canvas::{Anchor, Canvas, SMALL};
use crate::report::draw::look;
use crate::report::evidence::{Evidence, FILTERED};
use crate::report::lineage::synthetic_digest;
use crate::report::measure::{SEED, mean};
use crate::report::paper::display_name;
use crate::run_dir::TrainedOn;
use crate::statistics::rank::{kendall, spearman};
use crate::statistics::{resample, test};
use anyhow::Result;
use std::collections::BTreeSet;

/// GANs below which no correlation is stated.
const FEWEST: usize = 4;

/// One set of synthetic images: of a GAN, by digest where several trainings or samplings of it were judged.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unit<'a> {
    gan: &'a str,
    digest: Option<&'a str>,
    name: String,
}

/// A metric and Dice over some units, in the same order.
#[derive(Debug)]
struct Pairs<'a> {
    units: Vec<&'a Unit<'a>>,
    metric: Vec<f64>,
    dice: Vec<f64>,
}

/// One correlation.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    count: usize,
    spearman: f64,
    interval: Option<[f64; 2]>,
    kendall: f64,
    p: f64,
    corrected: f64,
}

/// All sets of synthetic images. Filtered samples are those of the same GAN: they would count it twice.
fn units<'a>(evidence: &'a Evidence) -> Vec<Unit<'a>> {
    let mut units = vec![];
    for gan in evidence.gans().into_iter().filter(|gan| !gan.ends_with(FILTERED)) {
        let digests: BTreeSet<&str> = evidence
            .runs
            .iter()
            .filter(|run| run.gan() == Some(gan) && run.result.stage != "train")
            .filter_map(|run| synthetic_digest(run))
            .collect();
        let name = display_name(gan);
        if digests.len() < 2 {
            units.push(Unit { gan, digest: None, name });
        } else {
            units.extend(digests.into_iter().enumerate().map(|(i, digest)| Unit {
                gan,
                digest: Some(digest),
                name: format!("{name} {}", i + 1),
            }));
        }
    }
    units
}

/// Mean Dice of the U-Nets trained on a unit.
fn dice(evidence: &Evidence, unit: &Unit, trained_on: TrainedOn) -> Option<f64> {
    let set = evidence.set(trained_on, Some(unit.gan))?;
    let values: Vec<f64> = set
        .judged
        .iter()
        .filter(|run| unit.digest.is_none() || synthetic_digest(run) == unit.digest)
        .filter_map(|run| Some(run.dice()?.value))
        .collect();
    (!values.is_empty()).then(|| mean(&values))
}

fn pairs<'a>(
    evidence: &Evidence,
    units: &'a [Unit<'a>],
    key: &Key,
    trained_on: TrainedOn,
) -> Pairs<'a> {
    let mut pairs = Pairs { units: vec![], metric: vec![], dice: vec![] };
    for unit in units {
        let measure = evidence.measure_of(unit.gan, unit.digest, key);
        if let (Some(measure), Some(dice)) = (measure, dice(evidence, unit, trained_on)) {
            pairs.units.push(unit);
            pairs.metric.push(measure.value);
            pairs.dice.push(dice);
        }
    }
    pairs
}

impl Pairs<'_> {
    /// None with too few GANs, or where a side never varies.
    fn correlate(&self) -> Option<Found> {
        if self.units.len() < FEWEST {
            return None;
        }
        let found = spearman(&self.metric, &self.dice)?;
        let interval = resample::interval(self.units.len(), SEED, |drawn| {
            let pick = |values: &[f64]| drawn.iter().map(|&i| values[i]).collect::<Vec<f64>>();
            spearman(&pick(&self.metric), &pick(&self.dice))
        });
        let p = test::correlation(&self.metric, &self.dice, spearman, SEED)?;
        Some(Found {
            count: self.units.len(),
            spearman: found,
            interval,
            kendall: kendall(&self.metric, &self.dice)?,
            p,
            corrected: p,
        })
    }
}

/// Correlations of all metrics, corrected together by Holm.
fn correlations(
    evidence: &Evidence,
    units: &[Unit],
    keys: &[Key],
    trained_on: TrainedOn,
) -> Vec<Option<Found>> {
    let mut found: Vec<Option<Found>> =
        keys.iter().map(|key| pairs(evidence, units, key, trained_on).correlate()).collect();
    let p_values: Vec<f64> = found.iter().flatten().map(|f| f.p).collect();
    for (found, corrected) in found.iter_mut().flatten().zip(test::holm(&p_values)) {
        found.corrected = corrected;
    }
    found
}

/// The page; nothing without scores.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let keys: Vec<Key> = evidence.keys().into_iter().filter(Key::is_of_images).collect();
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
                "Cannot be said: {most} GANs have both scores and a Dice, and a rank correlation of fewer than {FEWEST} \
                 means nothing."
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
            name: format!("correlation-{}", evidence.dataset),
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
        let interval = found.interval.map_or_else(
            || Entry::Absent,
            |[low, high]| format!("[{}, {}]", fixed(low, 2), fixed(high, 2)).into(),
        );
        vec![
            Entry::Number(found.count as f64, 0),
            Entry::Number(found.spearman, 2),
            interval,
            Entry::Number(found.p, 4),
            Entry::Number(found.corrected, 4),
            Entry::Number(found.kendall, 2),
        ]
    };
    let rows = keys
        .iter()
        .enumerate()
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
            "↓, ↑: low, high values are better; a metric that predicts usefulness has ρ near −1 where ↓ and near +1 \
             where ↑. Interval: 95 % bootstrap over GANs. p: two-sided permutation test, Holm's correction over the \
             metrics of each half."
                .to_owned(),
        ],
    }
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
        canvas.bold([area.left - 36.0, up + 18.0], SMALL, Anchor::Start, &key.title());
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
    use crate::report::evidence::evidence;
    use crate::report::fixture::Fixture;

    fn study(gans: &[(&str, f64, f64)]) -> Fixture {
        let mut fixture = Fixture::new();
        for (gan, distance, dice) in gans {
            fixture.judged("metrics", gan, &[("kid", None, *distance)]);
            fixture.unet(Some(gan), TrainedOn::Synthetic, 1, &[*dice, *dice + 0.02]);
        }
        fixture
    }

    #[test]
    fn three_gans_have_no_correlation() {
        let fixture = study(&[("a", 1.0, 0.8), ("b", 2.0, 0.7), ("c", 3.0, 0.6)]);
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let [Block::Text(text)] = section.blocks.as_slice() else { panic!("one sentence") };
        assert!(text.contains("Cannot be said: 3 GANs"), "{text}");
    }

    #[test]
    fn a_metric_that_orders_the_gans_is_found() {
        let gans = ["a", "b", "c", "d", "e"];
        let values: Vec<(&str, f64, f64)> = gans
            .iter()
            .enumerate()
            .map(|(i, gan)| (*gan, i as f64, 0.8 - 0.1 * i as f64))
            .collect();
        let runs = study(&values).runs();
        let evidence = &evidence(&runs).unwrap()[0];
        let keys = evidence.keys();
        let found = correlations(evidence, &units(evidence), &keys, TrainedOn::Synthetic)[0]
            .clone()
            .unwrap();
        assert_eq!((found.count, found.spearman, found.kendall), (5, -1.0, -1.0));
        assert_eq!(found.p, 2.0 / 120.0);
        let section = page(evidence).unwrap().unwrap();
        assert!(
            matches!(&section.blocks[0], Block::Text(text) if text.contains("Shown") && text.contains("KID"))
        );
        assert_eq!(
            correlations(evidence, &units(evidence), &keys, TrainedOn::RealAndSynthetic),
            [None]
        );
    }
}
