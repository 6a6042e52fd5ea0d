//! What is known of results of older versions: those of formats 1 and 2 say what went in by command lines, by where
//! packs
//! lay and by their protocols. Here, and nowhere else, these are read; what comes of it is what results of today say
//! themselves.

mod words;

use crate::pack::masks::MaskSource;
use crate::run::facts::{PackFacts, RealFacts, SyntheticFacts, TrainingFacts};
use crate::run::part::DiceUnit;
use crate::run::{Input, RunResult, TrainedOn};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use words::{Sampled, cleaned, option, sampled, study_sample};

/// A result and the folder that it was read from.
pub type Read<'r> = (&'r Path, &'r mut RunResult);

/// Says of older results among `runs` what those of today say: which packs are synthetic, how many images they have,
/// which
/// training was sampled, with which settings a U-Net was trained. Nothing that a result says itself is changed, but for
/// the
/// checkpoint of a pack whose training is of an older version.
pub fn settle(runs: &mut [Read]) {
    for (_, result) in &mut *runs {
        settings(result);
        renamed(result);
        seedless(result);
        worded(result);
    }
    let older = trainings(runs);
    let own = own_facts(runs);
    let mut claims: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, result) in &mut *runs {
        let guessed: Vec<Option<PackFacts>> = result
            .inputs
            .iter()
            .map(|input| match own.get(&input.sha256) {
                Some(facts) => Some(facts.clone()),
                None => of_input(result, input),
            })
            .collect();
        for (input, facts) in result.inputs.iter_mut().zip(guessed) {
            input.pack = input.pack.take().or(facts);
            let named = older_training(input, &older);
            if let (Some(PackFacts::Synthetic(facts)), Some(named)) = (&mut input.pack, named) {
                if !own.contains_key(&input.sha256) {
                    let claim = format!("{named} {:?}", (facts.count, facts.seed, &facts.masks));
                    let claim = format!("{claim} {:?}", facts.truncation);
                    claims.entry(claim).or_default().insert(input.sha256.clone());
                }
                facts.checkpoint = Some(named);
            }
        }
    }
    // Other images that claim to be the same sample of the same training: one of the two is of another, which is not
    // among
    // these.
    let doubtful: BTreeSet<String> =
        claims.into_values().filter(|packs| packs.len() > 1).flatten().collect();
    let inputs = runs.iter_mut().flat_map(|(_, result)| &mut result.inputs);
    for input in inputs.filter(|input| doubtful.contains(&input.sha256)) {
        if let Some(PackFacts::Synthetic(facts)) = &mut input.pack {
            facts.checkpoint = None;
        }
    }
}

/// Gives trainings that do not say which checkpoints they left names by which their samples call them: the folder of a
/// study's task, and `--out`. All such names.
fn trainings(runs: &mut [Read]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (path, result) in runs.iter_mut().filter(|(_, result)| result.stage == "train") {
        if result.training.is_some() {
            continue;
        }
        // A training has one line per attempt.
        let out = result.command.lines().next().and_then(|command| option(command, "--out"));
        let folder = path.file_name().map(|name| of_task(&name.to_string_lossy()));
        let checkpoints: Vec<String> =
            folder.into_iter().chain(out.map(|out| of_folder(&out))).collect();
        all.extend(checkpoints.iter().cloned());
        result.training = Some(TrainingFacts { run: String::new(), checkpoints });
    }
    all
}

fn of_task(folder: &str) -> String {
    format!("task {folder}")
}

fn of_folder(run: &str) -> String {
    format!("run {}", cleaned(run))
}

/// What results of today say of packs, by digest.
fn own_facts(runs: &[Read]) -> BTreeMap<String, PackFacts> {
    let inputs = runs.iter().flat_map(|(_, result)| &result.inputs);
    inputs.filter_map(|input| Some((input.sha256.clone(), input.pack.clone()?))).collect()
}

/// The name of the training of an older version that a pack was sampled from; one of a study is named even where its
/// training is not among the runs, as it is known to be no other.
fn older_training(input: &Input, older: &BTreeSet<String>) -> Option<String> {
    let facts = input.synthetic()?;
    if let Some(study) = study_sample(&input.path) {
        let name = of_task(&study.training);
        return (older.contains(&name) || facts.checkpoint.is_none()).then_some(name);
    }
    let name = of_folder(&sampled(&input.command)?.run?);
    older.contains(&name).then_some(name)
}

/// What an older result tells of a pack.
fn of_input(result: &RunResult, input: &Input) -> Option<PackFacts> {
    let dataset = &result.subject.dataset;
    if is_real(result, input)? {
        return Some(PackFacts::Real(RealFacts::unknown(dataset)));
    }
    let unknown = SyntheticFacts::unknown(dataset);
    let study = study_sample(&input.path).map(|study| study.sampled);
    let facts = match study.or_else(|| sampled(&input.command)) {
        None => unknown,
        Some(Sampled { count, seed, truncation, masks, .. }) => SyntheticFacts {
            count,
            seed: Some(seed),
            truncation: Some(truncation),
            masks: Some(masks.map_or(MaskSource::Generated, MaskSource::Other)),
            ..unknown
        },
    };
    Some(PackFacts::Synthetic(Box::new(facts)))
}

