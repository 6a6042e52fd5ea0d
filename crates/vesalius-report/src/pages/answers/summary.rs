//! The first page, in plain language: would synthetic data help, which GAN, how many, at what risk, how sure.

mod controls;
pub(super) mod words;
mod worth;

use crate::document::fixed;
use crate::document::{Block, Section};
use crate::evidence::lineage::synthetic_count;
use crate::evidence::{Evidence, TrainingSet, is_noise, rows, shares, training_packs};
use crate::inference::compare::Decision;
use crate::inference::primary::SECONDARY;
use crate::inference::questions::Kind;
use crate::inference::verdict::{Verdict, verdict};
use crate::pages::answers::{dose, soundness};
use crate::pages::images::copying;
use crate::paper::prose;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;
use vesalius_data::run::copying::Level;
use vesalius_data::run::part::Part;
use vesalius_data::text::count;
use words::{gan_name, list, percent, thousands};
use worth::{chosen, help, replace, ways};

/// The summary of one dataset.
pub fn section(evidence: &Evidence) -> Section {
    let verdict = verdict(evidence);
    let gan = subject(evidence, &verdict);
    let mut answers = vec![
        ("Would synthetic data help here?".to_owned(), help(evidence, &verdict)),
        ("Could they replace real images?".to_owned(), replace(evidence)),
        ("Which GAN?".to_owned(), which(evidence, &verdict)),
        ("How many images?".to_owned(), how_many(evidence)),
        ("At what risk?".to_owned(), risk(evidence, gan.as_ref())),
        ("How sure is this?".to_owned(), how_sure(evidence, &verdict)),
        ("What could these runs have shown?".to_owned(), power(evidence, &verdict)),
    ];
    if let Some(text) = controls::said(evidence) {
        answers.push(("Do the controls hold?".to_owned(), text));
    }
    // Before everything else: what follows is not what it seems.
    if let Some(text) = soundness::doubts(evidence) {
        answers.insert(0, ("Are these numbers sound?".to_owned(), text));
    }
    Section {
        id: "summary",
        title: format!("In short: {}", evidence.dataset),
        blocks: [Block::Answers(answers)].into_iter().chain(dose::figure(evidence)).collect(),
        files: vec![],
    }
}

/// The GAN whose risk matters: the one that helped, or else the most useful one alone, or else with real images.
fn subject(evidence: &Evidence, verdict: &Verdict) -> Option<RowId> {
    if let Verdict::Answered(answer) = verdict {
        return answer.gan.clone();
    }
    let alone = evidence.by_usefulness().last().and_then(|set| set.gan.clone());
    alone.or_else(|| {
        let added = evidence.usual_sets(TrainedOn::RealAndSynthetic);
        let judged = added.filter_map(|set| Some((set.gan.clone()?, set.value()?)));
        judged.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(gan, _)| gan)
    })
}

