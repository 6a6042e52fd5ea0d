//! What became of submissions: whether sbatch took them, what the queue says of them, and what their tasks' folders say.

use super::client::{self, Failed, Row};
use super::{Active, Slurm};
use crate::exec::How;
use crate::task::Key;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

impl Slurm {
    /// Calls sbatch; an answer that may yet come leaves the submission as it is.
    pub(super) fn submit(&mut self, i: usize) -> Result<()> {
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
    pub(super) fn be_silent(&mut self, words: &str) {
        if !std::mem::replace(&mut self.silent, true) {
            self.notes.push(format!("waiting for Slurm: {words}"));
        }
    }

    /// Submissions that sbatch did not take for certain: those whose name the queue knows were taken.
    pub(super) fn submit_again(&mut self, queue: &HashMap<client::Place, Row>) -> Result<()> {
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
    pub(super) fn look_at(
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

    pub(super) fn forget_what_is_over(&mut self) -> Result<()> {
        let over = |active: &Active| active.elements.iter().all(|element| element.ended);
        for active in self.active.iter().filter(|active| over(active)) {
            active.submission.note_over(&self.out)?;
        }
        self.active.retain(|active| !over(active));
        Ok(())
    }

    /// A line whenever the counts have changed.
    pub(super) fn summarise(&mut self) {
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
