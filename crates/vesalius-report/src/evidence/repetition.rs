//! Which U-Nets are repetitions of each other: those that were trained on the same packs under the same settings, and
//! differ in their seed. Everything else is another training set and a row of its own.

use super::lineage::{option, sampling_task, trainings_named, words};
use super::runs::Run;
use super::trials::flatten;
use crate::evidence::Evidence;
use serde_json::Value;
use std::collections::BTreeMap;
use vesalius_data::run::{Input, Outcome, TrainedOn};

/// What a set of images is, where two of them are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Images {
    /// Nothing but itself: the digest of its pack.
    Pack(String),
    /// A sample of a training, which the results at hand describe: all that decides it but the seeds of the training and of
    /// the sampling. Samples of trainings that differ in their seed only are repetitions.
    Made(String),
}

/// What a U-Net was trained on, and how: equal where only seeds differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Basis {
    /// Kind.
    pub trained_on: TrainedOn,
    /// The GAN, where one is involved.
    pub gan: Option<String>,
    /// Digests of real packs that are not the one whose test patients judge.
    pub foreign: Vec<String>,
    /// Whether the training side of the test pack is among what it was trained on; results that name no real pack are of
    /// the first version, which knew no other.
    pub original: bool,
    /// Synthetic packs.
    pub synthetic: Vec<Images>,
    /// Every setting but the seed, by path.
    pub settings: BTreeMap<String, String>,
}

impl Basis {
    /// Of a U-Net; none for other runs.
    pub fn of(evidence: &Evidence, run: &Run) -> Option<Self> {
        let trained_on = run.result.subject.trained_on.filter(|_| run.result.stage == "segment")?;
        let test = run.result.inputs.iter().find(|input| input.role == "test");
        let is_test = |input: &Input| test.is_some_and(|test| test.sha256 == input.sha256);
        let (synthetic, real): (Vec<&Input>, Vec<&Input>) =
            run.result.inputs.iter().filter(|input| input.role == "train").partition(|input| {
                match trained_on {
                    TrainedOn::Real | TrainedOn::RealAugmented => false,
                    TrainedOn::Synthetic => true,
                    TrainedOn::RealAndSynthetic => !is_test(input) && !is_prepared(input),
                }
            });
        let mut foreign: Vec<String> =
            real.iter().filter(|input| !is_test(input)).map(|input| input.sha256.clone()).collect();
        foreign.sort();
        Some(Self {
            trained_on,
            gan: run.result.subject.gan.clone(),
            original: foreign.len() < real.len() || real.is_empty(),
            foreign,
            synthetic: images(evidence, synthetic.into_iter()),
            settings: settings(run, trained_on),
        })
    }
}

/// Whether a pack was read from a dataset's files.
fn is_prepared(input: &Input) -> bool {
    input.command.starts_with("vesalius prepare")
}

/// Synthetic packs of a run that was trained on them or judged them, as [`Basis::synthetic`] has them.
pub fn synthetic_images(evidence: &Evidence, run: &Run) -> Vec<Images> {
    match Basis::of(evidence, run) {
        Some(basis) => basis.synthetic,
        None => images(evidence, run.result.inputs.iter().filter(|i| i.role == "synthetic")),
    }
}

fn images<'i>(evidence: &Evidence, inputs: impl Iterator<Item = &'i Input>) -> Vec<Images> {
    let mut found: Vec<Images> = inputs
        .map(|input| {
            made(evidence, input).map_or_else(|| Images::Pack(input.sha256.clone()), Images::Made)
        })
        .collect();
    found.sort();
    found
}

