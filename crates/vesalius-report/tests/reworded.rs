//! No table and no figure depends on how a sentence is worded: with all sentences of results replaced by others, they
//! are the
//! same but for the sentences that they show.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vesalius_data::run::{Outcome, RunResult, compat};

/// Gives every text another one, equal texts equal ones, and counts them.
#[derive(Default)]
struct Reworder {
    known: BTreeMap<String, String>,
}

impl Reworder {
    fn reword(&mut self, text: &mut String) {
        let next = format!("sentence number {}", self.known.len());
        let new = self.known.entry(text.clone()).or_insert(next);
        text.clone_from(new);
    }

    /// A table with the sentences of its results in their new words.
    fn shown(&self, table: &str) -> String {
        let inside = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
        let mut known: Vec<(String, &String)> =
            self.known.iter().map(|(old, new)| (inside(old), new)).collect();
        // The longest first, as one may hold another; texts of a word or two are no sentences.
        known.sort_by_key(|(old, _)| std::cmp::Reverse(old.len()));
        known
            .iter()
            .filter(|(old, _)| old.len() > 40)
            .fold(table.to_owned(), |table, (old, new)| table.replace(old, new))
    }

    /// All that a result says in words. Names, digests and enumerations are data.
    fn result(&mut self, result: &mut RunResult) {
        self.reword(&mut result.command);
        self.reword(&mut result.machine);
        for input in &mut result.inputs {
            self.reword(&mut input.command);
        }
        for score in &mut result.scores {
            self.reword(&mut score.protocol);
            if let Some(seedless) = &mut score.seedless {
                self.reword(seedless);
            }
            if let Some(note) = &mut score.note {
                self.reword(note);
            }
        }
        for sentence in result.overlap.iter_mut().flatten() {
            self.reword(sentence);
        }
        if let Outcome::Diverged { reason } = &mut result.outcome {
            self.reword(reason);
        }
        for name in ["summary", "verdict", "limits", "missing", "planted_kinds", "created"] {
            if let Some(value) = result.settings.get_mut(name) {
                self.value(value);
            }
        }
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.reword(text),
            Value::Array(list) => list.iter_mut().for_each(|value| self.value(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.value(value)),
            _ => {}
        }
    }
}

/// Results of today's program, by their folder's name; those that an older one wrote say what today's say.
fn results(of: &str) -> BTreeMap<String, RunResult> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/compat/runs-2-facts").join(of);
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut runs: Vec<(PathBuf, RunResult)> =
        entries.map(|path| (path.clone(), RunResult::read(&path).unwrap())).collect();
    let mut read: Vec<compat::Read> =
        runs.iter_mut().map(|(path, result)| (path.as_path(), result)).collect();
    compat::settle(&mut read);
    runs.into_iter().map(|(path, result)| (name(&path), result)).collect()
}

/// The report on some results: its tables without what only repeats sentences, and its figures.
fn report(results: &BTreeMap<String, RunResult>) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, result) in results {
        result.publish(&folder.path().join("runs").join(name)).unwrap();
    }
    let target = folder.path().join("report");
    vesalius_report::write(
        &[folder.path().join("runs")],
        &target,
        &vesalius_report::PrimaryQuestion::default(),
    )
    .unwrap();
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&target).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if kind == Some("svg") {
            found.insert(name, std::fs::read_to_string(path).unwrap());
        } else if kind == Some("json") {
            let mut table: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            silence(&mut table, folder.path());
            found.insert(name, table.to_string());
        }
    }
    found
}

/// Takes machines out of a table, and where its runs lie.
fn silence(value: &mut Value, folder: &Path) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| silence(value, folder)),
        Value::Object(fields) => {
            fields.remove("machine");
            fields.values_mut().for_each(|value| silence(value, folder));
        }
        Value::String(text) => *text = text.replace(&*folder.to_string_lossy(), ""),
        _ => {}
    }
}

fn stays_the_same(of: &str, tables: &[&str]) {
    let mut results = results(of);
    let before = report(&results);
    for name in tables {
        assert!(before.contains_key(*name), "{of} has no {name}: {:?}", before.keys());
    }
    let mut reworder = Reworder::default();
    for result in results.values_mut() {
        reworder.result(result);
    }
    assert!(reworder.known.len() > 20, "{} sentences", reworder.known.len());
    let after = report(&results);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let mut pooled = 0;
    for (name, content) in &before {
        let (mut content, after) = (content.clone(), after[name].clone());
        if Path::new(name).extension().is_some_and(|kind| kind == "json") {
            // Sentences are shown as they are, whatever the report says around them.
            pooled += after.matches(" runs (seeds ").count();
            content = reworder.shown(&content);
        }
        assert_eq!(content, after, "{of}: {name}");
    }
    assert_eq!(pooled > 0, of == "seeds", "{of}: {pooled} rows of several seeds");
}

#[test]
fn rewording_every_sentence_of_samples_seeds_and_audits_changes_no_table_and_no_figure() {
    let tables = ["table2.json", "scores.json", "cost.json", "filtering.json", "copying.json"];
    stays_the_same("seeds", &tables);
}

#[test]
fn rewording_every_sentence_of_painted_masks_changes_no_table_and_no_figure() {
    stays_the_same("masks", &["table2.json", "cost.json", "runs.json"]);
}