fn which(evidence: &Evidence, verdict: &Verdict) -> String {
    let question = evidence.inference().question(Kind::BestAgainstOthers);
    let order = evidence.by_usefulness();
    let alone = order.last().and_then(|set| Some((set.subject()?, set.value()?)));
    let alone = alone.map(|(gan, dice)| {
        let shown = question.iter().filter(|c| c.decision == Decision::Helps).count();
        let others = order.len() - 1;
        let lead = match (others, shown) {
            (0, _) => "the only one judged alone".to_owned(),
            (1, 0) => "a lead that was not shown over the other one".to_owned(),
            (1, _) => "a lead that was shown over the other one".to_owned(),
            (_, 0) => format!("a lead that was not shown over any of the {others} others"),
            (all, shown) if all == shown => format!("a lead that was shown over all {all} others"),
            (all, shown) => format!("a lead that was shown over {shown} of {all} others"),
        };
        format!("Alone, images of {gan} were the most useful (Dice {dice:.3}), {lead}.")
    });
    let diverged: Vec<String> = evidence
        .gans()
        .into_iter()
        .filter(|gan| evidence.diverged(gan).is_some())
        .map(|gan| prose(gan, &[]))
        .collect();
    let first = match verdict {
        Verdict::Answered(answer) if answer.decision == Decision::Helps => {
            format!("{}, added to the real images.", gan_name(answer))
        }
        _ => "None can be recommended from these runs.".to_owned(),
    };
    let broken = (!diverged.is_empty()).then(|| format!("Diverged: {}.", list(&diverged)));
    [Some(first), alone, broken].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn how_many(evidence: &Evidence) -> String {
    let of_dose = dose::sentences(evidence.doses_of());
    if !of_dose.is_empty() {
        return of_dose.join(" ");
    }
    let counts: BTreeSet<u64> = evidence
        .stage("segment")
        .filter(|run| run.gan().is_some())
        .filter_map(|run| synthetic_count(&evidence.runs, run))
        .collect();
    let text: Vec<String> = counts.iter().map(|count| thousands(*count)).collect();
    match text.as_slice() {
        [] => "Not known: no run says how many synthetic images trained its U-Net.".to_owned(),
        [one] => format!(
            "{one} per GAN were used; other numbers were not tried, so that this is no advice on how many."
        ),
        _ => format!(
            "Tried were {}: rows of their own in Table 2. No test compares them with each other, so that none can be \
             preferred here.",
            list(&text)
        ),
    }
}

fn risk(evidence: &Evidence, gan: Option<&RowId>) -> String {
    let Some(gan) = gan else {
        return "Unknown: no synthetic images were judged.".to_owned();
    };
    let name = prose(gan, &[]);
    let worst = copying::worst(evidence, gan);
    let mut text = match worst {
        None => format!("Unknown: no copying audit was run on the images of {name}."),
        Some((level, _)) => copying::sentence(level, &name),
    };
    // One of an older version concludes nothing, and planted copies, too.
    let audit = worst.map(|(_, run)| run).or_else(|| {
        let mut audits = evidence.stage("copying");
        audits.find(|run| run.gan() == Some(gan))
    });
    let all = Part::Named("all".to_owned());
    if let Some(recall) = audit.and_then(|run| run.score("planted_recall", Some(&all))) {
        let _ = write!(text, " Of copies planted to test it, it found {}.", percent(recall.value));
    }
    let others: Vec<String> = evidence
        .gans()
        .into_iter()
        .filter(|other| *other != gan && !other.is_filtered() && !is_noise(other))
        .filter(|other| copying::level(evidence, other).is_some_and(Level::is_bad))
        .map(|gan| prose(gan, &[]))
        .collect();
    if !others.is_empty() {
        let _ = write!(text, " Copying was found in images of {}.", list(&others));
    }
    let implausible =
        evidence.stage("plausibility").filter(|run| run.gan() == Some(gan)).find_map(|run| {
            Some((
                run.score("implausible_share", None)?,
                run.score("implausible_share", Some(&Part::HeldOutReal)),
            ))
        });
    if let Some((share, real)) = implausible {
        let real = real.map_or_else(String::new, |real| {
            format!(" ({} of held-out real ones)", percent(real.value))
        });
        let _ = write!(text, " Implausible anatomy: {} of its images{real}.", percent(share.value));
    }
    text
}

fn how_sure(evidence: &Evidence, verdict: &Verdict) -> String {
    let judged = evidence.sets.iter().filter(|set| set.dice.is_some());
    let runs: BTreeSet<usize> = judged.map(|set| set.trainings).collect();
    let repeats = match (runs.first(), runs.last()) {
        (Some(1), Some(1)) => "Each training set was tried once: nothing is known of chance in the training of U-Net and \
                               GAN; repeat with other seeds (--seeds 1,2,3)."
            .to_owned(),
        (Some(least), Some(most)) => {
            let times = if least == most {
                format!("{least} times")
            } else {
                format!("{least} to {most} times")
            };
            format!(
                "Training sets were tried {times}; intervals of differences cover chance in patients and in trainings{}.",
                generators(evidence)
            )
        }
        _ => "Nothing was judged on real patients.".to_owned(),
    };
    let Verdict::Answered(answer) = verdict else {
        return format!("No difference could be tested. {repeats} {}", elsewhere(evidence));
    };
    let level = evidence.question.level;
    let inference = evidence.inference();
    let others = inference.secondary().count();
    let secondary = (others > 0).then(|| {
        format!(
            "False answers: at most {level} to the question, {SECONDARY} to the other {} together.",
            count::of(others, "comparison")
        )
    });
    let chosen = Some(chosen(&inference.choice)).filter(|text| !text.is_empty());
    let share = evidence.sets.iter().find(|set| set.name() == answer.a).and_then(|set| {
        let shares = shares::chosen_of(evidence, set)?;
        let own = set.basis.share.as_deref().unwrap_or("equal");
        Some(format!(
            "The share of synthetic images in a batch, {own}, was chosen of {} by validation patients.",
            list(&shares)
        ))
    });
    let chosen = chosen.into_iter().chain(share).reduce(|a, b| format!("{a} {b}"));
    [Some(repeats), chosen, secondary, Some(elsewhere(evidence).to_owned())]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The smallest difference that these patients and runs can show, and what it would take for the margin.
fn power(evidence: &Evidence, verdict: &Verdict) -> String {
    let unknown =
        "Not known: that takes differences of patients, and several runs of one training set.";
    let Verdict::Answered(answer) = verdict else { return unknown.to_owned() };
    let (margin, level) = (evidence.question.margin, evidence.question.level);
    let Some(least) = answer.detectable(level) else { return unknown.to_owned() };
    let shown = format!(
        "{} test patients and these runs show a true difference of {} in 80 of 100 such studies.",
        answer.patients,
        fixed(least, 3)
    );
    if least <= margin {
        return format!("{shown} That is within the margin of {}.", fixed(margin, 3));
    }
    let ways = answer.enough(margin, level).map_or_else(Vec::new, |enough| ways(answer, enough));
    if ways.is_empty() {
        format!(
            "{shown} For the margin, {}, it would take both more patients and more runs.",
            fixed(margin, 3)
        )
    } else {
        format!(
            "{shown} For the margin, {}, it would take about {}.",
            fixed(margin, 3),
            ways.join(", or ")
        )
    }
}

fn elsewhere(evidence: &Evidence) -> &'static str {
    if evidence.stage("segment").any(|run| rows::fold(run).is_some()) {
        "One dataset was looked at, in folds that share training patients; other patients may differ."
    } else {
        "One split of one dataset was looked at; other patients may differ."
    }
}

/// Whether chance in the training of GANs is among what the intervals cover.
fn generators(evidence: &Evidence) -> &'static str {
    let mut with_gan = evidence.sets.iter().filter(|set| set.gan.is_some() && set.judged.len() > 1);
    let repeated = |set: &TrainingSet| {
        let packs: BTreeSet<_> = set.judged.iter().map(|run| training_packs(run)).collect();
        packs.len() > 1
    };
    if with_gan.any(repeated) {
        " (of GANs, too, where they were trained or sampled again)"
    } else {
        " of the U-Net: each GAN was trained and sampled once, so that an answer is about these images of it"
    }
}

#[cfg(test)]
mod tests;
