//! Whether the numbers of a report can be believed at all: what is said before everything else.

use crate::evidence::Evidence;
use crate::evidence::runs::Run;
use std::collections::BTreeSet;
use vesalius_data::run::files::Integrity;
use vesalius_data::text::count;

/// What is wrong with the runs themselves, in sentences; nothing where nothing is known to be.
pub fn doubts(evidence: &Evidence) -> Option<String> {
    let doubts = [changed(evidence), overlap(evidence), unasked(evidence)];
    let doubts: Vec<String> = doubts.into_iter().flatten().collect();
    (!doubts.is_empty()).then(|| doubts.join(" "))
}

/// Runs whose files are not those that they left, where there are some.
fn changed(evidence: &Evidence) -> Option<String> {
    let found: Vec<String> = evidence
        .runs
        .iter()
        .filter_map(|run| match &run.integrity {
            Integrity::Changed(files) => {
                Some(format!("{} ({})", run.path.display(), files.join(", ")))
            }
            Integrity::Whole | Integrity::Unknown => None,
        })
        .collect();
    (!found.is_empty()).then(|| {
        format!(
            "Edited or damaged: {} of {} {} not as they were when they ended: {}.",
            found.len(),
            count::of(evidence.runs.len(), "run"),
            count::are(found.len()),
            found.join("; ")
        )
    })
}

/// What `--allow-overlap` let pass, where it did.
fn overlap(evidence: &Evidence) -> Option<String> {
    let mut said: BTreeSet<&str> = BTreeSet::new();
    let mut runs = 0;
    for overlap in evidence.runs.iter().filter_map(|run| run.result.overlap.as_deref()) {
        runs += usize::from(!overlap.is_empty());
        said.extend(overlap.iter().map(String::as_str));
    }
    let said: Vec<&str> = said.into_iter().collect();
    (runs > 0).then(|| {
        format!(
            "Not as they stand: in {runs} of {} patients were allowed on both sides (--allow-overlap), and numbers of \
             those who were seen are too good. {}.",
            count::of(evidence.runs.len(), "run"),
            said.join("; ")
        )
    })
}

/// Results of versions that did not ask whether patients stand on both sides, where there are some.
fn unasked(evidence: &Evidence) -> Option<String> {
    let is_unasked = |run: &&&Run| run.result.stage != "train" && run.result.overlap.is_none();
    let runs = evidence.runs.iter().filter(is_unasked).count();
    (runs > 0).then(|| {
        format!(
            "Not asked: {runs} of {} made by a version that did not ask whether patients stand on both sides; run \
             them again to know.",
            count::of(evidence.runs.len(), "run")
        )
    })
}