/// All that decides a sampled pack but seeds; none where the results at hand do not say it.
fn made(evidence: &Evidence, input: &Input) -> Option<String> {
    if let Some((task, folder)) = sampling_task(&input.path) {
        let is = |run: &&Run| run.path.file_name() == Some(folder.as_ref());
        let trained = recipe(evidence.stage("train").find(is)?)?;
        let masks = task.input("masks").map(|masks| masks.key.text().to_owned());
        let spec = without(&task.spec, &["seed"]);
        return Some(format!("{trained} sampled {spec} masks {masks:?}"));
    }
    if !input.command.starts_with("vesalius sample") {
        return None;
    }
    option(&input.command, "--count")?;
    // Two trainings of one name: it cannot be told which one was sampled.
    let (run, name) = trainings_named(evidence, &input.command);
    let [run] = run.as_slice() else { return None };
    if is_contradicted(evidence, input) {
        return None;
    }
    Some(format!("{} sampled {}", recipe(run)?, how(&input.command, &name)))
}

/// Whether other images claim to be the same sample of the same training: then one of the two is of another, which the
/// results at hand do not hold.
fn is_contradicted(evidence: &Evidence, input: &Input) -> bool {
    let claim = |command: &str| {
        let seed = option(command, "--seed").unwrap_or_else(|| "1".to_owned());
        (how(command, ""), seed)
    };
    let own = claim(&input.command);
    let others = evidence.runs.iter().flat_map(|run| &run.result.inputs);
    others
        .filter(|other| other.sha256 != input.sha256)
        .filter(|other| other.command.starts_with("vesalius sample"))
        .any(|other| claim(&other.command) == own)
}

/// A training but for its seed: settings, and the pack that it saw.
fn recipe(training: &Run) -> Option<String> {
    let result = &training.result;
    let pack = result.inputs.iter().find(|input| input.role == "pack")?;
    let has_settings = result.settings.is_object() && result.outcome == Outcome::Finished;
    has_settings.then(|| {
        let settings = without(&result.settings, &["training", "seed"]);
        format!("{:?} {settings} of {}", training.gan(), pack.sha256)
    })
}

/// A sampling's options but for its seed, where it read and wrote, and what only changes speed.
fn how(command: &str, run: &str) -> String {
    const SILENT: [&str; 5] = ["--seed", "--out", "--device", "--threads", "--batch"];
    let mut kept = vec![];
    let mut words = words(command).into_iter().skip(2);
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default().to_owned();
        if SILENT.contains(&name.as_str()) {
            if !word.contains('=') {
                words.next();
            }
        } else if word != run {
            kept.push(word.replacen('=', " ", usize::from(word.starts_with("--"))));
        }
    }
    kept.join(" ")
}

/// JSON without the field at a path.
fn without(value: &Value, path: &[&str]) -> Value {
    let mut value = value.clone();
    if let Some((last, above)) = path.split_last() {
        let mut at = Some(&mut value);
        for name in above {
            at = at.and_then(|value| value.get_mut(*name));
        }
        if let Some(Value::Object(fields)) = at {
            fields.remove(*last);
        }
    }
    value
}

/// Every setting of a U-Net but its seed. Augmentation is what `RealAugmented` means, and no setting beside it. Results
/// without settings are of the first version: there the protocol says the most.
fn settings(run: &Run, trained_on: TrainedOn) -> BTreeMap<String, String> {
    let mut found = flatten(&run.result.settings);
    found.remove("seed");
    if found
        .get("augment")
        .is_some_and(|text| text == "off" || trained_on == TrainedOn::RealAugmented)
    {
        found.remove("augment");
    }
    if let Some(score) = run.dice() {
        // `U-Net, 2000 steps of 16 slices, …`
        let words: Vec<&str> = score.protocol.split([' ', ',', ';']).collect();
        for (name, unit) in [("steps", "steps"), ("batch", "slices")] {
            let at = words.iter().position(|word| *word == unit).and_then(|at| at.checked_sub(1));
            if let Some(at) = at {
                found.entry(name.to_owned()).or_insert_with(|| words[at].to_owned());
            }
        }
    }
    found
}

/// The seed of a U-Net, where its result says it.
pub fn seed(run: &Run) -> Option<String> {
    if let Some(seed) = run.result.settings.get("seed") {
        return Some(seed.to_string());
    }
    let (_, after) = run.dice()?.protocol.split_once(", seed ")?;
    Some(after.chars().take_while(char::is_ascii_digit).collect())
}
