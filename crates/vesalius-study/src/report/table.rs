//! Table 2: one table per dataset, one row per training set, the paper's numbers beside ours.

use super::paper::{Row, TABLE_2, column, display_name};
use super::runs::Run;
use crate::run_dir::{Outcome, TrainedOn};
use crate::score::Score;
use std::collections::BTreeSet;

/// The table of one dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Name of the dataset.
    pub dataset: String,
    /// Rows in the paper's order, then ours that it lacks.
    pub rows: Vec<TableRow>,
}

/// One training set.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// What the U-Net was trained on.
    pub name: String,
    /// The paper's FID.
    pub paper_fid: Option<f64>,
    /// The paper's Dice.
    pub paper_dice: Option<f64>,
    /// Our Fréchet distance.
    pub distance: Option<Cell>,
    /// Our Dice.
    pub dice: Option<Cell>,
}

/// What stands in a cell of ours.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Measured.
    Measured {
        /// Mean over the runs.
        value: f64,
        /// Interval of the single run, or least and greatest of several.
        range: Option<[f64; 2]>,
        /// Number of runs (seeds).
        runs: usize,
        /// How it was measured.
        protocol: String,
    },
    /// The training broke down; there is no number.
    Diverged,
}

/// The tables of all datasets among the runs, by name.
pub fn tables(runs: &[Run]) -> Vec<Table> {
    let datasets: BTreeSet<&str> =
        runs.iter().map(|run| run.result.subject.dataset.as_str()).collect();
    datasets
        .into_iter()
        .map(|dataset| {
            let runs: Vec<&Run> =
                runs.iter().filter(|run| run.result.subject.dataset == dataset).collect();
            Table { dataset: dataset.to_owned(), rows: rows(dataset, &runs) }
        })
        .collect()
}

fn rows(dataset: &str, runs: &[&Run]) -> Vec<TableRow> {
    let mut keys: Vec<(TrainedOn, Option<String>)> = vec![];
    let mut add = |key: (TrainedOn, Option<String>)| {
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    for paper in TABLE_2 {
        add(key(paper.row));
    }
    let mut gans: BTreeSet<String> = BTreeSet::new();
    for run in runs {
        gans.extend(run.result.subject.gan.clone());
    }
    for gan in &gans {
        add((TrainedOn::Synthetic, Some(gan.clone())));
    }
    for gan in &gans {
        add((TrainedOn::RealAndSynthetic, Some(gan.clone())));
    }
    keys.sort_by_key(|(trained_on, _)| *trained_on); // stable: the paper's order within each kind
    let rows = keys.into_iter().map(|(trained_on, gan)| row(dataset, trained_on, gan, runs));
    rows.filter(|row| row.paper_dice.is_some() || row.dice.is_some() || row.distance.is_some())
        .collect()
}

fn key(row: Row) -> (TrainedOn, Option<String>) {
    match row {
        Row::Original => (TrainedOn::Real, None),
        Row::Augmented => (TrainedOn::RealAugmented, None),
        Row::Gan(gan) => (TrainedOn::Synthetic, Some(gan.to_owned())),
        Row::WithGan(gan) => (TrainedOn::RealAndSynthetic, Some(gan.to_owned())),
    }
}

fn row(dataset: &str, trained_on: TrainedOn, gan: Option<String>, runs: &[&Run]) -> TableRow {
    let paper = TABLE_2.iter().find(|paper| key(paper.row) == (trained_on, gan.clone()));
    let pick = |values: [Option<f64>; 3]| column(dataset).and_then(|column| values[column]);
    let name = match (&gan, trained_on) {
        (None, TrainedOn::RealAugmented) => "Original + classical augmentation".to_owned(),
        (None, _) => "Original".to_owned(),
        (Some(gan), TrainedOn::RealAndSynthetic) => format!("Original + {}", display_name(gan)),
        (Some(gan), _) => display_name(gan),
    };
    let of = |stage: &str| {
        runs.iter().copied().filter(|run| run.result.stage == stage).collect::<Vec<&Run>>()
    };
    let dice: Vec<&Score> = of("segment")
        .into_iter()
        .filter(|run| {
            run.result.subject.trained_on == Some(trained_on) && run.result.subject.gan == gan
        })
        .flat_map(|run| &run.result.scores)
        .filter(|score| score.metric == "dice" && score.of.as_deref() == Some("per_volume/mean"))
        .collect();
    let alone = trained_on == TrainedOn::Synthetic;
    let distance: Vec<&Score> = of("distance")
        .into_iter()
        .filter(|run| alone && run.result.subject.gan == gan)
        .flat_map(|run| &run.result.scores)
        .filter(|score| score.metric == "frechet_distance")
        .collect();
    let diverged = alone
        && of("train").iter().any(|run| {
            run.result.subject.gan == gan && matches!(run.result.outcome, Outcome::Diverged { .. })
        });
    let fallback = diverged.then_some(Cell::Diverged);
    TableRow {
        name,
        paper_fid: paper.and_then(|paper| pick(paper.fid)),
        paper_dice: paper.and_then(|paper| pick(paper.dice)),
        distance: cell(&distance).or_else(|| fallback.clone()),
        dice: cell(&dice).or(fallback),
    }
}

fn cell(scores: &[&Score]) -> Option<Cell> {
    let first = scores.first()?;
    let values: Vec<f64> = scores.iter().map(|score| score.value).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if scores.len() == 1 { first.interval } else { Some([least, greatest]) };
    let extractor = first.extractor.as_ref().map_or_else(String::new, |name| format!("{name}: "));
    let counts = match (first.real_count, first.synthetic_count) {
        (Some(real), Some(synthetic)) => format!(" ({real} real, {synthetic} synthetic)"),
        (Some(real), None) => format!(" ({real} units)"),
        _ => String::new(),
    };
    let spread = match (scores.len(), first.interval) {
        (1, Some(_)) => "; range: 95 % bootstrap interval over patients",
        (1, None) => "",
        _ => "; range: least and greatest of the runs",
    };
    Some(Cell::Measured {
        value: values.iter().sum::<f64>() / values.len() as f64,
        range,
        runs: scores.len(),
        protocol: format!(
            "{extractor}{}{}{counts}{spread}",
            if scores.len() > 1 { "the first of several runs: " } else { "" },
            first.protocol
        ),
    })
}

/// All protocols of a report, each once, in the order of the tables; footnotes are numbered from 1.
pub fn protocols(tables: &[Table]) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    for row in tables.iter().flat_map(|table| &table.rows) {
        for cell in [&row.distance, &row.dice] {
            if let Some(Cell::Measured { protocol, .. }) = cell
                && !found.contains(protocol)
            {
                found.push(protocol.clone());
            }
        }
    }
    found
}

/// A cell as text: value, range, number of runs; `digits` after the point.
pub fn show(cell: Option<&Cell>, digits: usize) -> String {
    match cell {
        None => "–".to_owned(),
        Some(Cell::Diverged) => "diverged".to_owned(),
        Some(Cell::Measured { value, range, runs, .. }) => {
            let range = range.map_or_else(String::new, |[low, high]| {
                format!(" [{low:.digits$}, {high:.digits$}]")
            });
            let runs = if *runs > 1 { format!(" (n = {runs})") } else { String::new() };
            format!("{value:.digits$}{range}{runs}")
        }
    }
}
