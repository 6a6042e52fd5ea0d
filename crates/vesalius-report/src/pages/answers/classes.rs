//! Each class by itself: overlap, surface distance and volume of every training set.

use crate::document::{Block, Column, Entry, Grid, Section};
use crate::evidence::measure::{Measure, Repetition};
use crate::evidence::repetition::seed;
use crate::evidence::{Evidence, TrainingSet};
use anyhow::Result;
use std::collections::BTreeSet;
use vesalius_data::run::part::{DiceUnit, Part};

/// Key, heading and metric of each column, with digits after the point; the bias of volumes has its limits beside it.
const COLUMNS: [(&str, &str, &str, usize); 11] = [
    ("dice", "Dice", "dice", 3),
    ("hausdorff95_mm", "HD95, mm", "hausdorff95_mm", 1),
    ("assd_mm", "ASSD, mm", "assd_mm", 2),
    ("volume_bias_ml", "Volume bias, ml", "volume_bias_ml", 1),
    ("volume_bias_low_ml", "lower limit, ml", "volume_bias_low_ml", 1),
    ("volume_bias_high_ml", "upper limit, ml", "volume_bias_high_ml", 1),
    ("ejection_bias", "Bias of ejection fraction, %", "ejection_bias", 1),
    ("ejection_bias_low", "lower limit, %", "ejection_bias_low", 1),
    ("ejection_bias_high", "upper limit, %", "ejection_bias_high", 1),
    ("lesion_f1", "Lesion F1", "lesion_f1", 3),
    ("lesion_count_difference", "Lesions too many or too few", "lesion_count_difference", 1),
];

/// The page; nothing where no run knows classes.
///
/// # Errors
/// None.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let mut rows: Vec<Vec<Entry>> = vec![];
    for set in evidence.sets.iter().filter(|set| !set.judged.is_empty()) {
        for class in classes(set) {
            let entries = COLUMNS.iter().map(|(_, _, metric, digits)| {
                let part = Part::Class(DiceUnit::Volume, class.clone());
                entry(set, metric, &part, *digits)
            });
            let names = [set.name().into(), Entry::Text(class.clone())];
            rows.push(names.into_iter().chain(entries).collect());
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    // What nobody measured has no column: ejection fractions of livers, lesions of organs.
    let there: Vec<bool> =
        (0..COLUMNS.len() + 2).map(|i| rows.iter().any(|row| row[i] != Entry::Absent)).collect();
    let rows = rows.into_iter().map(|row| {
        row.into_iter().zip(&there).filter(|(_, there)| **there).map(|(entry, _)| entry).collect()
    });
    let columns = COLUMNS.iter().zip(&there[2..]).filter(|(_, there)| **there);
    let columns = columns.map(|((key, title, ..), _)| Column::new(key, title));
    let grid = Grid {
        name: "classes",
        dataset: evidence.dataset.to_owned(),
        caption: "Overlap, surface distances and volume of each class, per volume".to_owned(),
        columns: [
            Column::text("training_set", "Training set of the segmenter"),
            Column::text("class", "Class"),
        ]
        .into_iter()
        .chain(columns)
        .collect(),
        rows: rows.collect(),
        remarks: vec![
            "Volume bias: mean of predicted − reference; limits of agreement: 1.96 standard deviations around it. \
             Distances are of volumes in which both masks have the class. Lesions are counted where half of the volumes have \
             more than one; ejection fractions are of cavities measured twice."
                .to_owned(),
        ],
    };
    Ok(Some(Section {
        id: "classes",
        title: "Class by class".to_owned(),
        blocks: vec![Block::Reference(grid)],
        files: vec![],
    }))
}

/// Classes that its runs have a Dice of, in their order.
fn classes(set: &TrainingSet) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let parts = set.judged.iter().flat_map(|run| &run.result.scores);
    parts
        .filter(|score| score.metric == "dice")
        .filter_map(|score| match &score.of {
            Some(Part::Class(DiceUnit::Volume, class)) => Some(class.clone()),
            _ => None,
        })
        .filter(|class| seen.insert(class.clone()))
        .collect()
}

fn entry(set: &TrainingSet, metric: &str, part: &Part, digits: usize) -> Entry {
    let scores: Vec<Repetition> = set
        .judged
        .iter()
        .filter_map(|run| {
            Some(Repetition { score: run.score(metric, Some(part))?, seed: seed(run) })
        })
        .collect();
    Measure::of(&scores).map_or(Entry::Absent, |measure| Entry::Measured(measure, digits))
}
