//! All scores of each GAN's images: whatever the runs measured.

use crate::catalogue::Key;
use crate::document::{Block, Column, Entry, Grid, Section};
use crate::evidence::lineage::{synthetic_count, synthetic_digest};
use crate::evidence::runs::Run;
use crate::evidence::{Evidence, measured};
use crate::paper::display_name;
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
    let mut rows = vec![];
    for gan in evidence.gans() {
        // Images of another training or number are others: their scores are not repetitions.
        let images = evidence.judged_images(gan);
        let several = images.len() > 1;
        for runs in images.values() {
            let of = |key: &Key| measured(runs.iter().copied(), key);
            if keys.iter().all(|key| of(key).is_none()) {
                continue;
            }
            let mut name = display_name(gan);
            if let Some(words) =
                runs.first().and_then(|run| about(evidence, run)).filter(|_| several)
            {
                name = format!("{name}, {words}");
            }
            let mut row: Vec<Entry> = vec![name.into()];
            row.extend(keys.iter().map(|key| Entry::measured(of(key), key.digits())));
            rows.push(row);
        }
    }
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

/// Which images of a GAN a run judged.
fn about(evidence: &Evidence, run: &Run) -> Option<String> {
    let digest = synthetic_digest(run)?;
    let count = synthetic_count(&evidence.runs, run);
    let count = count.map_or_else(String::new, |count| format!("{count} samples, "));
    Some(format!("{count}pack {digest:.8}"))
}
