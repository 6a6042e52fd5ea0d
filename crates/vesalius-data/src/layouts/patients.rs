//! Who is whose patient, where file names are free: from `--patient`, from folders, or refused where it cannot be told.
//!
//! A patient that is taken for several stands on both sides of the split, and every number is too good; several that
//! are
//! taken for one only make the dataset smaller. So where names look like slices of patients the user has to say.

use crate::checks::findings::Finding;
use anyhow::{Result, bail};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// What a file is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name without extension (and channel).
    pub stem: String,
    /// Its side's folder (`train`), where the dataset has some.
    pub side: Option<String>,
    /// Folders that hold it and are neither role (`images`) nor side, from the outside in.
    pub folders: Vec<String>,
    /// Path relative to the dataset's folder, with `/`.
    pub relative: String,
}

/// Id and patient of each file; ids are unique unless two files cannot be told apart by folders either.
#[derive(Debug)]
pub struct Assigned {
    /// `(id, patient)` in the files' order.
    pub names: Vec<(String, String)>,
    /// How it was done, where the user did not say.
    pub findings: Vec<Finding>,
}

/// Compiles `--patient`.
///
/// # Errors
/// When it is not a regular expression with a group.
pub fn pattern(text: Option<&str>) -> Result<Option<Regex>> {
    let Some(text) = text else { return Ok(None) };
    let regex = Regex::new(text).map_err(|error| {
        let reason = error.to_string().replace('\n', " ");
        anyhow::anyhow!("--patient {text}: not a regular expression ({reason})")
    })?;
    if regex.captures_len() < 2 {
        bail!("--patient {text}: expected a group in parentheses that is the patient");
    }
    Ok(Some(regex))
}

/// Ids and patients. Without a pattern: the outermost folder where the same file names stand in several folders, else
/// each
/// file is a patient of its own.
///
/// # Errors
/// When the pattern does not match every file; when names look like several files of a patient each.
pub fn assign(files: &[Named], pattern: Option<&Regex>) -> Result<Assigned> {
    let ids = ids(files);
    let (patients, findings) = match pattern {
        Some(regex) => (by_pattern(files, regex)?, vec![]),
        None => by_names(files, &ids)?,
    };
    Ok(Assigned { names: ids.into_iter().zip(patients).collect(), findings })
}

/// The stem, with its folders where others have the same.
fn ids(files: &[Named]) -> Vec<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        *count.entry(&file.stem).or_default() += 1;
    }
    let id = |file: &Named| {
        let mut parts: Vec<&str> = vec![];
        if count[file.stem.as_str()] > 1 {
            parts.extend(file.side.as_deref());
            parts.extend(file.folders.iter().map(String::as_str));
        }
        parts.push(&file.stem);
        parts.join("_")
    };
    files.iter().map(id).collect()
}

/// The first group. On file names if the pattern fits them all, else on paths: then a pattern can name folders.
fn by_pattern(files: &[Named], regex: &Regex) -> Result<Vec<String>> {
    let group = |text: &str| {
        let found = regex.captures(text)?.get(1)?.as_str();
        (!found.is_empty()).then(|| found.to_owned())
    };
    if !regex.as_str().contains('/')
        && let Some(found) = files.iter().map(|file| group(&file.stem)).collect()
    {
        return Ok(found);
    }
    let of = |file: &Named| {
        group(&file.relative).ok_or_else(|| {
            anyhow::anyhow!(
                "{}: --patient {regex} does not match, expected it to match every name, or every path relative to the \
                 dataset's folder",
                file.relative
            )
        })
    };
    files.iter().map(of).collect()
}

/// Names of a series: what stands before a number at the end may be a patient, or say that it is not one.
const SLICES: [&str; 8] =
    ["slice", "frame", "img_z", "layer", "plane", "page", "phase", "position"];

