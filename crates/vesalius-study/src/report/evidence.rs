//! What the runs on one dataset say, sorted: training sets with their Dice, GANs with their scores. Every page starts
//! from here.

use super::catalogue::Key;
use super::lineage::{sampled_count, synthetic_digest};
use super::measure::{Measure, mean, shared};
use super::paper::{Row, TABLE_2, display_name};
use super::runs::Run;
use crate::run_dir::{Outcome, TrainedOn};
use crate::score::Score;
use crate::turing::score::READER;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// All runs on one dataset.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Name of the dataset.
    pub dataset: &'a str,
    /// Its runs, in path order.
    pub runs: Vec<&'a Run>,
    /// Training sets of the U-Net: Table 2's in the paper's order, then ours that it lacks.
    pub sets: Vec<TrainingSet<'a>>,
}

/// What a U-Net was trained on, with the runs that did.
#[derive(Debug, Clone)]
pub struct TrainingSet<'a> {
    /// Kind.
    pub trained_on: TrainedOn,
    /// The GAN, where one is involved.
    pub gan: Option<String>,
    /// U-Nets trained on it: repeated runs.
    pub judged: Vec<&'a Run>,
    /// Mean Dice per volume.
    pub dice: Option<Measure>,
    /// Dice of each test patient, mean over the runs; of patients that every run has.
    pub patients: BTreeMap<String, f64>,
}

/// Name of a training set in tables.
pub fn set_name(trained_on: TrainedOn, gan: Option<&str>) -> String {
    match (gan, trained_on) {
        (None, TrainedOn::RealAugmented) => "Original + classical augmentation".to_owned(),
        (None, _) => "Original".to_owned(),
        (Some(gan), TrainedOn::RealAndSynthetic) => format!("Original + {}", display_name(gan)),
        (Some(gan), _) => display_name(gan),
    }
}

/// What a GAN's rows are called whose implausible samples were left out.
pub const FILTERED: &str = ", plausible only";

/// Sorts the runs by dataset.
///
/// # Errors
/// When U-Nets of one dataset were judged on different test packs: their numbers do not compare.
pub fn evidence(runs: &[Run]) -> Result<Vec<Evidence<'_>>> {
    let datasets: BTreeSet<&str> =
        runs.iter().map(|run| run.result.subject.dataset.as_str()).collect();
    datasets
        .into_iter()
        .map(|dataset| {
            let runs: Vec<&Run> =
                runs.iter().filter(|run| run.result.subject.dataset == dataset).collect();
            one_test_pack(dataset, &runs)?;
            let sets = sets(&runs);
            Ok(Evidence { dataset, runs, sets })
        })
        .collect()
}

fn one_test_pack(dataset: &str, runs: &[&Run]) -> Result<()> {
    let mut first: Option<(&Run, &str)> = None;
    for run in runs.iter().filter(|run| run.result.stage == "segment") {
        let Some(test) = run.result.inputs.iter().find(|input| input.role == "test") else {
            continue;
        };
        match first {
            Some((other, sha256)) if sha256 != test.sha256 => bail!(
                "{} and {}: both {dataset}, judged on different test packs; expected one, report them apart",
                other.path.display(),
                run.path.display()
            ),
            Some(_) => {}
            None => first = Some((run, &test.sha256)),
        }
    }
    Ok(())
}

fn sets<'a>(runs: &[&'a Run]) -> Vec<TrainingSet<'a>> {
    let mut keys: Vec<(TrainedOn, Option<String>)> = TABLE_2.iter().map(|p| key(p.row)).collect();
    let gans: BTreeSet<&String> =
        runs.iter().filter_map(|run| run.result.subject.gan.as_ref()).collect();
    for trained_on in [TrainedOn::Synthetic, TrainedOn::RealAndSynthetic] {
        for gan in &gans {
            let key = (trained_on, Some((*gan).clone()));
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys.sort_by_key(|(trained_on, _)| *trained_on); // stable: the paper's order within each kind
    keys.into_iter().map(|(trained_on, gan)| training_set(trained_on, gan, runs)).collect()
}

/// A row of the published table as a training set.
pub fn key(row: Row) -> (TrainedOn, Option<String>) {
    match row {
        Row::Original => (TrainedOn::Real, None),
        Row::Augmented => (TrainedOn::RealAugmented, None),
        Row::Gan(gan) => (TrainedOn::Synthetic, Some(gan.to_owned())),
        Row::WithGan(gan) => (TrainedOn::RealAndSynthetic, Some(gan.to_owned())),
    }
}

fn training_set<'a>(
    trained_on: TrainedOn,
    gan: Option<String>,
    runs: &[&'a Run],
) -> TrainingSet<'a> {
    let judged: Vec<&'a Run> = runs
        .iter()
        .copied()
        .filter(|run| run.result.stage == "segment")
        .filter(|run| run.result.subject.trained_on == Some(trained_on))
        .filter(|run| run.result.subject.gan == gan && run.dice().is_some())
        .collect();
    let scores: Vec<&Score> = judged.iter().filter_map(|run| run.dice()).collect();
    let each: Vec<BTreeMap<String, f64>> = judged.iter().map(|run| run.patient_dice()).collect();
    let mut dice = Measure::of_dice(&scores, &each);
    let counts: BTreeSet<u64> = judged.iter().filter_map(|run| sampled_count(run)).collect();
    if let Some(dice) = dice.as_mut().filter(|_| counts.len() > 1) {
        let _ =
            write!(dice.protocol, "; runs differ in their number of synthetic images: {counts:?}");
    }
    let patients = shared(&each)
        .into_iter()
        .map(|name| {
            let values: Vec<f64> = each.iter().map(|run| run[name]).collect();
            (name.to_owned(), mean(&values))
        })
        .collect();
    TrainingSet { trained_on, gan, judged, dice, patients }
}

