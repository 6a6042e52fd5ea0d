//! Training sets of the U-Nets: a row for each, with the runs that repeat each other, under a name that tells it from
//! the
//! others.

use super::lineage::{sampled_count, synthetic, training_packs};
use super::measure::{Measure, Repetition, mean, shared};
use super::repetition::{Basis, Images, seed};
use super::rows;
use super::runs::Run;
use super::runs::of_stage;
use crate::paper::{Row, TABLE_2, display_name, prose};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use vesalius_data::pack::row::{MEMORY, RowId};
use vesalius_data::run::TrainedOn;

/// A training set whose outcome is known before, if all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// Synthetic images with the masks of others: they teach nothing.
    Shuffled,
    /// Perturbed training pairs in place of a generator's: nothing that real images do not teach.
    Noise,
}

/// What a U-Net was trained on, with the runs that did.
#[derive(Debug, Clone)]
pub struct TrainingSet<'a> {
    /// What its runs have in common; without runs what their like would have.
    pub basis: Basis,
    /// Kind.
    pub trained_on: TrainedOn,
    /// The GAN, where one is involved.
    pub gan: Option<RowId>,
    /// What tells it from other sets of its kind: `50 samples`, `8 steps`.
    pub words: Vec<String>,
    /// How real images are called.
    real: String,
    /// Whether it is judged as most are: its settings are the [`Evidence::usual`] ones.
    pub is_usual: bool,
    /// Preset of the segmenters that judged it, where that is not the one of the tables.
    pub other_judge: Option<String>,
    /// U-Nets trained on it: repeated runs, of each fold.
    pub judged: Vec<&'a Run>,
    /// How often it was trained on: of folds, in each of them.
    pub trainings: usize,
    /// Mean Dice per volume.
    pub dice: Option<Measure>,
    /// Dice of each test patient, mean over the runs; of patients that every run has, or every run of their fold.
    pub patients: BTreeMap<String, f64>,
}

/// How real images of the test pack's own training side are called.
const ORIGINAL: &str = "Original";

impl TrainingSet<'_> {
    /// Name in tables.
    pub fn name(&self) -> String {
        let real = &self.real;
        let kind = match (&self.gan, self.trained_on) {
            (None, TrainedOn::RealAugmented) => format!("{real} + classical augmentation"),
            (None, _) => real.clone(),
            (Some(gan), TrainedOn::RealAndSynthetic) => format!("{real} + {}", display_name(gan)),
            (Some(gan), _) => display_name(gan),
        };
        std::iter::once(&kind).chain(&self.words).cloned().collect::<Vec<_>>().join(", ")
    }

    /// Its GAN inside a sentence, with what tells it from others of that GAN.
    pub fn subject(&self) -> Option<String> {
        Some(prose(self.gan.as_ref()?, &self.words))
    }

    /// Mean Dice.
    pub fn value(&self) -> Option<f64> {
        self.dice.as_ref().map(|dice| dice.value)
    }

    /// Which control it is, if it is one.
    pub fn control(&self) -> Option<Control> {
        if self.basis.shuffled {
            return Some(Control::Shuffled);
        }
        self.gan.as_ref().filter(|gan| is_noise(gan)).map(|_| Control::Noise)
    }

    /// Whether synthetic images were augmented beside the real ones.
    pub fn is_augmented_mix(&self) -> bool {
        self.basis.augmented && self.trained_on != TrainedOn::RealAugmented
    }

    /// Whether all its real images are the training side of the test pack.
    pub fn is_original(&self) -> bool {
        self.basis.foreign.is_empty()
    }
}

/// Whether a generator is the noise control.
pub fn is_noise(gan: &RowId) -> bool {
    gan.made.iter().all(|made| made.generator == MEMORY)
}

/// A row of the published table as a training set.
pub fn key(row: Row) -> (TrainedOn, Option<RowId>) {
    match row {
        Row::Original => (TrainedOn::Real, None),
        Row::Augmented => (TrainedOn::RealAugmented, None),
        Row::Gan(gan) => (TrainedOn::Synthetic, Some(RowId::of(gan))),
        Row::WithGan(gan) => (TrainedOn::RealAndSynthetic, Some(RowId::of(gan))),
    }
}

