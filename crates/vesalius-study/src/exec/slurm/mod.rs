//! Array jobs of a Slurm cluster. What the queue says decides when a task is looked at; what came of it, only its
//! folder
//! says: a job that is not in the queue any more and has left no result is lost, and counts as a failed attempt.
//!
//! Jobs go on without a coordinator. Its successor finds them by their names, in the submissions that lie in the
//! study's
//! folder and in the queue.

mod arrays;
mod client;
mod follow;
mod script;
mod submission;

pub use arrays::preview;
pub use client::{USUAL_ARRAY_SIZE, max_array_size};
pub use submission::{Entry, Submission};

use super::{Executor, How, Start};
use crate::study::slurm::Settings;
use crate::task::Key;
use anyhow::{Context as _, Result};
use arrays::{arrays, render};
use client::{Failed, Row};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The jobs of one study's folder.
#[derive(Debug)]
pub struct Slurm {
    /// Absolute.
    out: PathBuf,
    study: String,
    settings: Settings,
    program: PathBuf,
    active: Vec<Active>,
    looked: Option<Instant>,
    max_array: Option<usize>,
    notes: Vec<String>,
    silent: bool,
    full: bool,
    summary: String,
}

/// A submission that is not over.
#[derive(Debug)]
struct Active {
    submission: Submission,
    job: Option<String>,
    /// Since when sbatch has been asked without an answer that could be trusted.
    asked: Option<Instant>,
    elements: Vec<Element>,
}

#[derive(Debug, Default)]
struct Element {
    /// Tasks of which nothing was said yet.
    open: Vec<Entry>,
    /// Those that somebody cancelled.
    cancelled: Vec<Key>,
    /// As the queue had it last.
    row: Option<Row>,
    /// Since when it is not in the queue.
    gone: Option<Instant>,
    ended: bool,
}

impl Slurm {
    /// `out` is the study's folder, `program` the worker's, both on a disk that all nodes share.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(out: &Path, study: &str, settings: Settings, program: PathBuf) -> Result<Self> {
        vesalius_data::files::publish::create_folders(out)?;
        let out = out.canonicalize().with_context(|| format!("{}", out.display()))?;
        Ok(Self {
            out,
            study: study.to_owned(),
            settings,
            program,
            active: vec![],
            looked: None,
            max_array: None,
            notes: vec![],
            silent: false,
            full: false,
            summary: String::new(),
        })
    }

    /// Jobs in the queue, or on their way there.
    fn queued(&self) -> usize {
        self.elements().filter(|element| !element.ended).count()
    }

    fn elements(&self) -> impl Iterator<Item = &Element> {
        self.active.iter().flat_map(|active| &active.elements)
    }
}

impl Executor for Slurm {
    fn adopt(&mut self) -> Result<Vec<Key>> {
        for (submission, job) in Submission::open(&self.out)? {
            let element =
                |entries: &Vec<Entry>| Element { open: entries.clone(), ..Element::default() };
            let elements = submission.elements.iter().map(element).collect();
            // One without a number may be in the queue all the same; it is asked for by name, and only then again.
            let asked = job.is_none().then(Instant::now);
            self.active.push(Active { submission, job, asked, elements });
        }
        let open = self.elements().flat_map(|element| &element.open);
        Ok(open.map(|entry| entry.key.clone()).collect())
    }

    fn free(&mut self) -> usize {
        self.settings.max_queued.saturating_sub(self.queued()) * self.settings.tasks_per_job
    }

    fn start(&mut self, tasks: Vec<Start>) -> Result<()> {
        if tasks.is_empty() {
            return Ok(());
        }
        let most = match self.max_array {
            Some(most) => most,
            None => match client::max_array_size() {
                Ok(most) => *self.max_array.insert(most),
                Err(Failed::NoAnswer(words)) => {
                    self.be_silent(&words);
                    USUAL_ARRAY_SIZE
                }
                Err(error) => return Err(error.into()),
            },
        };
        let entry = |start: &Start| -> Result<Entry> {
            let before = start.folder.attempts()?.last().copied().unwrap_or(0);
            Ok(Entry { stage: start.stage, key: start.key.clone(), before })
        };
        let entries = tasks.iter().map(entry).collect::<Result<Vec<Entry>>>()?;
        for elements in arrays(entries, self.settings.tasks_per_job, most) {
            let submission = Submission::new(submission::new_name(&self.study), elements);
            let text = render(&submission, &self.out, &self.settings, &self.program)?;
            submission.write(&self.out, &text)?;
            let element =
                |entries: &Vec<Entry>| Element { open: entries.clone(), ..Element::default() };
            let elements = submission.elements.iter().map(element).collect();
            self.active.push(Active { submission, job: None, asked: None, elements });
            self.submit(self.active.len() - 1)?;
        }
        Ok(())
    }

    fn ended(&mut self) -> Result<Vec<(Key, How)>> {
        let every = Duration::from_secs(self.settings.poll_secs);
        if self.looked.is_some_and(|looked| looked.elapsed() < every) {
            return Ok(vec![]);
        }
        let queue = match client::queue() {
            Ok(queue) => {
                if std::mem::take(&mut self.silent) {
                    self.notes.push("Slurm answers again".to_owned());
                }
                self.submit_again(&queue)?;
                Some(queue)
            }
            // An empty answer would mean that everything is lost; no answer means nothing.
            Err(Failed::NoAnswer(words) | Failed::Limit(words)) => {
                self.be_silent(&words);
                None
            }
            Err(error) => return Err(error.into()),
        };
        let mut ended = Vec::new();
        self.look_at(queue.as_ref(), &mut ended)?;
        self.forget_what_is_over()?;
        self.summarise();
        self.looked = Some(Instant::now());
        Ok(ended)
    }

    /// A job is taken out once all its tasks are cancelled; one of several is left out by the worker.
    fn stop(&mut self, key: &Key) {
        for element in self.active.iter_mut().flat_map(|active| &mut active.elements) {
            if element.open.iter().any(|entry| entry.key == *key)
                && !element.cancelled.contains(key)
            {
                element.cancelled.push(key.clone());
            }
            let all = element.open.iter().all(|entry| element.cancelled.contains(&entry.key));
            if !element.ended
                && !element.open.is_empty()
                && all
                && let Some(row) = element.row.take()
            {
                // Where that fails it is tried again: the next look at the queue gives the row back.
                let _ = client::cancel(&row.id);
            }
        }
    }

    fn stop_all(&mut self) -> bool {
        let queued = self.queued();
        if queued > 0 {
            self.notes.push(format!(
                "{queued} jobs stay in the queue and go on; `study run --on slurm` takes them up, `study cancel --all` \
                 and it end them"
            ));
        }
        true
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}
