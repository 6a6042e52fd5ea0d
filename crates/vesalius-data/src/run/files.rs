//! Whether the files of a run are those that it left: their digests stand in its sealed `result.json`.

use crate::files::seal::{self, Seal};
use crate::files::{digest, read};
use crate::run::digests::RESULT;
use crate::run::{RunResult, UNSEALED};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// Files that a message names.
const NAMED: usize = 3;
/// Settings of a run; of a study's task, what is to be done.
const TASK: &str = "task.toml";

/// What was found of a run's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// All are what the run left.
    Whole,
    /// An older version kept no digests.
    Unknown,
    /// What is otherwise, file by file.
    Changed(Vec<String>),
}

/// Compares the files of a finished run (or of a study's task: those of the attempt whose result it has) with what its
/// result says of them.
///
/// # Errors
/// When the result cannot be read.
pub fn integrity(run: &Path) -> Result<Integrity> {
    let path = run.join(RESULT);
    let text = read::state(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let result = RunResult::read(run)?;
    match seal::check(&text) {
        Seal::Missing if result.format == UNSEALED => return Ok(Integrity::Unknown),
        Seal::Whole => {}
        Seal::Missing | Seal::Broken => {
            return Ok(Integrity::Changed(vec![format!("{RESULT} was edited")]));
        }
    }
    let attempt = attempt_of(run, &text);
    let mut changed = vec![];
    // A task has a `task.toml` of its own, which says what was to be done.
    let own = |name: &str| !(name == TASK && run.join("attempts").is_dir());
    for (name, expected) in &result.files {
        let places = std::iter::once(run).filter(|_| own(name)).chain(attempt.as_deref());
        let mut there = places.map(|at| at.join(name)).filter(|path| path.exists()).peekable();
        if there.peek().is_none() {
            changed.push(format!("{name} is missing"));
        } else if there.any(|path| digest::of_file(&path).ok().as_ref() != Some(expected)) {
            changed.push(format!("{name} was changed"));
        }
    }
    if changed.len() > NAMED {
        let more = changed.len() - NAMED;
        changed.truncate(NAMED);
        changed.push(format!("{more} more"));
    }
    Ok(if changed.is_empty() { Integrity::Whole } else { Integrity::Changed(changed) })
}

/// The attempt of a study's task that found its result.
fn attempt_of(task: &Path, result: &[u8]) -> Option<PathBuf> {
    let attempts = std::fs::read_dir(task.join("attempts")).ok()?;
    let mut paths = attempts.flatten().map(|entry| entry.path());
    paths.find(|path| read::state(&path.join(RESULT)).is_ok_and(|bytes| bytes == result))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{RESULT_FORMAT, RunResult};
    use serde_json::json;

    fn run() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        std::fs::create_dir_all(run.join("previews")).unwrap();
        std::fs::create_dir_all(run.join("checkpoints/kimg_1")).unwrap();
        for name in [
            "task.toml",
            "stats.jsonl",
            "previews/1.png",
            "checkpoints/kimg_1/state.json",
            ".tmp-x",
        ] {
            std::fs::write(run.join(name), name).unwrap();
        }
        let result: RunResult = serde_json::from_value(json!({
            "format": RESULT_FORMAT, "stage": "train", "subject": {"dataset": "acdc", "gan": "wgan"},
            "outcome": {"kind": "finished"}, "scores": [], "inputs": [], "wall_secs": 60.0, "command": "vesalius train",
            "vesalius": "0.1.0", "machine": "a machine", "settings": null,
        }))
        .unwrap();
        result.publish(&run).unwrap();
        (folder, run)
    }

    #[test]
    fn a_run_that_was_not_touched_is_whole_and_every_change_is_named() {
        let (_folder, run) = run();
        assert_eq!(integrity(&run).unwrap(), Integrity::Whole);
        // What a run promises nothing of.
        std::fs::remove_dir_all(run.join("checkpoints")).unwrap();
        std::fs::remove_file(run.join(".tmp-x")).unwrap();
        std::fs::write(run.join("notes.txt"), "mine").unwrap();
        assert_eq!(integrity(&run).unwrap(), Integrity::Whole);
        std::fs::write(run.join("stats.jsonl"), "stats.jsonL").unwrap();
        std::fs::remove_file(run.join("previews/1.png")).unwrap();
        assert_eq!(
            integrity(&run).unwrap(),
            Integrity::Changed(vec![
                "previews/1.png is missing".into(),
                "stats.jsonl was changed".into()
            ])
        );
    }

    #[test]
    fn an_edited_score_is_noticed_and_an_old_result_says_that_nothing_is_known() {
        let (_folder, run) = run();
        let path = run.join(RESULT);
        let text = std::fs::read_to_string(&path).unwrap();
        let edited = text.replace("\"wall_secs\": ", "\"wall_secs\": 1");
        assert_ne!(edited, text);
        std::fs::write(&path, edited).unwrap();
        assert_eq!(
            integrity(&run).unwrap(),
            Integrity::Changed(vec!["result.json was edited".into()])
        );
        // The seal taken away.
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json.as_object_mut().unwrap().remove("seal");
        std::fs::write(&path, json.to_string()).unwrap();
        assert!(matches!(integrity(&run).unwrap(), Integrity::Changed(_)));
        json["format"] = UNSEALED.into();
        std::fs::write(&path, json.to_string()).unwrap();
        assert_eq!(integrity(&run).unwrap(), Integrity::Unknown);
    }

    #[test]
    fn of_a_study_s_task_the_files_of_the_accepted_attempt_count() {
        let (folder, attempt) = run();
        let task = folder.path().join("task");
        std::fs::create_dir_all(task.join("attempts")).unwrap();
        let kept = task.join("attempts/2");
        std::fs::rename(&attempt, &kept).unwrap();
        std::fs::copy(kept.join(RESULT), task.join(RESULT)).unwrap();
        std::fs::write(task.join("task.toml"), "what is to be done").unwrap();
        std::fs::copy(kept.join("stats.jsonl"), task.join("stats.jsonl")).unwrap();
        assert_eq!(integrity(&task).unwrap(), Integrity::Whole);
        for (edited, name) in [
            (task.join("stats.jsonl"), "stats.jsonl"),
            (kept.join("stats.jsonl"), "stats.jsonl"),
            (kept.join("task.toml"), "task.toml"),
        ] {
            let before = std::fs::read(&edited).unwrap();
            std::fs::write(&edited, "edited").unwrap();
            let changed = Integrity::Changed(vec![format!("{name} was changed")]);
            assert_eq!(integrity(&task).unwrap(), changed, "{}", edited.display());
            std::fs::write(&edited, before).unwrap();
        }
    }
}
