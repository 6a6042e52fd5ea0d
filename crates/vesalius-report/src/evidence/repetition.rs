//! Which U-Nets are repetitions of each other: those that were trained on the same packs under the same settings, and
//! differ in their seed. Everything else is another training set and a row of its own.

use super::lineage;
use super::runs::Run;
use super::settings::flatten;
use serde_json::Value;
use std::collections::BTreeMap;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::facts::SyntheticFacts;
use vesalius_data::run::{Input, Outcome, TrainedOn};

/// What a set of images is, where two of them are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Images {
    /// Nothing but itself: the digest of its pack.
    Pack(String),
    /// A sample of a training, which the results at hand describe: all that decides it but the seeds of the training
    /// and of
    /// the sampling. Samples of trainings that differ in their seed only are repetitions.
    Made(String),
}

/// What a U-Net was trained on, and how: equal where only seeds differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Basis {
    /// Kind.
    pub trained_on: TrainedOn,
    /// The GAN, where one is involved.
    pub gan: Option<RowId>,
    /// Digests of real packs that are not the one whose test patients judge.
    pub foreign: Vec<String>,
    /// Whether the training side of the test pack is among what it was trained on; results that name no real pack are
    /// of
    /// the first version, which knew no other.
    pub original: bool,
    /// Synthetic packs.
    pub synthetic: Vec<Images>,
    /// Whether real images, and synthetic ones beside them, were augmented as the paper does.
    pub augmented: bool,
    /// Whether each synthetic image had the mask of another: a control.
    pub shuffled: bool,
    /// Share of each batch that was synthetic, where it was not an equal one of all packs.
    pub share: Option<String>,
    /// Every setting but the seed, by path.
    pub settings: BTreeMap<String, String>,
}

impl Basis {
    /// Of a U-Net; none for other runs.
    pub fn of(runs: &[&Run], run: &Run) -> Option<Self> {
        let trained_on = run.result.subject.trained_on.filter(|_| run.result.stage == "segment")?;
        let test = run.result.inputs.iter().find(|input| input.role == "test");
        let is_test = |input: &Input| test.is_some_and(|test| test.sha256 == input.sha256);
        let train = run.result.inputs.iter().filter(|input| input.role == "train");
        let real: Vec<&Input> = train.filter(|input| input.synthetic().is_none()).collect();
        let mut foreign: Vec<String> =
            real.iter().filter(|input| !is_test(input)).map(|input| input.sha256.clone()).collect();
        foreign.sort();
        Some(Self {
            trained_on,
            gan: run.result.subject.gan.clone(),
            original: foreign.len() < real.len() || real.is_empty(),
            foreign,
            synthetic: synthetic_images(runs, run),
            augmented: is_augmented(run),
            shuffled: lineage::synthetic(run).any(|(_, facts)| facts.shuffled),
            share: run
                .result
                .settings
                .get("share")
                .filter(|share| !share.is_null())
                .map(Value::to_string),
            settings: settings(run),
        })
    }
}

/// Synthetic packs of a run that was trained on them or judged them.
pub fn synthetic_images(runs: &[&Run], run: &Run) -> Vec<Images> {
    let image = |(input, facts): (&Input, &SyntheticFacts)| {
        made(runs, facts).map_or_else(|| Images::Pack(input.sha256.clone()), Images::Made)
    };
    let mut found: Vec<Images> = lineage::synthetic(run).map(image).collect();
    found.sort();
    found
}

/// All that decides a sampled pack but seeds; none where the results at hand do not say it, and of a pack that was
/// filtered.
fn made(runs: &[&Run], facts: &SyntheticFacts) -> Option<String> {
    let trainings = lineage::trainings(runs, facts);
    // Two that left the same weights: it cannot be told which one was sampled.
    let [training] = trainings.as_slice() else { return None };
    let count = facts.count.filter(|_| facts.filter.is_none())?;
    // Masks of a fold are those of the pack, as far as it decides what is a repetition.
    let masks_pack = facts.masks_pack.as_deref().map(|digest| lineage::whole(runs, digest));
    // Of the first pairs of a pack: those of any seed.
    let how = (facts.truncation, &facts.masks, masks_pack, facts.shuffled);
    Some(format!("{} sampled {count} {how:?}", recipe(training)?))
}

/// A training but for its seed: settings, and the pack that it saw.
fn recipe(training: &Run) -> Option<String> {
    let result = &training.result;
    let pack = result.inputs.iter().find(|input| input.role == "pack")?;
    let has_settings = result.settings.is_object() && result.outcome == Outcome::Finished;
    has_settings.then(|| {
        let settings = without(&result.settings, &["training", "seed"]);
        let few = pack.patients().map(|patients| patients.count);
        format!("{:?} {settings} of {} {few:?}", training.gan(), pack.whole())
    })
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

/// Names of the setting of the paper's augmentation; older results have its first one.
const AUGMENT: [&str; 2] = ["augment", "classical"];

fn is_augmented(run: &Run) -> bool {
    let settings = flatten(&run.result.settings);
    let of_settings =
        AUGMENT.iter().any(|name| settings.get(*name).is_some_and(|text| text != "off"));
    of_settings || run.result.subject.trained_on == Some(TrainedOn::RealAugmented)
}

/// Every setting of a U-Net but its seed, and but what is a training set's own.
fn settings(run: &Run) -> BTreeMap<String, String> {
    let mut found = flatten(&run.result.settings);
    found.remove("seed");
    // Of the training set, not of how it is judged.
    found.remove("share");
    // Of trainings it is no setting, but a name.
    if let Some(Value::String(preset)) = run.result.settings.get("preset") {
        found.insert("preset".to_owned(), preset.clone());
    }
    for name in AUGMENT {
        found.remove(name);
    }
    found
}

/// The seed of a U-Net, where its result says it.
pub fn seed(run: &Run) -> Option<String> {
    run.result.settings.get("seed").map(Value::to_string)
}