/// Whether an input of an older result is a pack of real images; none of what is no pack, or not known.
fn is_real(result: &RunResult, input: &Input) -> Option<bool> {
    let prepared = input.command.starts_with("vesalius prepare");
    match input.role.as_str() {
        "synthetic" => Some(false),
        "pack" | "real" | "test" | "held_out" => Some(true),
        "train" => Some(match result.subject.trained_on? {
            TrainedOn::Real | TrainedOn::RealAugmented => true,
            TrainedOn::Synthetic => false,
            TrainedOn::RealAndSynthetic => {
                let test = result.inputs.iter().find(|other| other.role == "test");
                prepared || test.is_some_and(|test| test.sha256 == input.sha256)
            }
        }),
        _ if prepared => Some(true),
        _ => (sampled(&input.command).is_some() || study_sample(&input.path).is_some())
            .then_some(false),
    }
}

/// Settings of a U-Net that its result holds in the protocol only: `U-Net, 2000 steps of 16 slices, seed 1; …`.
fn settings(result: &mut RunResult) {
    if result.stage != "segment" || result.inputs.iter().any(|input| input.pack.is_some()) {
        return;
    }
    let dice = result.scores.iter().find(|score| {
        score.metric == "dice" && score.of == Some(super::part::Part::PER_VOLUME_MEAN)
    });
    let Some(protocol) = dice.map(|score| score.protocol.clone()) else { return };
    if result.settings.is_null() {
        result.settings = Value::Object(Map::new());
    }
    let Value::Object(settings) = &mut result.settings else { return };
    let words: Vec<&str> = protocol.split([' ', ',', ';']).collect();
    for (name, unit) in [("steps", "steps"), ("batch", "slices")] {
        let before = words.iter().position(|word| *word == unit).and_then(|at| at.checked_sub(1));
        if let Some(number) = before.and_then(|at| words[at].parse::<u64>().ok()) {
            settings.entry(name).or_insert_with(|| number.into());
        }
    }
    let seed = protocol
        .split_once(", seed ")
        .map(|(_, after)| after.chars().take_while(char::is_ascii_digit).collect::<String>());
    if let Some(seed) = seed.and_then(|seed| seed.parse::<u64>().ok()) {
        settings.entry("seed").or_insert_with(|| seed.into());
    }
}

/// Settings of a U-Net under the names that they had before there were presets: all of them were what `small` is, but for
/// what they say themselves.
fn renamed(result: &mut RunResult) {
    let Value::Object(settings) = &mut result.settings else { return };
    if result.stage != "segment" || settings.contains_key("preset") {
        return;
    }
    let Some(Value::Object(mut network)) = settings.remove("unet") else { return };
    network.insert("kind".to_owned(), "unet".into());
    let classical = settings.remove("augment").unwrap_or_else(|| false.into());
    let small = serde_json::json!({
        "preset": "small", "network": network, "rule": "adam", "classical": classical, "augmentation": "none",
        "draw": "epochs", "standardise": false, "mirror": false,
    });
    if let Value::Object(small) = small {
        settings.extend(small);
    }
}

/// Version 0.1 wrote words of its files into protocols.
fn worded(result: &mut RunResult) {
    const WORDS: [(&str, DiceUnit); 3] = [
        ("per_volume Dice", DiceUnit::Volume),
        ("per_slice Dice", DiceUnit::Slice),
        ("pooled Dice", DiceUnit::Pooled),
    ];
    for score in &mut result.scores {
        for text in [Some(&mut score.protocol), score.seedless.as_mut()].into_iter().flatten() {
            for (word, unit) in WORDS {
                if text.contains(word) {
                    *text = text.replace(word, unit.dice());
                }
            }
        }
    }
}

/// What protocols say without their run's seed: `U-Net, 2000 steps of 16 slices, seed 1; …`.
fn seedless(result: &mut RunResult) {
    let Some(seed) = result.settings.get("seed").and_then(Value::as_u64) else { return };
    let said = format!(", seed {seed}");
    for score in result.scores.iter_mut().filter(|score| score.seedless.is_none()) {
        let whole = |(before, after): (&str, &str)| {
            // Seed 1 is not the beginning of seed 12.
            (!after.starts_with(|c: char| c.is_ascii_digit())).then(|| format!("{before}{after}"))
        };
        score.seedless = score.protocol.split_once(&said).and_then(whole);
    }
}

#[cfg(test)]
mod tests;
