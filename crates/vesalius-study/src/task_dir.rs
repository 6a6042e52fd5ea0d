//! The folder of a task: the whole truth about it, from which the store can be rebuilt.
//!
//! ```text
//! OUT/tasks/STAGE-KEY/
//!     task.toml       what is to be done
//!     attempts/N/     what attempt N wrote; failure.json where it failed, stopped.json where it was stopped
//!     output.log      what workers said
//!     result.json     of the first attempt that finished
//!     cancelled       somebody said so
//! ```

use crate::task::{Key, Stage, Task, folder_name};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::{write_file, write_file_once};
use vesalius_data::run::RunResult;
use vesalius_data::text::escape;

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In one line.
    pub reason: String,
    /// The last lines of output.
    pub output: Vec<String>,
}

/// That an attempt was stopped and the task wants to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stopped {
    /// Whether it left a newer checkpoint than it had begun with.
    progress: bool,
}

/// The folder of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDir(PathBuf);

/// How an attempt can end without a result.
const ENDS: [&str; 2] = ["failure.json", "stopped.json"];
/// Lines of output that a failure keeps.
pub(crate) const LAST_LINES: usize = 12;
/// Bytes of `output.log` that are looked at for them.
const LAST_BYTES: u64 = 16 << 10;

impl TaskDir {
    /// Of a task in a study's folder.
    pub fn of(out: &Path, stage: Stage, key: &Key) -> Self {
        Self(out.join("tasks").join(folder_name(stage, key)))
    }

    /// A folder that exists.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of another task of the same study.
    #[must_use]
    pub fn sibling(&self, stage: Stage, key: &Key) -> Self {
        Self(self.0.parent().unwrap_or(Path::new("")).join(folder_name(stage, key)))
    }

    /// Writes `task.toml`, if there is none; one that is there has to be the same, but for where its packs lie: a study
    /// may have moved.
    ///
    /// # Errors
    /// When the folder cannot be written, or was edited.
    pub fn create(&self, task: &Task) -> Result<()> {
        let path = self.0.join("task.toml");
        if !path.exists() || Task::read(&self.0)?.packs != task.packs {
            write_file(&path, task.to_toml()?.as_bytes())?;
        }
        Task::read(&self.0).map(|_| ())
    }

    /// Numbers of the attempts so far, ascending; none where there is no folder of them yet.
    ///
    /// # Errors
    /// When the folder is there and cannot be listed: the task would begin anew beside what it has.
    pub fn attempts(&self) -> Result<Vec<u32>> {
        let folder = self.0.join("attempts");
        let failure = || format!("{}: cannot be listed", folder.display());
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            other => other.with_context(failure)?,
        };
        let entries = entries.collect::<std::io::Result<Vec<_>>>().with_context(failure)?;
        let mut found: Vec<u32> =
            entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Folder of an attempt.
    pub fn attempt(&self, number: u32) -> PathBuf {
        self.0.join("attempts").join(number.to_string())
    }

    /// A new attempt's folder: of two workers that ask at once, each gets its own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin_attempt(&self) -> Result<u32> {
        let folder = self.0.join("attempts");
        vesalius_data::files::publish::create_folders(&folder)?;
        let mut number = self.attempts()?.last().map_or(1, |last| last + 1);
        loop {
            match vesalius_data::files::publish::create_folder(&self.attempt(number)) {
                Ok(()) => return Ok(number),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => {
                    let path = self.attempt(number);
                    return Err(error)
                        .with_context(|| format!("{}: cannot create the folder", path.display()));
                }
            }
        }
    }

    /// Publishes what an attempt found, exactly as it lies in its folder; `false` where another was first.
    ///
    /// # Errors
    /// When the attempt has no result, or the folder cannot be written.
    pub fn publish(&self, attempt: u32) -> Result<bool> {
        let path = self.attempt(attempt).join("result.json");
        let bytes = vesalius_data::files::read::state(&path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        write_file_once(&self.0.join("result.json"), &bytes)
    }

    /// Whether there is a result.
    pub fn is_finished(&self) -> bool {
        self.0.join("result.json").exists()
    }

    /// The result and its bytes.
    ///
    /// # Errors
    /// When there is none, or it is of another version.
    pub fn result(&self) -> Result<(RunResult, Vec<u8>)> {
        let path = self.0.join("result.json");
        let bytes = vesalius_data::files::read::state(&path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        Ok((RunResult::read(&self.0)?, bytes))
    }

    /// Folder of the attempt whose result was accepted.
    ///
    /// # Errors
    /// When there is no result, or its attempt was deleted.
    pub fn accepted(&self) -> Result<PathBuf> {
        let (_, bytes) = self.result()?;
        let same = |number: &u32| {
            vesalius_data::files::read::state(&self.attempt(*number).join("result.json"))
                .is_ok_and(|b| b == bytes)
        };
        let number = self.attempts()?.into_iter().find(same).with_context(|| {
            format!(
                "{}: no attempt has the task's result, expected the one that found it: the folder was edited",
                self.0.display()
            )
        })?;
        Ok(self.attempt(number))
    }

    /// Notes why an attempt failed, unless it did so itself.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note_failure(&self, attempt: u32, reason: &str) -> Result<()> {
        let line = |text: &str| escape::terminal(text).into_owned();
        let output = self.last_lines(LAST_LINES);
        let failure = Failure {
            reason: line(reason),
            output: output.iter().map(|said| line(said)).collect(),
        };
        let path = self.attempt(attempt).join("failure.json");
        write_file_once(&path, &serde_json::to_vec_pretty(&failure)?).map(|_| ())
    }

    /// Failed attempts since the last retry.
    ///
    /// # Errors
    /// When the attempts cannot be listed.
    pub fn failures(&self) -> Result<Vec<Failure>> {
        let read = |number| {
            let bytes =
                vesalius_data::files::read::state(&self.attempt(number).join("failure.json"))
                    .ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        Ok(self.attempts()?.into_iter().filter_map(read).collect())
    }

    /// Notes that an attempt was stopped, unless it said so itself; `progress`: it left a newer checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note_stop(&self, attempt: u32, progress: bool) -> Result<()> {
        let path = self.attempt(attempt).join("stopped.json");
        write_file_once(&path, &serde_json::to_vec(&Stopped { progress })?).map(|_| ())
    }

    /// Whether an attempt said how it ended.
    pub fn is_noted(&self, attempt: u32) -> bool {
        ENDS.iter().any(|name| self.attempt(attempt).join(name).exists())
    }

    /// Attempts that were stopped, the last ones in a row that left no newer checkpoint. What a killed coordinator or
    /// worker left unsaid does not count.
    ///
    /// # Errors
    /// When the attempts cannot be listed.
    pub fn stops_without_progress(&self) -> Result<usize> {
        let read = |number: u32| {
            let bytes =
                vesalius_data::files::read::state(&self.attempt(number).join("stopped.json"))
                    .ok()?;
            serde_json::from_slice::<Stopped>(&bytes).ok()
        };
        let stops = self.attempts()?.into_iter().rev().filter_map(read);
        Ok(stops.take_while(|stopped| !stopped.progress).count())
    }

    /// Whether somebody cancelled it.
    pub fn is_cancelled(&self) -> bool {
        self.0.join("cancelled").exists()
    }

    /// Cancels it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn cancel(&self) -> Result<()> {
        write_file(&self.0.join("cancelled"), b"")
    }

    /// Forgets failures and stops (they stay beside, under another name) and cancellation.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn retry(&self) -> Result<()> {
        for (number, name) in self.attempts()?.into_iter().flat_map(|n| ENDS.map(|name| (n, name)))
        {
            let path = self.attempt(number).join(name);
            if path.exists() {
                std::fs::rename(&path, self.attempt(number).join(format!("before-retry-{name}")))
                    .with_context(|| format!("{}: cannot be renamed", path.display()))?;
            }
        }
        let cancelled = self.0.join("cancelled");
        if cancelled.exists() {
            std::fs::remove_file(&cancelled)
                .with_context(|| format!("{}: cannot be removed", cancelled.display()))?;
        }
        Ok(())
    }

    /// The last lines that workers said.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        last_lines(&self.0.join("output.log"), count)
    }
}

