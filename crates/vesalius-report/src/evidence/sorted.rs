//! All runs on one dataset, sorted into training sets and GANs: what every page starts from.

use super::dose;
use super::lineage::synthetic_digest;
use super::measure::{Measure, Repetition};
use super::repetition::seed;
use super::repetition::{Images, synthetic_images};
use super::runs::{Run, of_stage};
use super::sets::{TrainingSet, sets};
use super::shares;
use crate::catalogue::Key;
use crate::inference::dose::Doses;
use crate::inference::primary::PrimaryQuestion;
use crate::inference::questions::Inference;
use anyhow::{Result, bail};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::part::Part;
use vesalius_data::run::{Outcome, TrainedOn};

/// All runs on one dataset.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Name of the dataset.
    pub dataset: &'a str,
    /// Its runs, in path order, but for those of a dose.
    pub runs: Vec<&'a Run>,
    /// Runs on some of the training patients, or on the first of a pack's pairs.
    pub doses: Vec<&'a Run>,
    /// Training sets of the U-Net: Table 2's in the paper's order, then ours that it lacks.
    pub sets: Vec<TrainingSet<'a>>,
    /// Settings of a U-Net under which most sets were judged, without its seed: what is said of GANs in general is said
    /// of
    /// these.
    pub usual: BTreeMap<String, String>,
    /// What is asked of them.
    pub question: PrimaryQuestion,
    /// What they answer, once somebody wanted to know.
    inference: OnceCell<Inference>,
    /// What its dose came to, the same.
    dosed: OnceCell<Doses>,
}

/// Sorts the runs by dataset.
///
/// # Errors
/// When U-Nets of one dataset were judged on different test packs: their numbers do not compare. When two U-Nets are
/// one:
/// the same packs, settings and seed.
pub fn evidence<'r>(runs: &'r [Run], asked: &PrimaryQuestion) -> Result<Vec<Evidence<'r>>> {
    let datasets: BTreeSet<&str> =
        runs.iter().map(|run| run.result.subject.dataset.as_str()).collect();
    datasets
        .into_iter()
        .map(|dataset| {
            let own = runs.iter().filter(|run| run.result.subject.dataset == dataset);
            let (doses, runs): (Vec<&Run>, Vec<&Run>) = own.partition(|run| dose::is_part(run));
            one_test_pack(dataset, runs.iter().chain(&doses).copied())?;
            let (sets, usual) = sets(&runs)?;
            Ok(Evidence {
                dataset,
                runs,
                doses,
                sets,
                usual,
                question: asked.clone(),
                inference: OnceCell::new(),
                dosed: OnceCell::new(),
            })
        })
        .collect()
}

fn one_test_pack<'r>(dataset: &str, runs: impl Iterator<Item = &'r Run>) -> Result<()> {
    let mut first: Option<(&Run, &str)> = None;
    for run in runs.filter(|run| run.result.stage == "segment") {
        let Some(test) = run.result.inputs.iter().find(|input| input.role == "test") else {
            continue;
        };
        match first {
            Some((other, digest)) if digest != test.whole() => bail!(
                "{} and {}: both {dataset}, judged on different test packs; expected one, report them apart",
                other.path.display(),
                run.path.display()
            ),
            Some(_) => {}
            None => first = Some((run, test.whole())),
        }
    }
    Ok(())
}

impl<'a> Evidence<'a> {
    /// What is compared, and what may be said of it.
    pub fn inference(&self) -> &Inference {
        self.inference.get_or_init(|| Inference::of(self))
    }

    /// What fewer patients and fewer images came to.
    pub fn doses_of(&self) -> &Doses {
        self.dosed.get_or_init(|| Doses::of(self))
    }

    /// Runs of a stage.
    pub fn stage<'s>(&'s self, stage: &'s str) -> impl Iterator<Item = &'a Run> + use<'a, 's> {
        of_stage(&self.runs, stage)
    }

