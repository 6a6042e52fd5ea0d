//! What an export would do wrong, found before anything is written: files that would take each other's place, and what
//! nnU-Net refuses or takes for something else.

use super::files::{ExportKind, Work, case_files};
use crate::checks::classes::{BACKGROUND, check_classes};
use crate::pack::Pack;
use crate::pack::manifest::{Manifest, Split};
use crate::text::file_stem;
use anyhow::{Result, bail};
use std::collections::HashMap;

/// Refuses what cannot be exported so. Gives a line for each thing that somebody should know.
pub fn check(pack: &Pack, kind: ExportKind, work: &[Work]) -> Result<Vec<String>> {
    let manifest = pack.manifest();
    let name = pack.path().display().to_string();
    if let Err(wrong) = check_classes(&manifest.classes) {
        bail!("{name}: {wrong} (`prepare --classes` names them)");
    }
    one_file_each(pack, kind, work)?;
    let mut notes = left_out(manifest, work);
    if kind == ExportKind::Nnunet {
        notes.extend(for_nnunet(&name, manifest, work)?);
    }
    Ok(notes)
}

/// Names are compared as disks do that do not tell small from capital letters: exports travel.
fn one_file_each(pack: &Pack, kind: ExportKind, work: &[Work]) -> Result<()> {
    let name = pack.path().display();
    let cases = &pack.manifest().cases;
    let mut ids: HashMap<String, &str> = HashMap::new();
    for case in cases {
        let id = case.id.as_str();
        // Opening a pack has checked it; what becomes a path is checked where it does, too.
        if let Err(refused) = file_stem::check(id) {
            bail!("{name}: case {refused}");
        }
        match ids.insert(id.to_lowercase(), id) {
            Some(other) if other == id => {
                bail!("{name}: two cases {id}, expected a name of its own for each");
            }
            Some(other) => bail!(
                "{name}: cases {other} and {id} differ in capital letters only, expected names that every disk tells apart"
            ),
            None => {}
        }
    }
    let mut files: HashMap<String, &str> = HashMap::new();
    for work in work {
        let id = cases[work.case].id.as_str();
        for file in case_files(pack, kind, work) {
            match files.insert(file.to_lowercase(), id) {
                Some(other) if other == id => {
                    bail!("{name}: two slices of case {id} at one position would both be {file}");
                }
                Some(other) => {
                    bail!(
                        "{name}: cases {other} and {id} would both be {file}, expected other names"
                    );
                }
                None => {}
            }
        }
    }
    Ok(())
}

fn left_out(manifest: &Manifest, work: &[Work]) -> Vec<String> {
    let without: Vec<&str> = manifest
        .cases
        .iter()
        .enumerate()
        .filter(|(case, _)| work.iter().all(|work| work.case != *case))
        .map(|(_, record)| record.id.as_str())
        .collect();
    if without.is_empty() {
        return vec![];
    }
    let more = if without.len() > 5 { ", …" } else { "" };
    let some = without[..without.len().min(5)].join(", ");
    vec![format!(
        "{} cases have no slice in this pack and are left out: {some}{more}",
        without.len()
    )]
}

/// What nnU-Net would say of `dataset.json`.
fn for_nnunet(name: &str, manifest: &Manifest, work: &[Work]) -> Result<Vec<String>> {
    let mut notes = vec![];
    for (label, class) in manifest.classes.iter().enumerate() {
        if class.trim() == "ignore" {
            bail!(
                "{name}: class {label} is called ignore, which nnU-Net leaves out of training and scores; expected another \
                 name (`prepare --classes`)"
            );
        }
    }
    let first = manifest.classes.first().map_or("", String::as_str);
    if first != BACKGROUND {
        notes.push(format!(
            "class 0, {first}, is called {BACKGROUND} in dataset.json, as nnU-Net expects"
        ));
    }
    if manifest.classes.len() < 2 {
        notes.push(
            "only the background is labelled: nnU-Net has nothing to learn from it".to_owned(),
        );
    }
    if training(manifest, work) == 0 {
        notes.push(
            "no training case: nnU-Net can predict these cases, not train on them".to_owned(),
        );
    }
    Ok(notes)
}

/// Cases in `imagesTr`.
pub fn training(manifest: &Manifest, work: &[Work]) -> usize {
    work.iter().filter(|work| manifest.cases[work.case].split != Split::Test).count()
}

#[cfg(test)]
mod tests;