fn by_names(files: &[Named], ids: &[String]) -> Result<(Vec<String>, Vec<Finding>)> {
    let folders: BTreeSet<Option<&String>> =
        files.iter().map(|file| file.folders.first()).collect();
    let mut holders: BTreeMap<&str, BTreeSet<Option<&String>>> = BTreeMap::new();
    for file in files {
        holders.entry(&file.stem).or_default().insert(file.folders.first());
    }
    if let Some((stem, of)) = holders.iter().max_by_key(|(_, of)| of.len())
        && of.len() > 1
    {
        if folders.contains(&None) {
            bail!(
                "{stem}: in the dataset's folder and in folders of it, expected one layout; say who is whose patient, as in \
                 --patient '^([^/]+)/'"
            );
        }
        let names: Vec<&str> = folders.iter().copied().flatten().map(String::as_str).collect();
        let text = format!(
            "each folder is taken as a patient, because files of one name ({stem}) stand in {} of them; --patient says it \
             otherwise",
            of.len()
        );
        let patients = files.iter().filter_map(|file| file.folders.first().cloned()).collect();
        return Ok((patients, vec![Finding::note(list(&names), text)]));
    }
    refuse_series(files)?;
    let several = files.len() > 1 && files.iter().any(|file| before_number(&file.stem).is_some());
    let note = Finding::note(
        format!("{} images", files.len()),
        "each is taken as a patient of its own; where some are of one patient, --patient has to say so",
    );
    let mut findings = if several { vec![note] } else { vec![] };
    let on_both: Vec<&str> = files
        .iter()
        .zip(ids)
        .filter(|(file, id)| &&file.stem != id)
        .map(|(f, _)| f.stem.as_str())
        .collect();
    if !on_both.is_empty() {
        let text = "names that stand on both sides of the dataset's split are taken as different patients; if they are \
                    the same, --patient has to say so";
        findings.push(Finding::warning(list(&on_both), text));
    }
    Ok((ids.to_vec(), findings))
}

/// Refuses names that come in groups: `patA_slice00, patA_slice01, patB_slice00`.
fn refuse_series(files: &[Named]) -> Result<()> {
    let mut groups: BTreeMap<(&[String], &str), Vec<&Named>> = BTreeMap::new();
    for file in files {
        let stem = before_number(&file.stem).unwrap_or(&file.stem);
        let group = groups.entry((&file.folders, stem)).or_default();
        // One id twice is another fault, and has a refusal of its own.
        if group.iter().all(|other| other.stem != file.stem) {
            group.push(file);
        }
    }
    let Some(((folders, stem), of)) = groups.iter().max_by_key(|(_, of)| of.len()) else {
        return Ok(());
    };
    if of.len() < 2 {
        return Ok(());
    }
    let lower = stem.to_lowercase();
    let word = SLICES.iter().find(|word| lower.trim_end_matches(SEPARATORS).ends_with(**word));
    if groups.len() < 2 && word.is_none() {
        return Ok(());
    }
    let shown: Vec<&str> = of.iter().map(|file| file.stem.as_str()).collect();
    let grouping = if folders.is_empty() {
        let before = match word {
            Some(word) => format!(r"[-_. ]*(?i:{word})[-_. ]*"),
            None => r"[-_. ]*".to_owned(),
        };
        format!(r"^(.+?){before}\(?\d+\)?$")
    } else {
        let above = of[0].relative.split('/').take_while(|part| *part != folders[0]).count();
        format!("^{}([^/]+)/", "[^/]+/".repeat(above))
    };
    bail!(
        "{}: they differ by a number only, so they may be of one patient, who must not both train and test; expected \
         --patient '{grouping}' if they are, or --patient '(.*)' if each is a patient of its own",
        list(&shown)
    )
}

const SEPARATORS: [char; 5] = ['-', '_', '.', ' ', '('];

/// What stands before the number at the end of a name; `None` where there is no number, or nothing before it.
fn before_number(stem: &str) -> Option<&str> {
    let bare = stem.trim_end_matches(')');
    let before = bare.trim_end_matches(|c: char| c.is_ascii_digit());
    let separated = before.trim_end_matches(SEPARATORS);
    (before.len() < bare.len() && !separated.is_empty()).then_some(before)
}

fn list(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

#[cfg(test)]
mod tests;
