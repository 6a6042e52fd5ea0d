//! Whether synthetic images help beside real ones, and whether they could replace them.

use super::words::{change, decided, gan_name, list};
use crate::document::fixed;
use crate::evidence::{Evidence, TrainingSet};
use crate::inference::compare::{Comparison, Decision};
use crate::inference::primary::{FEWEST_PATIENTS, POWER, TRAINING_DEVIATION};
use crate::inference::questions::{Choice, Kind};
use crate::inference::verdict::Verdict;
use crate::paper::prose;
use vesalius_data::run::TrainedOn;
use vesalius_statistics::mrmc::{Spread, Study};

pub(super) fn help(evidence: &Evidence, verdict: &Verdict) -> String {
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
        Verdict::NotTried(gan) => format!(
            "Cannot say: the question is about images of {}, and no U-Net was trained on them beside real ones.",
            prose(gan, &[])
        ),
        Verdict::Untested => "Cannot say: differences are tested patient by patient, and these results hold no Dice per \
                              patient, or of fewer than two; judge again with this version."
            .to_owned(),
        Verdict::Unlike => "Cannot say: no U-Net was trained on the real images alone with the settings of one that was \
                            trained on real and synthetic images (the same --steps, --batch and network), so that their \
                            difference would not be the images'."
            .to_owned(),
        Verdict::Untrained(doubt) => format!(
            "Cannot say: the segmenter of the real images alone was not trained to its end ({doubt}), so that a difference \
             may only be one of speed (vesalius segment --steps auto)."
        ),
        Verdict::Answered(answer) => {
            let more = match answer.decision {
                Decision::Helps | Decision::Harms => others(evidence, answer) + &augmented(evidence, answer),
                _ => others(evidence, answer),
            };
            format!("{}{more}{}", answered(evidence, answer), other_judges(evidence))
        }
    }
}

/// The primary comparison in a sentence.
fn answered(evidence: &Evidence, answer: &Comparison) -> String {
    let margin = evidence.question.margin;
    let change = change(answer);
    let name = gan_name(answer);
    let patients = answer.patients;
    let against = match evidence.inference().primary {
        Kind::AddedAgainstAugmented => "against real ones with classical augmentation",
        _ => "against the real ones alone",
    };
    match answer.decision {
        Decision::Helps => format!(
            "Yes: adding images of {name} to the real ones changed Dice by {change}, {against}, on {patients} test patients."
        ),
        Decision::Harms => format!(
            "No, it harms: adding images of {name} to the real ones changed Dice by {change}, {against}, on {patients} test \
             patients."
        ),
        Decision::Equivalent => format!(
            "It makes no difference larger than {}: adding images of {name} to the real ones changed Dice by {change}, \
             {against}, on {patients} test patients.",
            fixed(margin, 3)
        ),
        Decision::Undecided => format!(
            "Undecided: adding images of {name} to the real ones changed Dice by {change}, {against}, on {patients} test \
             patients; neither an effect nor that it is less than {} was shown. {}",
            fixed(margin, 3),
            enough(evidence, answer)
        ),
        Decision::OneRunEach => format!(
            "Not known: each training set was tried once, so that nothing tells the images' effect from chance in training. \
             {} On these very networks, adding images of {name} to the real ones changed Dice by {change}, {against}.",
            seeds(evidence, answer)
        ),
        Decision::FewPatients => format!(
            "Not known: {patients} test patients are too few for any claim, {FEWEST_PATIENTS} are needed at least. Adding \
             images of {name} to the real ones changed Dice by {change}, {against}."
        ),
    }
}

/// What would decide an undecided comparison.
fn enough(evidence: &Evidence, answer: &Comparison) -> String {
    let wanted = answer.difference.abs().max(evidence.question.margin);
    let Some(found) = answer.enough(wanted, evidence.question.level) else {
        return String::new();
    };
    let ways = ways(answer, found);
    let percent = (100.0 * POWER).round();
    let of = format!("a true difference of {} in {percent} of 100 studies", fixed(wanted, 3));
    match ways.as_slice() {
        [] => format!("Neither more patients nor more runs alone would show {of}: it takes both."),
        ways => format!("About {} would show {of}.", ways.join(", or ")),
    }
}

