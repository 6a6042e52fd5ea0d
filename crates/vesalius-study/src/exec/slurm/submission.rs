//! A submission: one array job, its script and which tasks each of its elements does. It lies on the shared disk before
//! `sbatch` is called, so that a coordinator that dies in between leaves nothing that its successor cannot find: jobs
//! are
//! known by the submission's name, which is the job's name, and never by a number that had to be noted in time.
//!
//! ```text
//! OUT/slurm/NAME/
//!     submission.json  elements and their tasks; workers read it, too
//!     job.sh           as it was submitted
//!     job              the job's number, once sbatch said it
//!     ELEMENT.log      what was said outside of a task
//!     over             nothing is left of it
//! ```

use crate::task::{Key, Stage};
use crate::task_dir::{TaskDir, last_lines};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use vesalius_data::files::digest;
use vesalius_data::files::publish::{StagedDir, write_file};
use vesalius_data::text::strings;

/// Version of `submission.json`.
const FORMAT: u32 = 1;

/// Content of `submission.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Version of this file.
    pub format: u32,
    /// Its folder's name, and the job's.
    pub name: String,
    /// Tasks of each element of the array, in the order in which they are done.
    pub elements: Vec<Vec<Entry>>,
}

/// A task of an element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it does.
    pub stage: Stage,
    /// Its name.
    pub key: Key,
    /// Its newest attempt when this was submitted; 0 without one.
    pub before: u32,
}

/// A name that no other submission has.
pub fn new_name(study: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let text = format!("{host} {} {count} {:?}", std::process::id(), SystemTime::now());
    format!("vesalius-{study}-{}", &digest::of_bytes(text.as_bytes())[..12])
}

impl Submission {
    /// Of a name and its elements.
    pub fn new(name: String, elements: Vec<Vec<Entry>>) -> Self {
        Self { format: FORMAT, name, elements }
    }

    /// Where all submissions of a study's folder lie.
    fn all(out: &Path) -> PathBuf {
        out.join("slurm")
    }

    /// Where this one lies.
    pub fn folder(&self, out: &Path) -> PathBuf {
        Self::all(out).join(&self.name)
    }

    /// Writes it with its script, whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, out: &Path, script: &str) -> Result<()> {
        let staged = StagedDir::create(&self.folder(out))?;
        staged.write("submission.json", &serde_json::to_vec_pretty(self)?)?;
        staged.write("job.sh", script.as_bytes())?;
        staged.publish()
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is missing, damaged or of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = vesalius_data::files::read::state(path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        let submission: Self = strings::from_json(&bytes)
            .with_context(|| format!("{}: not a submission of this version", path.display()))?;
        if submission.format != FORMAT {
            bail!("{}: format {}, expected {FORMAT}", path.display(), submission.format);
        }
        // Its name is where it lies: another would have files written and removed elsewhere.
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        if folder.to_str() != Some(submission.name.as_str()) {
            bail!(
                "{}: name `{}`, expected that of its folder: it was edited or moved",
                path.display(),
                submission.name
            );
        }
        Ok(submission)
    }

    /// Those of a study's folder that are not over, with the job's number where it is known.
    ///
    /// # Errors
    /// When one is damaged.
    pub fn open(out: &Path) -> Result<Vec<(Self, Option<String>)>> {
        let folder = Self::all(out);
        let mut found = Vec::new();
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| !path.join("over").exists()) {
            let job = vesalius_data::files::read::text(&path.join("job")).ok();
            found.push((Self::read(&path.join("submission.json"))?, job));
        }
        Ok(found)
    }

    /// Notes the job's number.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note_job(&self, out: &Path, job: &str) -> Result<()> {
        write_file(&self.folder(out).join("job"), job.as_bytes())
    }

    /// Notes that nothing is left of it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note_over(&self, out: &Path) -> Result<()> {
        write_file(&self.folder(out).join("over"), b"")
    }

    /// Forgets one that was refused: no job of it ever was.
    ///
    /// # Errors
    /// When the folder cannot be removed.
    pub fn remove(&self, out: &Path) -> Result<()> {
        let folder = self.folder(out);
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{}: cannot be removed", folder.display()))
    }

    /// The last line that an element said outside of its tasks: Slurm's own words, or the shell's.
    pub fn last_line(&self, out: &Path, element: usize) -> Option<String> {
        let log = self.folder(out).join(format!("{element}.log"));
        last_lines(&log, 1).pop().map(|line| line.trim().to_owned())
    }
}

impl Entry {
    /// Its folder.
    pub fn task_dir(&self, out: &Path) -> TaskDir {
        TaskDir::of(out, self.stage, &self.key)
    }

    /// Whether a worker began with it since it was submitted.
    ///
    /// # Errors
    /// When its attempts cannot be listed.
    pub fn begun(&self, out: &Path) -> Result<bool> {
        Ok(self.task_dir(out).attempts()?.last().is_some_and(|last| *last > self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_found_until_it_is_over() {
        let out = tempfile::tempdir().unwrap();
        let entry = |key: &str| Entry {
            stage: Stage::Train,
            key: key.repeat(64).try_into().unwrap(),
            before: 2,
        };
        let submission = Submission::new(new_name("s"), vec![vec![entry("a"), entry("b")]]);
        submission.write(out.path(), "#!/bin/sh\n").unwrap();
        assert_eq!(Submission::open(out.path()).unwrap(), [(submission.clone(), None)]);
        submission.note_job(out.path(), "17").unwrap();
        assert_eq!(Submission::open(out.path()).unwrap()[0].1.as_deref(), Some("17"));
        std::fs::write(submission.folder(out.path()).join("0.log"), "one\ntwo \n\n").unwrap();
        assert_eq!(submission.last_line(out.path(), 0).as_deref(), Some("two"));
        submission.note_over(out.path()).unwrap();
        assert_eq!(Submission::open(out.path()).unwrap(), []);
        assert_ne!(new_name("s"), new_name("s"));
    }

    #[test]
    fn a_submission_of_another_version_is_refused() {
        let out = tempfile::tempdir().unwrap();
        let newer = Submission { format: 2, name: "n".to_owned(), elements: vec![] };
        newer.write(out.path(), "").unwrap();
        let error = Submission::open(out.path()).unwrap_err().to_string();
        assert!(error.contains("format 2, expected 1"), "{error}");
    }
}