impl TrainingSet<'_> {
    /// Name in tables.
    pub fn name(&self) -> String {
        set_name(self.trained_on, self.gan.as_deref())
    }

    /// Mean Dice.
    pub fn value(&self) -> Option<f64> {
        self.dice.as_ref().map(|dice| dice.value)
    }
}

impl<'a> Evidence<'a> {
    /// Runs of a stage.
    pub fn stage(&self, stage: &str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().copied().filter(move |run| run.result.stage == stage)
    }

    /// The training set, where a U-Net was trained on it.
    pub fn set(&self, trained_on: TrainedOn, gan: Option<&str>) -> Option<&TrainingSet<'a>> {
        self.sets.iter().find(|set| {
            set.trained_on == trained_on && set.gan.as_deref() == gan && set.dice.is_some()
        })
    }

    /// Every GAN that a run is about, in the tables' order.
    pub fn gans(&self) -> Vec<&str> {
        let known = |gan: &&str| self.runs.iter().any(|run| run.gan() == Some(gan));
        self.sets
            .iter()
            .filter(|set| set.trained_on == TrainedOn::Synthetic)
            .filter_map(|set| set.gan.as_deref())
            .filter(known)
            .collect()
    }

    /// GANs whose images alone trained a U-Net, least useful first; those without filtering.
    pub fn by_usefulness(&self) -> Vec<(&str, f64)> {
        let mut found: Vec<(&str, f64)> = self
            .sets
            .iter()
            .filter(|set| set.trained_on == TrainedOn::Synthetic)
            .filter_map(|set| Some((set.gan.as_deref()?, set.value()?)))
            .filter(|(gan, _)| !gan.ends_with(FILTERED))
            .collect();
        found.sort_by(|a, b| a.1.total_cmp(&b.1));
        found
    }

    /// Runs that judged a GAN's images, but for U-Nets and maps.
    pub fn judging(&self, gan: &str) -> impl Iterator<Item = &'a Run> {
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
            let of_reader = key.of.as_deref().is_some_and(|of| of.starts_with(READER));
            if !of_reader && !keys.contains(&key) {
                keys.push(key);
            }
        }
        // Stable: parts of a metric keep the order in which they were measured.
        keys.sort_by(|a, b| a.rank().cmp(&b.rank()));
        keys
    }

    /// One score of a GAN's images over the runs that measured it.
    pub fn measure(&self, gan: &str, key: &Key) -> Option<Measure> {
        self.measure_of(gan, None, key)
    }

    /// The same of one set of its images, by digest.
    pub fn measure_of(&self, gan: &str, digest: Option<&str>, key: &Key) -> Option<Measure> {
        let mut found: Vec<&Score> = vec![];
        let runs =
            self.judging(gan).filter(|run| digest.is_none() || synthetic_digest(run) == digest);
        for score in runs.flat_map(|run| &run.result.scores).filter(|score| Key::of(score) == *key)
        {
            // `distance` and `metrics` of the same images are one measurement.
            let same = |other: &&Score| {
                (other.value - score.value).abs() <= 1e-6 * score.value.abs()
                    && other.extractor == score.extractor
                    && (other.real_count, other.synthetic_count)
                        == (score.real_count, score.synthetic_count)
            };
            if !found.iter().any(same) {
                found.push(score);
            }
        }
        Measure::of(&found)
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
    pub fn diverged(&self, gan: &str) -> Option<&'a str> {
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
