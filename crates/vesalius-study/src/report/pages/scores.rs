//! All scores of each GAN's images: whatever the runs measured.

use crate::report::document::{Block, Column, Entry, Grid, Section};
use crate::report::evidence::Evidence;
use crate::report::paper::display_name;
use anyhow::Result;

/// The page.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let keys = evidence.keys();
    if keys.is_empty() {
        return Ok(None);
    }
    let mut columns = vec![Column::text("gan", "GAN")];
    columns.extend(keys.iter().map(|key| Column {
        group: key.group().to_owned(),
        ..Column::new(&key.name(), &key.title())
    }));
    let rows = evidence
        .gans()
        .into_iter()
        .filter(|gan| keys.iter().any(|key| evidence.measure(gan, key).is_some()))
        .map(|gan| {
            let mut row: Vec<Entry> = vec![display_name(gan).into()];
            row.extend(
                keys.iter().map(|key| Entry::measured(evidence.measure(gan, key), key.digits())),
            );
            row
        })
        .collect();
    let grid = Grid {
        name: "scores",
        dataset: evidence.dataset.to_owned(),
        caption: "All scores of each GAN's images".to_owned(),
        columns,
        rows,
        remarks: vec![
            "Scores in features of one digest compare with each other only. Recall and coverage grow with the number of \
             generated images; at matched counts they do not. ±: standard error over random subsets."
                .to_owned(),
        ],
    };
    Ok(Some(Section {
        id: "scores",
        title: "All scores per GAN".to_owned(),
        blocks: vec![Block::Grid(grid)],
        files: vec![],
    }))
}
