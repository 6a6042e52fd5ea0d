//! The first page, in plain language: would synthetic data help, which GAN, how many, at what risk, how sure.

use crate::document::{Block, Section, fixed, p_value};
use crate::evidence::lineage::synthetic_count;
use crate::evidence::{Evidence, TrainingSet};
use crate::inference::compare::{ALPHA, Comparison, Kind, Question, ask};
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

/// `+0.046 Dice (95 % interval 0.031 to 0.060; p = 0.016)`.
fn change(comparison: &Comparison, tests: usize) -> String {
    let sign = if comparison.difference > 0.0 { "+" } else { "" };
    let interval = comparison.interval.map_or_else(String::new, |[low, high]| {
        format!("95 % interval {} to {}; ", fixed(low, 3), fixed(high, 3))
    });
    let p = p_value(comparison.corrected);
    let p = if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") };
    let corrected =
        if tests > 1 { format!(", corrected for {tests} comparisons") } else { String::new() };
    format!("{sign}{} Dice ({interval}{p}{corrected})", fixed(comparison.difference, 3))
}

fn help(evidence: &Evidence, verdict: &Verdict, question: &Question) -> String {
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
                "Yes, on these {} test patients: adding images of {} to the real ones changed Dice by {}.{}{}",
                best.patients,
                gan_name(best),
                change(best, tests),
                losers(question),
                against_augmented(evidence, best)
            )
        }
        Verdict::Hurts(worst) => format!(
            "No: no GAN's images were shown to raise Dice, and adding those of {} changed it by {}.",
            gan_name(worst),
            change(worst, tests)
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
                "Not shown: no GAN's images made a difference that {} patients could show. {largest}{limit}",
                best.patients
            )
        }
    }
}

fn gan_name(comparison: &Comparison) -> String {
    comparison.subject.clone().unwrap_or_else(|| "?".to_owned())
}

/// Other GANs whose images were shown to lower Dice.
fn losers(question: &Question) -> String {
    let names: Vec<String> = question
        .comparisons
        .iter()
        .filter(|c| c.is_shown() && c.difference < 0.0)
        .map(gan_name)
        .collect();
    if names.is_empty() { String::new() } else { format!(" Those of {} lowered it.", list(&names)) }
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

fn replace(evidence: &Evidence) -> String {
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

fn which(evidence: &Evidence, verdict: &Verdict) -> String {
    let question = ask(evidence, Kind::BestAgainstOthers);
    let order = evidence.by_usefulness();
    let alone = order.last().and_then(|set| Some((set.subject()?, set.value()?)));
    let alone = alone.map(|(gan, dice)| {
        let shown =
            question.comparisons.iter().filter(|c| c.is_shown() && c.difference > 0.0).count();
        let others = order.len() - 1;
        let lead = match (others, shown) {
            (0, _) => "it was the only one judged alone".to_owned(),
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

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// 10000 → 10,000.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `a, b and c`.
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::evidence;
    use crate::evidence::fixture::Fixture;
    use vesalius_data::run::TrainedOn::{Real, RealAndSynthetic, RealAugmented, Synthetic};

    fn answers(build: impl Fn(&mut Fixture)) -> Vec<String> {
        let mut fixture = Fixture::new();
        build(&mut fixture);
        let runs = fixture.runs();
        let section = section(&evidence(&runs).unwrap()[0]);
        let Block::Answers(answers) = &section.blocks[0] else { panic!("answers") };
        answers.iter().map(|(_, answer)| answer.clone()).collect()
    }

    fn holds(text: &str, parts: &[&str]) {
        for part in parts {
            assert!(text.contains(part), "`{text}` lacks `{part}`");
        }
    }

    #[test]
    fn what_was_allowed_to_overlap_is_said_before_everything_else() {
        let found = answers(|runs| {
            runs.unet(None, Real, 1, &[0.7; 8]);
            let mut leaked = crate::evidence::fixture::result("copying", Some("lsgan"), vec![]);
            leaked.overlap =
                Some(vec!["2 patients of b test there and train a: p1, p2".to_owned()]);
            runs.add(&leaked);
            let mut old = crate::evidence::fixture::result("metrics", Some("wgan"), vec![]);
            old.overlap = None;
            runs.add(&old);
        });
        holds(&found[0], &["Not as they stand: in 1 of 3 runs", "train a: p1, p2"]);
        holds(&found[0], &["Not asked: 1 of 3 runs"]);
    }

    #[test]
    fn help_is_claimed_with_its_numbers_and_limits() {
        let found = answers(|runs| {
            runs.unet(None, Real, 1, &[0.7; 8]);
            runs.unet(None, RealAugmented, 1, &[0.76; 8]);
            runs.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.75; 8]);
            runs.unet(Some("lsgan"), Synthetic, 1, &[0.6; 8]);
        });
        holds(&found[0], &["Yes", "8 test patients", "LSGAN", "+0.050", "p = 0.008"]);
        holds(&found[0], &["Classical augmentation, which costs nothing, did better"]);
        holds(&found[1], &["No:", "0.600", "0.700"]);
        holds(&found[2], &["LSGAN, added"]);
        holds(&found[3], &["100 per GAN", "not tried"]);
        holds(&found[4], &["Unknown: no copying audit"]);
        holds(&found[5], &["tried once", "2 of 256"]);
    }

    #[test]
    fn nothing_is_recommended_where_nothing_was_shown() {
        let found = answers(|runs| {
            runs.unet(None, Real, 1, &[0.7, 0.6, 0.8]);
            runs.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.75, 0.65, 0.85]);
            runs.judged("copying", "lsgan", &[("planted_recall", Some("all"), 0.83)]);
        });
        holds(&found[0], &["Not shown", "3 patients", "no difference, however large"]);
        holds(&found[2], &["None can be recommended"]);
        holds(&found[4], &["Unknown", "planted", "83.0 %"]);
        assert!(!found[0].contains("Yes"));
    }

    #[test]
    fn without_runs_to_compare_the_summary_says_which_are_missing() {
        let found = answers(|runs| runs.unet(Some("lsgan"), Synthetic, 1, &[0.7; 4]));
        holds(&found[0], &["Cannot say", "real images alone"]);
        holds(&found[1], &["Cannot say", "0.700"]);
        let found = answers(|runs| runs.training("wgan", serde_json::Value::Null, None));
        holds(&found[0], &["Cannot say", "WGAN", "broke down"]);
        holds(&found[2], &["None", "Diverged: WGAN"]);
    }
}
