//! Which tasks go into which array, and the script that asks for it.

use super::script::Script;
use super::submission::{Entry, Submission};
use crate::exec::Start;
use crate::study::slurm::Settings;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// Tasks into arrays of elements: an element's tasks are of one stage, an array has at most `most` elements.
pub(super) fn arrays(
    entries: Vec<Entry>,
    tasks_per_job: usize,
    most: usize,
) -> Vec<Vec<Vec<Entry>>> {
    let mut by_stage: BTreeMap<_, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        by_stage.entry(entry.stage).or_default().push(entry);
    }
    let stages = by_stage.values();
    let elements: Vec<Vec<Entry>> =
        stages.flat_map(|entries| entries.chunks(tasks_per_job).map(<[Entry]>::to_vec)).collect();
    elements.chunks(most).map(<[Vec<Entry>]>::to_vec).collect()
}

pub(super) fn render(
    submission: &Submission,
    out: &Path,
    settings: &Settings,
    program: &Path,
) -> Result<String> {
    let folder = submission.folder(out);
    let (name, elements) = (submission.name.as_str(), submission.elements.len());
    Script { settings, name, elements, program, folder: &folder }.render()
}

/// The scripts that would be submitted for tasks now, with `NEW1`, … for what makes a name unique, and how many tasks
/// each does.
///
/// # Errors
/// When the folder cannot be written into a script.
pub fn preview(
    tasks: Vec<Start>,
    out: &Path,
    study: &str,
    settings: &Settings,
    program: &Path,
    most: usize,
) -> Result<Vec<(String, usize)>> {
    let room = settings.max_queued * settings.tasks_per_job;
    let entry = |start: Start| Entry { stage: start.stage, key: start.key, before: 0 };
    let entries = tasks.into_iter().take(room).map(entry).collect();
    let arrays = arrays(entries, settings.tasks_per_job, most);
    let one = |(i, elements): (usize, Vec<Vec<Entry>>)| {
        let tasks = elements.iter().map(Vec::len).sum();
        let submission = Submission::new(format!("vesalius-{study}-NEW{}", i + 1), elements);
        Ok((render(&submission, out, settings, program)?, tasks))
    };
    arrays.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Stage;

    #[test]
    fn no_array_is_longer_than_slurm_takes_and_no_job_has_two_stages() {
        let entry = |stage, i: usize| Entry {
            stage,
            key: format!("{i:064}").try_into().unwrap(),
            before: 0,
        };
        let mut entries: Vec<Entry> = (0..1500).map(|i| entry(Stage::Train, i)).collect();
        entries.insert(7, entry(Stage::Judge, 2000));
        let all = arrays(entries.clone(), 1, 1001);
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [1001, 500]);
        let all = arrays(entries, 4, 1001);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].len(), 1 + 375);
        assert!(all[0].iter().all(|tasks| tasks.iter().all(|task| task.stage == tasks[0].stage)));
        assert_eq!(all.iter().flatten().flatten().count(), 1501);
    }
}
