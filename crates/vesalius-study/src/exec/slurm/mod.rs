//! Array jobs of a Slurm cluster. What the queue says decides when a task is looked at; what came of it, only its
//! folder
//! says: a job that is not in the queue any more and has left no result is lost, and counts as a failed attempt.
//!
//! Jobs go on without a coordinator. Its successor finds them by their names, in the submissions that lie in the
//! study's
//! folder and in the queue.

mod client;
mod script;
mod submission;

pub use client::{USUAL_ARRAY_SIZE, max_array_size};
pub use submission::{Entry, Submission};

use super::{Executor, How, Start};
use crate::study::slurm::Settings;
use crate::task::Key;
use anyhow::{Context as _, Result, bail};
use client::{Failed, Row};
use script::Script;
use std::collections::{BTreeMap, HashMap};
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

    /// Calls sbatch; an answer that may yet come leaves the submission as it is.
    fn submit(&mut self, i: usize) -> Result<()> {
        let others = self.active.iter().any(|active| active.job.is_some());
        let active = &mut self.active[i];
        let submission = &active.submission;
        let script = submission.folder(&self.out).join("job.sh");
        match client::submit(&script) {
            Ok(job) => {
                submission.note_job(&self.out, &job)?;
                active.job = Some(job);
                self.full = false;
            }
            Err(Failed::NoAnswer(words)) => {
                active.asked = Some(Instant::now());
                self.be_silent(&words);
            }
            Err(Failed::Limit(words)) if others => {
                active.asked = Some(Instant::now());
                if !std::mem::replace(&mut self.full, true) {
                    self.notes.push(format!("waiting for jobs to end: {words}"));
                }
            }
            Err(Failed::Limit(words) | Failed::Refused(words)) => {
                let active = self.active.remove(i);
                active.submission.remove(&self.out)?;
                bail!(
                    "Slurm refused jobs of {}: {words}; they were not submitted, the study goes on once [slurm] of \
                     the study file or the cluster is mended",
                    self.study
                );
            }
        }
        Ok(())
    }

    /// Says once that there is no answer.
    fn be_silent(&mut self, words: &str) {
        if !std::mem::replace(&mut self.silent, true) {
            self.notes.push(format!("waiting for Slurm: {words}"));
        }
    }

    /// Submissions that sbatch did not take for certain: those whose name the queue knows were taken.
    fn submit_again(&mut self, queue: &HashMap<client::Place, Row>) -> Result<()> {
        let grace = Duration::from_secs(self.settings.grace_secs);
        let mut i = 0;
        while i < self.active.len() {
            let active = &mut self.active[i];
            let name = &active.submission.name;
            if active.job.is_none() {
                let row = queue.iter().find(|((found, _), _)| found == name).map(|(_, row)| row);
                if let Some(job) = row.and_then(|row| row.id.split('_').next()) {
                    active.submission.note_job(&self.out, job)?;
                    active.job = Some(job.to_owned());
                } else if active.asked.is_none_or(|asked| asked.elapsed() >= grace) {
                    let before = self.active.len();
                    self.submit(i)?;
                    i -= before - self.active.len();
                }
            }
            i += 1;
        }
        Ok(())
    }

    /// What the folders say of an element's tasks, and the queue of the element.
    fn look_at(
        &mut self,
        queue: Option<&HashMap<client::Place, Row>>,
        ended: &mut Vec<(Key, How)>,
    ) -> Result<()> {
        let grace = Duration::from_secs(self.settings.grace_secs);
        let out = &self.out;
        for active in &mut self.active {
            let name = &active.submission.name;
            for (number, element) in active.elements.iter_mut().enumerate() {
                element.open.retain(|entry| {
                    let finished = entry.task_dir(out).is_finished();
                    if finished {
                        ended.push((entry.key.clone(), How::Exit(0)));
                    }
                    !finished
                });
                let Some(queue) = queue.filter(|_| active.job.is_some() && !element.ended) else {
                    continue;
                };
                if let Some(row) = queue.get(&(name.clone(), number)) {
                    element.row = Some(row.clone());
                    element.gone = None;
                    continue;
                }
                // Its result may lie on another node's side of a shared disk yet.
                let gone = *element.gone.get_or_insert_with(Instant::now);
                if !element.open.is_empty() && gone.elapsed() < grace {
                    continue;
                }
                element.ended = true;
                let job = active.job.as_deref().unwrap_or("");
                let said = active.submission.last_line(out, number);
                let said = said.map(|line| format!(" (its log ends: {line})")).unwrap_or_default();
                let mut began = false;
                for entry in &active.submission.elements[number] {
                    began |= entry.begun(out)?;
                }
                for entry in element.open.drain(..) {
                    // Its turn never came: an earlier task of the job took the job with it.
                    let how = if began && !entry.begun(out)? {
                        How::Interrupted
                    } else {
                        How::Left { job: format!("job {job}_{number}{said}"), before: entry.before }
                    };
                    ended.push((entry.key, how));
                }
            }
        }
        Ok(())
    }

    fn forget_what_is_over(&mut self) -> Result<()> {
        let over = |active: &Active| active.elements.iter().all(|element| element.ended);
        for active in self.active.iter().filter(|active| over(active)) {
            active.submission.note_over(&self.out)?;
        }
        self.active.retain(|active| !over(active));
        Ok(())
    }

    /// A line whenever the counts have changed.
    fn summarise(&mut self) {
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for row in self.elements().filter(|e| !e.ended).filter_map(|e| e.row.as_ref()) {
            let state = row.state.to_lowercase();
            let reason =
                if row.reason == "None" { String::new() } else { format!(" ({})", row.reason) };
            *counts.entry((state, reason)).or_default() += 1;
        }
        let counts: Vec<String> =
            counts.iter().map(|((state, reason), n)| format!("{n} {state}{reason}")).collect();
        let summary = counts.join(", ");
        if !summary.is_empty() && summary != self.summary {
            self.notes.push(format!("in the queue: {summary}"));
        }
        self.summary = summary;
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

/// Tasks into arrays of elements: an element's tasks are of one stage, an array has at most `most` elements.
fn arrays(entries: Vec<Entry>, tasks_per_job: usize, most: usize) -> Vec<Vec<Vec<Entry>>> {
    let mut by_stage: BTreeMap<_, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        by_stage.entry(entry.stage).or_default().push(entry);
    }
    let stages = by_stage.values();
    let elements: Vec<Vec<Entry>> =
        stages.flat_map(|entries| entries.chunks(tasks_per_job).map(<[Entry]>::to_vec)).collect();
    elements.chunks(most).map(<[Vec<Entry>]>::to_vec).collect()
}

fn render(
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
