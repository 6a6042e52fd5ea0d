//! One table of every score of a stage's runs, a row per run: what copying and plausibility show.

use crate::catalogue::Key;
use crate::document::{Column, Entry, Grid};
use crate::evidence::measure::Measure;
use crate::evidence::runs::Run;

/// A column of words, and what stands in it for a run.
pub type Words<'a> = (Column, &'a dyn Fn(&Run) -> String);

/// The table; `words` is a column between the GAN's name and its scores.
pub fn grid(runs: &[&Run], name: &'static str, words: Option<Words>) -> Grid {
    let mut keys: Vec<Key> = vec![];
    for key in runs.iter().flat_map(|run| &run.result.scores).map(Key::of) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.sort_by(|a, b| a.rank().cmp(&b.rank())); // stable: parts stay in the order of the runs
    let mut columns = vec![Column::text("gan", "GAN")];
    columns.extend(words.as_ref().map(|(column, _)| column.clone()));
    columns.extend(keys.iter().map(|key| Column {
        group: key.group().to_owned(),
        ..Column::new(&key.name(), &key.heading())
    }));
    let rows = runs.iter().map(|run| {
        let mut row: Vec<Entry> = vec![run.seen_name().into()];
        row.extend(words.as_ref().map(|(_, text)| Entry::Text(text(run))));
        row.extend(keys.iter().map(|key| {
            let score = run.result.scores.iter().find(|score| Key::of(score) == *key);
            Entry::measured(score.map(Measure::of_one), key.digits())
        }));
        row
    });
    Grid { name, columns, rows: rows.collect(), ..Grid::default() }
}