/// Table 2's training sets in the paper's order, with or without runs, then ours that it lacks; and the usual settings.
///
/// # Errors
/// When two runs are one: the same packs, settings and seed.
pub fn sets<'a>(all: &[&'a Run]) -> Result<(Vec<TrainingSet<'a>>, BTreeMap<String, String>)> {
    let mut groups: BTreeMap<Basis, Vec<&'a Run>> = BTreeMap::new();
    for run in of_stage(all, "segment").filter(|run| run.dice().is_some()) {
        if let Some(basis) = Basis::of(all, run) {
            groups.entry(basis).or_default().push(run);
        }
    }
    for runs in groups.values() {
        once_each(runs)?;
    }
    let usual = Usual::of(&groups);
    let names = Names::new(&groups);
    let mut keys: Vec<(TrainedOn, Option<RowId>)> = TABLE_2.iter().map(|p| key(p.row)).collect();
    let gans: BTreeSet<&RowId> = all.iter().filter_map(|run| run.gan()).collect();
    for trained_on in [TrainedOn::Synthetic, TrainedOn::RealAndSynthetic] {
        for gan in &gans {
            let key = (trained_on, Some((*gan).clone()));
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys.sort_by_key(|(trained_on, _)| *trained_on); // stable: the paper's order within each kind
    let mut sets = vec![];
    for (trained_on, gan) in keys {
        let mut found: Vec<TrainingSet> = groups
            .iter()
            .filter(|(basis, _)| (basis.trained_on, &basis.gan) == (trained_on, &gan))
            .map(|(basis, runs)| training_set(basis, runs, &usual, &names))
            .collect();
        // The training side of the test pack, judged as usual, stands first.
        found.sort_by_cached_key(|set| {
            let count = set.judged.first().and_then(|run| sampled_count(run));
            (!set.is_original(), !set.is_usual, count, set.words.clone())
        });
        if !found.first().is_some_and(|set| set.is_original() && set.is_usual) {
            let basis = Basis {
                trained_on,
                gan,
                foreign: vec![],
                original: true,
                synthetic: vec![],
                augmented: trained_on == TrainedOn::RealAugmented,
                shuffled: false,
                share: None,
                settings: usual.all.clone(),
            };
            sets.push(training_set(&basis, &[], &usual, &names));
        }
        sets.extend(found);
    }
    Ok((sets, usual.all))
}

/// Refuses runs that repeat each other down to the seed: pooled, one would count twice.
fn once_each(runs: &[&Run]) -> Result<()> {
    let mut first: BTreeMap<_, &Run> = BTreeMap::new();
    for run in runs {
        let (digests, seed) = (training_packs(run), seed(run));
        let what = seed.as_ref().map_or("no seed".to_owned(), |seed| format!("seed {seed}"));
        if let Some(other) = first.insert((rows::fold(run), seed, digests), run) {
            bail!(
                "{} and {}: U-Nets of the same packs, settings and seed ({what}): one run, not a repetition; expected each \
                 once, leave one out",
                other.path.display(),
                run.path.display()
            );
        }
    }
    Ok(())
}

/// The setting that names what all others are by default.
const PRESET: &str = "preset";
/// The preset whose rows are the tables', where there are several.
const JUDGE: &str = "strong";

/// The settings that most of some training sets share, first those of U-Nets on the original data, and of them those of
/// the judge that tables are made with: without the seed, and without what is a training set's own.
fn usual_of(
    groups: &BTreeMap<Basis, Vec<&Run>>,
    of: impl Fn(&Basis) -> bool,
) -> BTreeMap<String, String> {
    let mut votes: BTreeMap<&BTreeMap<String, String>, (bool, bool, usize, usize)> =
        BTreeMap::new();
    for (basis, runs) in groups.iter().filter(|(basis, _)| of(basis)) {
        let vote = votes.entry(&basis.settings).or_default();
        vote.0 |= basis.trained_on == TrainedOn::Real && basis.foreign.is_empty();
        vote.1 = basis.settings.get(PRESET).is_some_and(|preset| preset == JUDGE);
        vote.2 += 1;
        vote.3 += runs.len();
    }
    // The first of equals.
    let best = votes.iter().rev().max_by_key(|(_, vote)| **vote);
    best.map(|(settings, _)| (*settings).clone()).unwrap_or_default()
}

fn training_set<'a>(
    basis: &Basis,
    judged: &[&'a Run],
    usual: &Usual,
    names: &Names,
) -> TrainingSet<'a> {
    let in_folds = judged.iter().any(|run| rows::fold(run).is_some());
    let trained = rows::rows(judged, None);
    let dice = if in_folds {
        trained.as_ref().and_then(|trained| Measure::of_folds(trained, judged))
    } else {
        of_one_split(basis, judged)
    };
    let patients = if in_folds {
        trained.as_ref().map(|trained| means(&trained.each)).unwrap_or_default()
    } else {
        means(&judged.iter().map(|run| run.patient_dice()).collect::<Vec<_>>())
    };
    let trainings =
        if in_folds { trained.map_or(0, |trained| trained.each.len()) } else { judged.len() };
    let mut words: Vec<String> = names.of_images(basis, judged).into_iter().collect();
    words.extend(basis.share.as_ref().map(|share| format!("synthetic share {share}")));
    let augmented = basis.augmented && basis.trained_on != TrainedOn::RealAugmented;
    words.extend(augmented.then(|| "classical augmentation".to_owned()));
    words.extend(basis.shuffled.then(|| "labels shuffled".to_owned()));
    words.extend(usual.words(&basis.settings));
    TrainingSet {
        trained_on: basis.trained_on,
        gan: basis.gan.clone(),
        words,
        real: names.of_real(basis),
        is_usual: basis.settings == usual.all && !augmented && !basis.shuffled,
        other_judge: usual.other_judge(&basis.settings).cloned(),
        basis: basis.clone(),
        judged: judged.to_vec(),
        trainings,
        dice,
        patients,
    }
}

/// Mean Dice of runs that one split's test patients judged.
fn of_one_split(basis: &Basis, judged: &[&Run]) -> Option<Measure> {
    let scores: Vec<Repetition> = judged
        .iter()
        .filter_map(|run| Some(Repetition { score: run.dice()?, seed: seed(run) }))
        .collect();
    let each: Vec<BTreeMap<String, f64>> = judged.iter().map(|run| run.patient_dice()).collect();
    let mut dice = Measure::of_dice(&scores, &each)?;
    if basis.synthetic.iter().any(|images| matches!(images, Images::Made(_)))
        && judged.iter().map(|run| training_packs(run)).collect::<BTreeSet<_>>().len() > 1
    {
        dice.protocol +=
            "; repeated with other seeds of the GAN's training or sampling, all else being equal";
    }
    Some(dice)
}

/// Mean Dice of each patient whom all rows have.
fn means(rows: &[BTreeMap<String, f64>]) -> BTreeMap<String, f64> {
    let of = |name: &str| mean(&rows.iter().map(|row| row[name]).collect::<Vec<_>>());
    shared(rows).into_iter().map(|name| (name.to_owned(), of(name))).collect()
}

/// What packs are called, and which sets of images of a GAN need a name.
struct Names<'g> {
    /// Folder of each pack by digest, where no other pack has a folder of that name.
    folders: BTreeMap<&'g str, String>,
    /// Of each GAN the sets of images that trained U-Nets, with their number where it is known.
    images: BTreeMap<&'g RowId, BTreeMap<&'g [Images], Option<u64>>>,
}