/// More patients, or more runs, in words; never as few as there are already, whatever spreads alone would say.
pub(super) fn ways(answer: &Comparison, [patients, runs]: [Option<usize>; 2]) -> Vec<String> {
    let tried = answer.runs[0].min(answer.runs[1]);
    [
        patients.map(|n| format!("{} patients with as many runs", n.max(answer.patients + 1))),
        runs.map(|n| {
            format!("{} runs of each training set with as many patients", n.max(tried + 1))
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How many seeds to add where each training set was tried once.
fn seeds(evidence: &Evidence, answer: &Comparison) -> String {
    // Of one run each, patients' differences hold what is another one in each training.
    let [low, high] = answer.networks.interval.unwrap_or([0.0; 2]);
    let deviation = (high - low) / (2.0 * 1.96) * (answer.patients as f64).sqrt();
    let spread = Spread::from_deviations(deviation, TRAINING_DEVIATION);
    let wanted = answer.difference.abs().max(evidence.question.margin);
    let size = Study { patients: answer.patients, runs: 1, sets: answer.lenders };
    let said = "Repeat with other seeds (--seeds 1,2,3)";
    match spread.runs_for(wanted, size, evidence.question.level, POWER) {
        Some(runs) => format!(
            "{said}: about {runs} runs of each would show a difference of {}, if trainings lie {TRAINING_DEVIATION} apart.",
            fixed(wanted, 3)
        ),
        None => format!(
            "{said}; a difference of {} takes more patients than {}, too.",
            fixed(wanted, 3),
            answer.patients
        ),
    }
}

/// What was shown of other GANs' images beside real ones.
fn others(evidence: &Evidence, answer: &Comparison) -> String {
    let inference = evidence.inference();
    let said = |decision: Decision, did: &str| -> String {
        let found: Vec<&Comparison> = inference
            .question(inference.primary)
            .iter()
            .filter(|c| c.is_usual && c.a != answer.a && c.decision == decision)
            .collect();
        if found.is_empty() {
            return String::new();
        }
        let beside = if found.iter().all(|c| c.is_primary) { "" } else { " (not what was asked)" };
        let names: Vec<String> = found.into_iter().map(gan_name).collect();
        format!(" Those of {} {did} it{beside}.", list(&names))
    };
    said(Decision::Helps, "raised") + &said(Decision::Harms, "lowered")
}

/// What helped another segmenter than the one that the verdict goes by, and was not shown to help that one.
fn other_judges(evidence: &Evidence) -> String {
    let inference = evidence.inference();
    let all = inference.question(Kind::AddedToReal);
    let helps = |c: &&Comparison| c.decision == Decision::Helps;
    if !all.iter().any(|c| c.other_judge.is_none()) {
        return String::new();
    }
    let own: Vec<_> =
        all.iter().filter(|c| c.other_judge.is_none()).filter(helps).map(|c| &c.gan).collect();
    let words = all
        .iter()
        .filter(helps)
        .filter_map(|c| Some((c.other_judge.as_ref()?, c.gan.as_ref()?, c)))
        .filter(|(_, _, c)| !own.contains(&&c.gan))
        .map(|(judge, gan, c)| {
            format!(
                " The {judge} segmenter gained by images of {} ({}); the one of the tables was not shown to.",
                prose(gan, &[]),
                change(c)
            )
        });
    words.collect()
}

/// The same images against classical augmentation, where that was not the question.
fn augmented(evidence: &Evidence, answer: &Comparison) -> String {
    let inference = evidence.inference();
    if inference.primary == Kind::AddedAgainstAugmented {
        return String::new();
    }
    let found = inference.question(Kind::AddedAgainstAugmented).iter().find(|c| c.a == answer.a);
    match found {
        Some(found) => {
            format!(
                " Against classical augmentation, which costs nothing: {}, {}.",
                change(found),
                decided(found)
            )
        }
        None if evidence.usual.get("augmentation").is_some_and(|kind| kind != "none") => {
            String::new()
        }
        None => {
            " Whether rotations, shifts and flips, which cost nothing, do as much was not tried."
                .to_owned()
        }
    }
}

pub(super) fn replace(evidence: &Evidence) -> String {
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
    let question = evidence.inference().question(Kind::AloneAgainstReal);
    let Some(found) = question.iter().find(|c| c.a == best.name()) else {
        return format!("Not tested patient by patient: {values}.");
    };
    let numbers = format!("{values}: {}", change(found));
    match found.decision {
        Decision::Harms => format!("No: {numbers}."),
        Decision::Helps => format!("Yes, they were better: {numbers}."),
        Decision::Equivalent => {
            format!("Yes, within {}: {numbers}.", fixed(evidence.question.margin, 3))
        }
        Decision::Undecided => format!("Undecided: {numbers}."),
        Decision::OneRunEach => format!("Not known, as each was tried once: {numbers}."),
        Decision::FewPatients => format!("Not known, with so few patients: {numbers}."),
    }
}

/// How the primary comparison was chosen, in a sentence.
pub(super) fn chosen(choice: &Choice) -> String {
    match choice {
        Choice::Asked(gan) => format!("Asked was about images of {}.", prose(gan, &[])),
        Choice::Validated(gan) => format!(
            "The question was put to images of {}, whose segmenters were best on the validation patients: chosen without the \
             test patients.",
            prose(gan, &[])
        ),
        Choice::Nearest(gan, distance) => format!(
            "The question was put to images of {}, the nearest to the training images ({distance}): chosen without the test \
             patients.",
            prose(gan, &[])
        ),
        Choice::Only => String::new(),
        Choice::All => "Nothing but the test patients tells these GANs apart, so that all of them were asked about, with a \
                        correction for their number (distances would choose one, or [question] in the study file)."
            .to_owned(),
    }
}
