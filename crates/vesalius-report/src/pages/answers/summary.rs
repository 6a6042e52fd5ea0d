//! The first page, in plain language: would synthetic data help, which GAN, how many, at what risk, how sure.

mod words;
mod worth;

use crate::document::{Block, Section};
use crate::evidence::Evidence;
use crate::evidence::lineage::synthetic_count;
use crate::inference::compare::{Kind, Question, ask};
use crate::inference::verdict::{Verdict, verdict};
use crate::pages::answers::soundness;
use crate::pages::images::copying;
use crate::paper::prose;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;
use vesalius_data::run::copying::Level;
use vesalius_data::run::part::Part;
use words::{gan_name, list, percent, thousands};
use worth::{help, replace};

/// The summary of one dataset.
pub fn section(evidence: &Evidence) -> Section {
    let (verdict, question) = verdict(evidence);
    let gan = subject(evidence, &verdict);
    let mut answers = vec![
        ("Would synthetic data help here?".to_owned(), help(evidence, &verdict, &question)),
        ("Could they replace real images?".to_owned(), replace(evidence)),
        ("Which GAN?".to_owned(), which(evidence, &verdict)),
        ("How many images?".to_owned(), how_many(evidence)),
        ("At what risk?".to_owned(), risk(evidence, gan.as_ref())),
        ("How sure is this?".to_owned(), how_sure(evidence, &question)),
    ];
    // Before everything else: what follows is not what it seems.
    if let Some(text) = soundness::doubts(evidence) {
        answers.insert(0, ("Are these numbers sound?".to_owned(), text));
    }
    Section {
        id: "summary",
        title: format!("In short: {}", evidence.dataset),
        blocks: vec![Block::Answers(answers)],
        files: vec![],
    }
}

/// The GAN whose risk matters: the one that helped, or else the most useful one alone, or else with real images.
fn subject(evidence: &Evidence, verdict: &Verdict) -> Option<RowId> {
    if let Verdict::Helps(best) = verdict {
        return best.gan.clone();
    }
    let alone = evidence.by_usefulness().last().and_then(|set| set.gan.clone());
    alone.or_else(|| {
        let added = evidence.usual_sets(TrainedOn::RealAndSynthetic);
        let judged = added.filter_map(|set| Some((set.gan.clone()?, set.value()?)));
        judged.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(gan, _)| gan)
    })
}

fn which(evidence: &Evidence, verdict: &Verdict) -> String {
    let question = ask(evidence, Kind::BestAgainstOthers);
    let order = evidence.by_usefulness();
    let alone = order.last().and_then(|set| Some((set.subject()?, set.value()?)));
    let alone = alone.map(|(gan, dice)| {
        let shown =
            question.comparisons.iter().filter(|c| c.is_shown() && c.difference > 0.0).count();
        let others = order.len() - 1;
        let lead = match (others, shown) {
            (0, _) => "the only one judged alone".to_owned(),
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
        Verdict::Helps(best) => format!("{}, added to the real images.", gan_name(best)),
        _ => "None can be recommended from these runs.".to_owned(),
    };
    let broken = (!diverged.is_empty()).then(|| format!("Diverged: {}.", list(&diverged)));
    [Some(first), alone, broken].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn how_many(evidence: &Evidence) -> String {
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
    let mut text = match copying::level(evidence, gan) {
        None => format!("Unknown: no copying audit was run on the images of {name}."),
        Some(level) => copying::sentence(level, &name),
    };
    let audit = evidence.stage("copying").find(|run| run.gan() == Some(gan));
    if let Some(recall) =
        audit.and_then(|run| run.score("planted_recall", Some(&Part::Named("all".to_owned()))))
    {
        let _ = write!(text, " Of copies planted to test it, it found {}.", percent(recall.value));
    }
    let others: Vec<String> = evidence
        .gans()
        .into_iter()
        .filter(|other| *other != gan && !other.is_filtered())
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

fn how_sure(evidence: &Evidence, question: &Question) -> String {
    let judged = evidence.sets.iter().filter(|set| set.dice.is_some());
    let runs: BTreeSet<usize> = judged.map(|set| set.judged.len()).collect();
    let repeats = match (runs.first(), runs.last()) {
        (Some(1), Some(1)) => {
            "Each training set was tried once: chance in the training of U-Net and GAN is not covered; repeat with \
             other seeds (--seed)."
                .to_owned()
        }
        (Some(least), Some(most)) if least == most => {
            format!("Each training set was tried {least} times; intervals of Dice cover patients and runs, those of \
                 differences patients.")
        }
        (Some(least), Some(most)) => format!(
            "Training sets were tried {least} to {most} times; where once, chance in training is not covered."
        ),
        _ => "Nothing was judged on real patients.".to_owned(),
    };
    let power = question.power().unwrap_or_else(|| "No difference could be tested.".to_owned());
    format!("{power} {repeats} One split of one dataset was looked at; other patients may differ.")
}

#[cfg(test)]
mod tests;
