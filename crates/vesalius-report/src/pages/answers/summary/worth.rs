//! Whether synthetic images help beside real ones, and whether they could replace them.

use super::words::{change, gan_name, list};
use crate::evidence::{Evidence, TrainingSet};
use crate::inference::compare::{ALPHA, Comparison, Kind, Question, ask};
use crate::inference::verdict::Verdict;
use crate::paper::prose;
use vesalius_data::run::TrainedOn;

pub(super) fn help(evidence: &Evidence, verdict: &Verdict, question: &Question) -> String {
    let tests = question.comparisons.len();
    match verdict {
        Verdict::Diverged(gans) => format!(
            "Cannot say: the training of {} broke down, so that there are no images to judge.",
            list(&gans.iter().map(|gan| prose(gan, &[])).collect::<Vec<_>>())
        ),
        Verdict::NoBaseline => "Cannot say: no U-Net was trained on the real images alone, so that there is nothing to \
                                compare with (vesalius segment --train REAL --test REAL)."
            .to_owned(),
        Verdict::NothingAdded => "Cannot say: no U-Net was trained on real and synthetic images together (vesalius \
                                  segment --train REAL --train SYNTHETIC --test REAL)."
            .to_owned(),
        Verdict::Untested => "Cannot say: differences are tested patient by patient, and these results hold no Dice per \
                              patient, or of fewer than two; judge again with this version."
            .to_owned(),
        Verdict::Unlike => "Cannot say: no U-Net was trained on the real images alone with the settings of one that was \
                            trained on real and synthetic images (the same --steps, --batch and network), so that their \
                            difference would not be the images'."
            .to_owned(),
        Verdict::Helps(best) => {
            format!(
                "Yes, on these {} test patients: adding images of {} to the real ones changed Dice by {}.{}{}{}",
                best.patients,
                gan_name(best),
                change(best, tests),
                losers(question),
                against_augmented(evidence, best),
                other_judges(question)
            )
        }
        Verdict::Hurts(worst) => format!(
            "No: no GAN's images were shown to raise Dice, and adding those of {} changed it by {}.{}",
            gan_name(worst),
            change(worst, tests),
            other_judges(question)
        ),
        Verdict::NotShown(best) => {
            let largest = if best.difference > 0.0 {
                format!("The largest gain was with {}: {}.", gan_name(best), change(best, tests))
            } else {
                format!(
                    "None even raised the mean; nearest came {}: {}.",
                    gan_name(best),
                    change(best, tests)
                )
            };
            let limit = match question.least() {
                Some((least, patients)) if least >= ALPHA => format!(
                    " With {patients} patients and {tests} comparisons no difference, however large, could have been \
                     shown."
                ),
                _ => " That does not prove that there is no difference.".to_owned(),
            };
            format!(
                "Not shown: no GAN's images made a difference that {} patients could show. {largest}{limit}{}",
                best.patients,
                other_judges(question)
            )
        }
    }
}

/// Other GANs whose images were shown to lower Dice.
fn losers(question: &Question) -> String {
    let names: Vec<String> =
        question.decisive().filter(|c| c.is_shown() && c.difference < 0.0).map(gan_name).collect();
    if names.is_empty() { String::new() } else { format!(" Those of {} lowered it.", list(&names)) }
}

/// What helped another segmenter than the one that the verdict goes by, and was not shown to help that one.
fn other_judges(question: &Question) -> String {
    let raised = |c: &&Comparison| c.is_shown() && c.difference > 0.0;
    let decisive: Vec<&Comparison> = question.decisive().collect();
    if decisive.len() == question.comparisons.len() {
        return String::new();
    }
    let words: Vec<String> = question
        .comparisons
        .iter()
        .filter(raised)
        .filter_map(|c| Some((c.other_judge.as_ref()?, c.gan.as_ref()?, c)))
        .filter(|(_, gan, _)| {
            !decisive.iter().filter(|c| raised(c)).any(|c| c.gan.as_ref() == Some(*gan))
        })
        .map(|(judge, gan, c)| {
            format!(
                " The {judge} segmenter gained by images of {} ({}); the one of the tables was not shown to.",
                prose(gan, &[]),
                change(c, question.comparisons.len())
            )
        })
        .collect();
    words.concat()
}

fn against_augmented(evidence: &Evidence, best: &Comparison) -> String {
    let question = ask(evidence, Kind::AddedAgainstAugmented);
    let Some(found) = question.comparisons.iter().find(|c| c.a == best.a) else {
        return " Whether rotations, shifts and flips, which cost nothing, do as much was not tried.".to_owned();
    };
    let change = change(found, question.comparisons.len());
    match (found.is_shown(), found.difference > 0.0) {
        (true, true) => format!(" That is more than classical augmentation gave: {change}."),
        (true, false) => {
            format!(
                " Classical augmentation, which costs nothing, did better: against it {change}."
            )
        }
        (false, _) => format!(
            " That it does more than classical augmentation, which costs nothing, was not shown: {change}."
        ),
    }
}

pub(super) fn replace(evidence: &Evidence) -> String {
    let question = ask(evidence, Kind::AloneAgainstReal);
    let order = evidence.by_usefulness();
    let Some((best, dice)) = order.last().and_then(|set| Some((*set, set.value()?))) else {
        return "Not tried: no U-Net was trained on synthetic images alone.".to_owned();
    };
    let name = best.subject().unwrap_or_default();
    let Some(real) = evidence.reference(best, TrainedOn::Real).and_then(TrainingSet::value) else {
        return format!(
            "Cannot say: images of {name} alone gave a Dice of {dice:.3}, and none was measured for real images."
        );
    };
    let values =
        format!("images of {name} alone, the best, gave a Dice of {dice:.3}, real ones {real:.3}");
    let tests = question.comparisons.len();
    match question.comparisons.iter().find(|c| c.a == best.name()) {
        None => format!("Not tested patient by patient: {values}."),
        Some(c) if c.is_shown() && c.difference < 0.0 => {
            format!("No: {values}: {}.", change(c, tests))
        }
        Some(c) if c.is_shown() => {
            format!("Yes, on these patients: {values}: {}.", change(c, tests))
        }
        Some(c) => format!(
            "Not shown either way: {values}: {}. A difference that is not shown is not a proof of equality.",
            change(c, tests)
        ),
    }
}
