//! Would synthetic data help here? The rule that decides what a summary may claim: never more than the primary
//! comparison carries.

use super::compare::{Comparison, Decision};
use super::trained;
use crate::evidence::{Evidence, TrainingSet};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;

/// What the runs on one dataset show about adding synthetic images to real ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Every GAN diverged: there are no images to judge.
    Diverged(Vec<RowId>),
    /// No U-Net was trained on real data alone: nothing to compare with.
    NoBaseline,
    /// No U-Net was trained on real and synthetic data together.
    NothingAdded,
    /// The question names a GAN whose images no U-Net was trained on beside real ones.
    NotTried(RowId),
    /// The results hold no Dice per patient (or of fewer than 2 shared ones): differences cannot be tested.
    Untested,
    /// No U-Net on real data alone was trained as one on real and synthetic data was: other steps, another network.
    Unlike,
    /// The segmenter of the real images was not trained to its end: why that is known.
    Untrained(String),
    /// What was asked first, with what may be said of it; of several, the one that says most.
    Answered(Box<Comparison>),
}

/// The verdict of the runs on one dataset.
pub fn verdict(evidence: &Evidence) -> Verdict {
    // Other real images than the test pack's own say nothing of adding to these.
    let judged = |set: &TrainingSet, trained_on: TrainedOn| {
        set.trained_on == trained_on
            && set.dice.is_some()
            && set.is_original()
            && set.control().is_none()
    };
    let is_baseline = |set: &TrainingSet| judged(set, TrainedOn::Real);
    let added = |set: &&TrainingSet| judged(set, TrainedOn::RealAndSynthetic);
    let is_added = evidence.sets.iter().any(|set| added(&set));
    let diverged: Vec<RowId> = evidence
        .gans()
        .into_iter()
        .filter(|gan| evidence.diverged(gan).is_some())
        .cloned()
        .collect();
    let all_diverged = !diverged.is_empty() && diverged.len() == evidence.gans().len();
    let has_like = evidence
        .sets
        .iter()
        .filter(added)
        .any(|set| evidence.reference(set, TrainedOn::Real).is_some());
    let not_tried = evidence.question.gan.clone().filter(|asked| {
        !evidence.sets.iter().filter(added).any(|set| set.gan.as_ref() == Some(asked))
    });
    if all_diverged && !is_added {
        Verdict::Diverged(diverged)
    } else if !evidence.sets.iter().any(is_baseline) {
        Verdict::NoBaseline
    } else if !is_added {
        Verdict::NothingAdded
    } else if let Some(asked) = not_tried {
        Verdict::NotTried(asked)
    } else if let Some(answer) = evidence.inference().primary().max_by(|a, b| says_more(a, b)) {
        match trained::doubt(evidence, answer) {
            Some(doubt) => Verdict::Untrained(doubt),
            None => Verdict::Answered(Box::new(answer.clone())),
        }
    } else if !has_like {
        Verdict::Unlike
    } else {
        Verdict::Untested
    }
}

/// The greater one answers whether there is a generator that helps: help before what is open before what does not matter
/// before harm, and of equals the larger gain.
fn says_more(a: &Comparison, b: &Comparison) -> std::cmp::Ordering {
    let rank = |comparison: &Comparison| match comparison.decision {
        Decision::Helps => 4,
        Decision::Undecided => 3,
        Decision::OneRunEach | Decision::FewPatients => 2,
        Decision::Equivalent => 1,
        Decision::Harms => 0,
    };
    rank(a).cmp(&rank(b)).then(a.difference.total_cmp(&b.difference))
}

#[cfg(test)]
mod tests;