impl<'g> Names<'g> {
    fn new(groups: &'g BTreeMap<Basis, Vec<&Run>>) -> Self {
        let mut named: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for input in groups.values().flatten().flat_map(|run| &run.result.inputs) {
            let name = input.path.file_name().map(|name| name.to_string_lossy().into_owned());
            named.entry(name.unwrap_or_default()).or_default().insert(&input.sha256);
        }
        let mut folders = BTreeMap::new();
        for (name, digests) in named {
            if let [digest] = digests.iter().copied().collect::<Vec<_>>()[..]
                && !name.is_empty()
            {
                folders.insert(digest, name);
            }
        }
        let mut images: BTreeMap<&RowId, BTreeMap<&[Images], Option<u64>>> = BTreeMap::new();
        for (basis, runs) in groups {
            // A control is told by its own word.
            if let Some(gan) = basis.gan.as_ref().filter(|_| !basis.shuffled) {
                let count = runs.first().and_then(|run| sampled_count(run));
                images.entry(gan).or_default().insert(&basis.synthetic, count);
            }
        }
        Self { folders, images }
    }

    /// A pack inside a name: its folder's, else the beginning of its digest.
    fn pack(&self, digest: &str) -> String {
        match self.folders.get(digest) {
            Some(folder) if folder != "pack" => folder.clone(),
            _ => format!("pack {digest:.8}"),
        }
    }

