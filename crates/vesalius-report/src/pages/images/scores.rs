//! All scores of each GAN's images, as far as anybody wants to read them: metrics as rows, generators as columns.

use crate::catalogue::{Better, Key};
use crate::document::{Block, Column, Entry, Grid, Matrix, Section};
use crate::evidence::lineage::{synthetic_count, synthetic_digest};
use crate::evidence::runs::Run;
use crate::evidence::{Evidence, measured};
use crate::meaning;
use crate::paper::display_name;
use anyhow::Result;

/// Groups that stand open; the others wait for whoever looks for them.
const OPEN: [&str; 5] = [
    "Fidelity",
    "Precision and diversity",
    "Copying",
    "Dice of image with mask",
    "Implausible share",
];

/// The page.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let keys = evidence.keys();
    if keys.is_empty() {
        return Ok(None);
    }
    let generators = generators(evidence, &keys);
    let mut blocks = vec![Block::FilesOnly(by_generator(evidence, &keys, &generators))];
    let mut groups: Vec<&str> = vec![];
    for key in &keys {
        if !groups.contains(&key.group()) {
            groups.push(key.group());
        }
    }
    for group in groups {
        let of = |part: bool| -> Vec<(usize, &Key)> {
            let own = |(_, key): &(usize, &Key)| key.group() == group && key.is_part() == part;
            keys.iter().enumerate().filter(own).collect()
        };
        let (whole, parts) = (of(false), of(true));
        let is_open = OPEN.contains(&group);
        if !whole.is_empty() {
            blocks.push(matrix(evidence, group, &whole, &generators, !is_open));
        }
        if !parts.is_empty() {
            let title =
                if whole.is_empty() { group.to_owned() } else { format!("{group}, part by part") };
            blocks.push(matrix(evidence, &title, &parts, &generators, true));
        }
    }
    blocks.push(Block::Text(
        "Scores in features of one digest compare with each other only. Recall and coverage grow with the number of \
         generated images; at matched counts they do not. ±: standard error over random subsets. scores.csv has all of \
         them, a row for each generator."
            .to_owned(),
    ));
    Ok(Some(Section {
        id: "scores",
        title: "All scores per GAN".to_owned(),
        blocks,
        files: vec![],
    }))
}

/// A generator's images, and what was measured of them: as many entries as keys.
type Generator = (String, Vec<Entry>);

fn generators(evidence: &Evidence, keys: &[Key]) -> Vec<Generator> {
    let mut found = vec![];
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
            found.push((
                name,
                keys.iter().map(|key| Entry::measured(of(key), key.digits())).collect(),
            ));
        }
    }
    found
}

/// A row for each generator, as files have it.
fn by_generator(evidence: &Evidence, keys: &[Key], generators: &[Generator]) -> Grid {
    let mut columns = vec![Column::text("gan", "GAN")];
    columns.extend(keys.iter().map(|key| Column {
        group: key.group().to_owned(),
        ..Column::new(&key.name(), &key.title())
    }));
    let row = |(name, entries): &Generator| {
        std::iter::once(Entry::from(name.clone())).chain(entries.iter().cloned()).collect()
    };
    Grid {
        name: "scores",
        dataset: evidence.dataset.to_owned(),
        caption: "All scores of each GAN's images".to_owned(),
        columns,
        rows: generators.iter().map(row).collect(),
        remarks: vec![],
    }
}

/// A row for each score, as readers have it.
fn matrix(
    evidence: &Evidence,
    title: &str,
    keys: &[(usize, &Key)],
    generators: &[Generator],
    is_folded: bool,
) -> Block {
    let mut columns = vec![Column::text("score", "Score"), Column::text("meaning", "What it says")];
    columns.extend(generators.iter().map(|(name, _)| Column::new(name, name)));
    let rows = keys.iter().map(|(i, key)| {
        let words: Vec<&str> =
            [wish(key), meaning::of(&key.metric)].into_iter().flatten().collect();
        let mut row: Vec<Entry> = vec![key.heading().into(), words.join(": ").into()];
        row.extend(generators.iter().map(|(_, entries)| entries[*i].clone()));
        row
    });
    let grid = Grid {
        name: "scores",
        dataset: evidence.dataset.to_owned(),
        caption: title.to_owned(),
        columns,
        rows: rows.collect(),
        remarks: vec![],
    };
    Block::Matrix(Matrix { grid, is_folded })
}

/// Which way is better.
fn wish(key: &Key) -> Option<&'static str> {
    match key.better() {
        _ if !key.is_of_images() => None,
        Better::Lower => Some("lower is better"),
        Better::Higher => Some("higher is better"),
        Better::Neither => None,
    }
}

/// Which images of a GAN a run judged.
fn about(evidence: &Evidence, run: &Run) -> Option<String> {
    let digest = synthetic_digest(run)?;
    let count = synthetic_count(&evidence.runs, run);
    let count = count.map_or_else(String::new, |count| format!("{count} samples, "));
    Some(format!("{count}pack {digest:.8}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::{Fixture, evidence};

    #[test]
    fn scores_are_rows_with_words_and_parts_are_folded() {
        let mut fixture = Fixture::new();
        for gan in ["lsgan", "wgan"] {
            let scores = [
                ("kid", None, 0.5),
                ("implausible_share", None, 0.1),
                ("implausible_share", Some("rule/area"), 0.05),
                ("psnr", None, 20.0),
            ];
            fixture.judged("metrics", gan, &scores);
        }
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let shown: Vec<(&str, bool, usize)> = section
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Matrix(Matrix { grid, is_folded }) => {
                    Some((grid.caption.as_str(), *is_folded, grid.rows.len()))
                }
                _ => None,
            })
            .collect();
        let expected = [
            ("Fidelity", false, 1),
            ("Likeness of images", true, 1),
            ("Implausible share", false, 1),
            ("Implausible share, part by part", true, 1),
        ];
        assert_eq!(shown, expected);
        let Block::Matrix(first) = &section.blocks[1] else { panic!("fidelity") };
        let says = "lower is better: how far features are apart, whatever their distributions; 0: the same";
        assert_eq!(first.grid.rows[0][1], Entry::from(says));
        assert_eq!(first.grid.columns.len(), 4, "a column for each generator");
        let Block::FilesOnly(grid) = &section.blocks[0] else { panic!("files") };
        assert_eq!((grid.rows.len(), grid.columns.len()), (2, 5));
    }
}