/// The last lines of a log that are not blank; none without the log.
pub(crate) fn last_lines(log: &Path, count: usize) -> Vec<String> {
    let Ok(mut file) = vesalius_data::files::read::open(log) else { return vec![] };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let mut bytes = Vec::new();
    let start = SeekFrom::Start(length.saturating_sub(LAST_BYTES));
    if file.seek(start).and_then(|_| file.read_to_end(&mut bytes)).is_err() {
        return vec![];
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|&line| line.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_attempts_at_once_get_a_folder_each() {
        let root = tempfile::tempdir().unwrap();
        let folder = TaskDir::at(&root.path().join("task"));
        let numbers: Vec<u32> = std::thread::scope(|scope| {
            let begin = || (0..20).map(|_| folder.begin_attempt().unwrap()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(begin)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=40).collect::<Vec<u32>>());
    }

    #[test]
    fn attempts_that_cannot_be_listed_are_not_none() {
        let root = tempfile::tempdir().unwrap();
        let folder = TaskDir::at(root.path());
        assert!(folder.attempts().unwrap().is_empty());
        // Root may list everything: a file in its place cannot be listed by anybody.
        std::fs::write(root.path().join("attempts"), "").unwrap();
        let refused = [
            folder.attempts().map(|_| ()),
            folder.failures().map(|_| ()),
            folder.stops_without_progress().map(|_| ()),
            folder.retry(),
        ];
        for error in refused.map(Result::unwrap_err) {
            let error = format!("{error:#}");
            assert!(error.contains("attempts: cannot be listed"), "{error}");
        }
        assert!(folder.begin_attempt().is_err());
    }

    #[test]
    fn a_failure_keeps_its_last_lines_and_a_retry_forgets_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = TaskDir::at(root.path());
        let attempt = folder.begin_attempt().unwrap();
        let lines: Vec<String> = (0..5000).map(|i| format!("line {i}")).collect();
        std::fs::write(root.path().join("output.log"), lines.join("\n")).unwrap();
        folder.note_failure(attempt, "broke").unwrap();
        folder.note_failure(attempt, "later").unwrap();
        let failures = folder.failures().unwrap();
        assert_eq!((failures.len(), failures[0].reason.as_str()), (1, "broke"));
        assert_eq!(failures[0].output.last().unwrap(), "line 4999");
        folder.cancel().unwrap();
        folder.retry().unwrap();
        assert!(folder.failures().unwrap().is_empty() && !folder.is_cancelled());
    }

    #[test]
    fn stops_count_until_one_made_progress_or_somebody_says_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = TaskDir::at(root.path());
        let mut stop = |progress| {
            let attempt = folder.begin_attempt().unwrap();
            folder.note_stop(attempt, progress).unwrap();
            folder.stops_without_progress().unwrap()
        };
        assert_eq!([false, true, false, false].map(&mut stop), [1, 0, 1, 2]);
        folder.begin_attempt().unwrap(); // killed: nothing was noted
        assert_eq!(folder.stops_without_progress().unwrap(), 2);
        folder.retry().unwrap();
        assert_eq!(folder.stops_without_progress().unwrap(), 0);
    }
}