    fn of_real(&self, basis: &Basis) -> String {
        if basis.foreign.is_empty() {
            return ORIGINAL.to_owned();
        }
        let packs: Vec<String> = basis.foreign.iter().map(|digest| self.pack(digest)).collect();
        let packs = packs.join(" + ");
        if basis.original {
            format!("{ORIGINAL} and other real data ({packs})")
        } else {
            format!("Other real data ({packs})")
        }
    }

    /// What tells the images of a set from others of the same GAN: their number, else their pack; none where there are
    /// no
    /// others.
    fn of_images(&self, basis: &Basis, judged: &[&Run]) -> Option<String> {
        let all = self.images.get(basis.gan.as_ref()?).filter(|_| !basis.shuffled)?;
        if all.len() < 2 || judged.is_empty() {
            return None;
        }
        let own = all.get(basis.synthetic.as_slice()).copied().flatten();
        let alike = all.values().filter(|count| **count == own || count.is_none()).count();
        if let Some(count) = own.filter(|_| alike == 1) {
            return Some(format!("{count} samples"));
        }
        let known: Vec<String> =
            synthetic(judged.first()?).map(|(input, _)| self.pack(&input.sha256)).collect();
        let count = own.map_or_else(String::new, |count| format!("{count} samples, "));
        Some(format!("{count}{}", known.join(" + ")))
    }
}

/// What is not said of rows.
struct Usual {
    /// Settings that most share.
    all: BTreeMap<String, String>,
    /// The same among those of a preset.
    of_presets: BTreeMap<String, BTreeMap<String, String>>,
}

impl Usual {
    fn of(groups: &BTreeMap<Basis, Vec<&Run>>) -> Self {
        let presets = groups.keys().filter_map(|basis| basis.settings.get(PRESET));
        let of_preset = |preset: &String| {
            let of = |basis: &Basis| basis.settings.get(PRESET) == Some(preset);
            (preset.clone(), usual_of(groups, of))
        };
        Self { all: usual_of(groups, |_| true), of_presets: presets.map(of_preset).collect() }
    }

    /// The preset, where it is not the usual one.
    fn other_judge<'s>(&self, settings: &'s BTreeMap<String, String>) -> Option<&'s String> {
        settings.get(PRESET).filter(|preset| self.all.get(PRESET) != Some(preset))
    }

    /// In which settings a set differs from the usual ones, as one would say it: another preset says all that it sets.
    fn words(&self, settings: &BTreeMap<String, String>) -> Vec<String> {
        let preset = self.other_judge(settings);
        let Some((preset, usual)) = preset.and_then(|preset| self.of_presets.get_key_value(preset))
        else {
            return differing(settings, &self.all);
        };
        std::iter::once(format!("{preset} segmenter")).chain(differing(settings, usual)).collect()
    }
}

fn differing(settings: &BTreeMap<String, String>, usual: &BTreeMap<String, String>) -> Vec<String> {
    let all: BTreeSet<&String> = settings.keys().chain(usual.keys()).collect();
    all.into_iter()
        .filter(|path| settings.get(*path) != usual.get(*path))
        .map(|path| match (path.as_str(), settings.get(path)) {
            ("ensemble", Some(seeds)) => format!("ensemble of seeds {seeds}"),
            (path, None) => format!("{} not stated", spoken(path)),
            ("steps", Some(value)) => format!("{value} steps"),
            ("network.filters", Some(value)) => format!("{value} filters"),
            (path, Some(value)) => format!("{} {value}", spoken(path)),
        })
        .collect()
}

/// `network.norm` → `norm`, `learning_rate` → `learning rate`.
fn spoken(path: &str) -> String {
    path.rsplit('.').next().unwrap_or(path).replace('_', " ")
}

#[cfg(test)]
mod tests;
