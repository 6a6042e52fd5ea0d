//! What the controls say of the answer: training sets whose outcome is known before, if all is well.

use super::words::{change, decided};
use crate::evidence::{Control, Evidence, TrainingSet};
use crate::inference::compare::{Comparison, Decision};
use crate::inference::questions::Kind;
use crate::pages::images::copying;
use vesalius_data::run::TrainedOn;

/// In sentences; nothing where no control was run.
pub(super) fn said(evidence: &Evidence) -> Option<String> {
    let question = evidence.inference().question(Kind::Controls);
    let mut parts: Vec<String> = vec![];
    for set in evidence.sets.iter().filter(|set| !set.judged.is_empty()) {
        let Some(control) = set.control() else { continue };
        if let Some(found) = question.iter().find(|comparison| comparison.a == set.name()) {
            parts.push(outcome(control, set, found));
        }
    }
    parts.extend(audited(evidence));
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn outcome(control: Control, set: &TrainingSet, found: &Comparison) -> String {
    let what = match control {
        Control::Shuffled => format!("images of {} with the masks of others", gan(set)),
        Control::Noise => "perturbed training pairs in place of a GAN's".to_owned(),
    };
    let alone = set.trained_on == TrainedOn::Synthetic;
    let how = if alone { "alone" } else { "added to the real ones" };
    let change = change(found);
    let judged = match (control, alone, found.decision) {
        (Control::Shuffled, _, Decision::Harms) => "worse, as it must be".to_owned(),
        (Control::Shuffled, true, _) => {
            "NOT shown to be worse, though they teach nothing: this judge cannot tell".to_owned()
        }
        (Control::Shuffled, false, Decision::Helps) => {
            "better, though they teach nothing: what helps here is not what images show".to_owned()
        }
        (Control::Noise, false, Decision::Helps) => {
            "better without any GAN: a gain of that size is no GAN's".to_owned()
        }
        _ => decided(found).to_owned(),
    };
    format!("Control, {what}, {how}: {change}, {judged}.")
}

fn gan(set: &TrainingSet) -> String {
    set.gan.as_ref().map_or_else(String::new, |gan| crate::paper::prose(gan, &[]))
}

/// Whether the audit caught the generator that only remembers.
fn audited(evidence: &Evidence) -> Option<String> {
    let noise = evidence.gans().into_iter().find(|gan| crate::evidence::is_noise(gan))?;
    let level = copying::level(evidence, noise)?;
    Some(if level.is_bad() {
        "The audit for copies caught the memory GAN, as it must.".to_owned()
    } else {
        "The audit for copies did NOT catch the memory GAN: it cannot be trusted here.".to_owned()
    })
}
