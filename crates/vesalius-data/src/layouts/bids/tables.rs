//! What a BIDS dataset's tables say: names of classes (`dseg.tsv`) and groups (`participants.tsv`).

use super::BidsCase;
use super::names::Named;
use crate::checks::classes::BACKGROUND;
use crate::formats::file;
use crate::layouts::source::SourceOptions;
use crate::volume::segments::Naming;
use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names of classes: the user's, those of label masks, or those of `dseg.tsv`.
pub(super) fn naming(
    root: &Path,
    cases: &BTreeMap<String, BidsCase>,
    options: &SourceOptions,
) -> Result<Naming> {
    let renamed = options.segments.clone();
    if let Some(classes) = &options.classes {
        return Ok(Naming { classes: classes.clone(), named: true, renamed });
    }
    let named: BTreeSet<&String> = cases
        .values()
        .flat_map(|case| &case.masks)
        .map(|(class, _)| class)
        .filter(|class| !class.is_empty())
        .collect();
    let background = || BACKGROUND.to_owned();
    if !named.is_empty() {
        let classes = std::iter::once(background()).chain(named.into_iter().cloned()).collect();
        return Ok(Naming { classes, named: true, renamed });
    }
    let mut found: Option<(PathBuf, Vec<String>)> = None;
    for path in
        cases.values().flat_map(|case| &case.masks).filter_map(|(_, mask)| table_of(root, mask))
    {
        let classes = classes_of(&path).with_context(|| format!("{}", path.display()))?;
        match &found {
            Some((other, known)) if *known != classes => bail!(
                "{} and {}: other classes, expected one list for the dataset, or --classes",
                other.display(),
                path.display()
            ),
            Some(_) => {}
            None => found = Some((path, classes)),
        }
    }
    let Some((_, classes)) = found else {
        // Masks of one thing need no names.
        let labels = cases
            .values()
            .flat_map(|case| &case.masks)
            .any(|(_, mask)| Named::of(mask).is_some_and(|named| named.suffix == "dseg"));
        if labels {
            bail!("{}: no dseg.tsv names the labels, expected one, or --classes", root.display());
        }
        return Ok(options.naming());
    };
    Ok(Naming { classes, named: true, renamed })
}

/// The table of a mask's labels: of its own name, or the nearest `dseg.tsv` above.
fn table_of(root: &Path, mask: &Path) -> Option<PathBuf> {
    let own = mask.with_file_name(format!("{}.tsv", file::stem(mask)?));
    let above = mask.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    std::iter::once(own)
        .chain(above.map(|folder| folder.join("dseg.tsv")))
        .find(|path| path.is_file())
}

fn classes_of(path: &Path) -> Result<Vec<String>> {
    let mut names: BTreeMap<usize, String> = BTreeMap::from([(0, BACKGROUND.to_owned())]);
    for row in table(path, &["index", "name"])? {
        let index =
            row[0].parse().map_err(|_| anyhow::anyhow!("index `{}`, expected 0, 1, …", row[0]))?;
        names.insert(index, row[1].clone());
    }
    let count = names.len();
    if names.keys().next_back() != Some(&(count - 1)) {
        bail!(
            "{count} labels up to {}, expected 0, 1, … without gaps",
            names.keys().next_back().unwrap_or(&0)
        );
    }
    Ok(names.into_values().collect())
}

/// `group` of `participants.tsv`, where it has one.
pub(super) fn groups(root: &Path) -> Result<BTreeMap<String, String>> {
    let path = root.join("participants.tsv");
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    table(&path, &["participant_id"]).with_context(|| format!("{}", path.display()))?;
    // Not every dataset has groups.
    let grouped = table(&path, &["participant_id", "group"]).unwrap_or_default();
    let bare = |id: &str| id.strip_prefix("sub-").unwrap_or(id).to_owned();
    let known = grouped.into_iter().filter(|row| row[1] != "n/a" && !row[1].is_empty());
    Ok(known.map(|row| (bare(&row[0]), row[1].clone())).collect())
}

/// Cells of some columns of a table with tabs.
fn table(path: &Path, columns: &[&str]) -> Result<Vec<Vec<String>>> {
    let bytes = crate::files::read::state(path)?;
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(&bytes[..]);
    let header = reader.headers()?.clone();
    let at = |name: &&str| {
        let place = header.iter().position(|column| column == *name);
        place.with_context(|| format!("no column {name}, expected one"))
    };
    let places: Vec<usize> = columns.iter().map(at).collect::<Result<_>>()?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        rows.push(
            places.iter().map(|at| record.get(*at).unwrap_or("").trim().to_owned()).collect(),
        );
    }
    Ok(rows)
}