    /// The training set of a kind and GAN, where a U-Net was trained on it, with the test pack's own real images and
    /// judged
    /// as usual; of several (other numbers of samples) the first.
    pub fn set(&self, trained_on: TrainedOn, gan: Option<&RowId>) -> Option<&TrainingSet<'a>> {
        self.usual_sets(trained_on).find(|set| set.gan.as_ref() == gan)
    }

    /// Judged training sets of a kind, judged as usual: they compare with each other.
    pub fn usual_sets(&self, trained_on: TrainedOn) -> impl Iterator<Item = &TrainingSet<'a>> {
        self.sets.iter().filter(move |set| {
            set.trained_on == trained_on && set.dice.is_some() && set.is_original() && set.is_usual
        })
    }

    /// Real images alone, judged as a training set was: what that is compared with. None for one with other real images
    /// than the test pack's.
    pub fn reference(&self, set: &TrainingSet, trained_on: TrainedOn) -> Option<&TrainingSet<'a>> {
        self.sets.iter().find(|other| {
            other.trained_on == trained_on
                && other.gan.is_none()
                && other.dice.is_some()
                && other.is_original()
                && set.is_original()
                && other.basis.settings == set.basis.settings
        })
    }

    /// Whether a training set is out of the question: a control, or a share of synthetic images that validation patients
    /// did not choose. It has a row of its own, and its difference to real images is not what is asked.
    pub fn is_aside(&self, set: &TrainingSet) -> bool {
        set.control().is_some() || shares::is_passed_over(self, set)
    }

    /// Every GAN that a run is about, in the tables' order.
    pub fn gans(&self) -> Vec<&RowId> {
        let known = |gan: &&RowId| self.runs.iter().any(|run| run.gan() == Some(gan));
        let mut gans: Vec<&RowId> = self
            .sets
            .iter()
            .filter(|set| set.trained_on == TrainedOn::Synthetic)
            .filter_map(|set| set.gan.as_ref())
            .filter(known)
            .collect();
        gans.dedup(); // sets of one GAN stand together
        gans
    }

    /// Sets of GAN images that alone trained a U-Net, least useful first; those without filtering, judged as usual.
    pub fn by_usefulness(&self) -> Vec<&TrainingSet<'a>> {
        let is_whole = |set: &&TrainingSet| {
            set.gan.as_ref().is_some_and(|gan| !gan.is_filtered()) && set.control().is_none()
        };
        let mut found: Vec<&TrainingSet> =
            self.usual_sets(TrainedOn::Synthetic).filter(is_whole).collect();
        let value = |set: &TrainingSet| set.value().unwrap_or(f64::NEG_INFINITY);
        found.sort_by(|a, b| value(a).total_cmp(&value(b)));
        found
    }

    /// Sets of a GAN's images with the runs that judged them. Runs that do not say what they judged are taken to have
    /// judged
    /// the only one, where there is one.
    pub fn judged_images(&self, gan: &RowId) -> BTreeMap<Vec<Images>, Vec<&'a Run>> {
        let mut found: BTreeMap<Vec<Images>, Vec<&'a Run>> = BTreeMap::new();
        for run in self.judging(gan) {
            found.entry(synthetic_images(&self.runs, run)).or_default().push(run);
        }
        if found.len() == 2
            && let Some(silent) = found.remove(&vec![])
            && let Some(only) = found.values_mut().next()
        {
            only.extend(silent);
        }
        found
    }

    /// Runs that judged a GAN's images, but for U-Nets and maps.
    pub fn judging(&self, gan: &RowId) -> impl Iterator<Item = &'a Run> {
        self.runs
            .iter()
            .copied()
            .filter(move |run| run.gan() == Some(gan))
            .filter(|run| !matches!(run.result.stage.as_str(), "train" | "segment" | "map"))
    }

    /// What can be compared among GANs, in the catalogue's order.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = vec![];
        let judging = self.gans().into_iter().flat_map(|gan| self.judging(gan));
        for key in judging.flat_map(|run| &run.result.scores).map(Key::of) {
            // What one reader of a Turing test did is on that test's page.
            let of_reader = matches!(key.of, Some(Part::Reader(_)));
            if !of_reader && !keys.contains(&key) {
                keys.push(key);
            }
        }
        // Stable: parts of a metric keep the order in which they were measured.
        keys.sort_by(|a, b| a.rank().cmp(&b.rank()));
        keys
    }

    /// One score of a GAN's images over the runs that measured it.
    pub fn measure(&self, gan: &RowId, key: &Key) -> Option<Measure> {
        measured(self.judging(gan), key)
    }

    /// The same of one set of its images, by digest.
    pub fn measure_of(&self, gan: &RowId, digest: Option<&str>, key: &Key) -> Option<Measure> {
        let of_images = |run: &&Run| digest.is_none() || synthetic_digest(run) == digest;
        measured(self.judging(gan).filter(of_images), key)
    }

    /// The same of the images that a training set holds: of a GAN with one set of images, all its images.
    pub fn measure_for(&self, set: &TrainingSet, key: &Key) -> Option<Measure> {
        let gan = set.gan.as_ref()?;
        let own = self
            .judging(gan)
            .filter(|run| synthetic_images(&self.runs, run) == set.basis.synthetic);
        let found = measured(own, key);
        let mut others = self.sets.iter().filter(|other| other.gan.as_ref() == Some(gan));
        let is_other = |other: &TrainingSet| {
            !other.judged.is_empty() && other.basis.synthetic != set.basis.synthetic
        };
        if found.is_some() || (!set.judged.is_empty() && others.any(is_other)) {
            return found;
        }
        self.measure(gan, key)
    }

    /// The distance that Table 2 shows: that of most GANs; FID before others, clean-fid's before other dialects.
    pub fn distance(&self) -> Option<Key> {
        let gans = self.gans();
        let wish = |key: &Key| {
            let counted = gans.iter().filter(|gan| self.measure(gan, key).is_some()).count();
            (counted, key.metric == "fid", key.dialect.as_deref() == Some("clean-fid"))
        };
        self.keys().into_iter().filter(Key::is_distance).max_by_key(wish)
    }

    /// Why a GAN's training broke down, where each of its trainings did.
    pub fn diverged(&self, gan: &RowId) -> Option<&'a str> {
        let mut trainings = self.stage("train").filter(|run| run.gan() == Some(gan)).peekable();
        trainings.peek()?;
        let reasons: Option<Vec<&str>> = trainings
            .map(|run| match &run.result.outcome {
                Outcome::Diverged { reason } => Some(reason.as_str()),
                Outcome::Finished => None,
            })
            .collect();
        reasons?.first().copied()
    }
}

/// One score over some runs.
pub fn measured<'r>(runs: impl Iterator<Item = &'r Run>, key: &Key) -> Option<Measure> {
    let mut found: Vec<Repetition> = vec![];
    let scores = runs.flat_map(|run| run.result.scores.iter().map(move |score| (run, score)));
    for (run, score) in scores.filter(|(_, score)| Key::of(score) == *key) {
        // `distance` and `metrics` of the same images are one measurement.
        let same = |Repetition { score: other, .. }: &Repetition| {
            (other.value - score.value).abs() <= 1e-6 * score.value.abs()
                && other.extractor == score.extractor
                && (other.real_count, other.synthetic_count)
                    == (score.real_count, score.synthetic_count)
        };
        if !found.iter().any(same) {
            found.push(Repetition { score, seed: seed(run) });
        }
    }
    Measure::of(&found)
}
