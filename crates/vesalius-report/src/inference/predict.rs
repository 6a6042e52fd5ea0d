//! Rank correlations between a metric and Dice over sets of synthetic images.

use crate::catalogue::Key;
use crate::evidence::Evidence;
use crate::evidence::lineage::synthetic_digest;
use crate::evidence::measure::{SEED, mean};
use crate::paper::display_name;
use std::collections::BTreeSet;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;
use vesalius_statistics::rank::{kendall, spearman};
use vesalius_statistics::{resample, test};

/// GANs below which no correlation is stated.
pub const FEWEST: usize = 4;

/// One set of synthetic images: of a GAN, by digest where several trainings or samplings of it were judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit<'a> {
    /// Its GAN.
    pub gan: &'a RowId,
    /// Its digest; none: all images of the GAN.
    pub digest: Option<&'a str>,
    /// How figures call it.
    pub name: String,
}

/// A metric and Dice over some units, in the same order.
#[derive(Debug)]
pub struct Pairs<'a> {
    /// Units that have both.
    pub units: Vec<&'a Unit<'a>>,
    /// The metric of each.
    pub metric: Vec<f64>,
    /// Dice of each.
    pub dice: Vec<f64>,
}

/// One correlation.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Number of units.
    pub count: usize,
    /// Spearman's ρ.
    pub spearman: f64,
    /// Its 95 % bootstrap interval over units.
    pub interval: Option<[f64; 2]>,
    /// Kendall's τ-b.
    pub kendall: f64,
    /// Two-sided p-value of ρ by permutation.
    pub p: f64,
    /// The same after Holm's correction over the metrics.
    pub corrected: f64,
}

/// All sets of synthetic images. Filtered samples are those of the same GAN: they would count it twice.
pub fn units<'a>(evidence: &'a Evidence) -> Vec<Unit<'a>> {
    let mut units = vec![];
    for gan in evidence.gans().into_iter().filter(|gan| !gan.is_filtered()) {
        let digests: BTreeSet<&str> = evidence
            .runs
            .iter()
            .filter(|run| run.gan() == Some(gan) && run.result.stage != "train")
            .filter_map(|run| synthetic_digest(run))
            .collect();
        let name = display_name(gan);
        if digests.len() < 2 {
            units.push(Unit { gan, digest: None, name });
        } else {
            units.extend(digests.into_iter().enumerate().map(|(i, digest)| Unit {
                gan,
                digest: Some(digest),
                name: format!("{name} {}", i + 1),
            }));
        }
    }
    units
}

/// Mean Dice of the U-Nets trained on a unit.
fn dice(evidence: &Evidence, unit: &Unit, trained_on: TrainedOn) -> Option<f64> {
    let values: Vec<f64> = evidence
        .usual_sets(trained_on)
        .filter(|set| set.gan.as_ref() == Some(unit.gan))
        .flat_map(|set| &set.judged)
        .filter(|run| unit.digest.is_none() || synthetic_digest(run) == unit.digest)
        .filter_map(|run| Some(run.dice()?.value))
        .collect();
    (!values.is_empty()).then(|| mean(&values))
}

/// A metric beside Dice, of the units that have both.
pub fn pairs<'a>(
    evidence: &Evidence,
    units: &'a [Unit<'a>],
    key: &Key,
    trained_on: TrainedOn,
) -> Pairs<'a> {
    let mut pairs = Pairs { units: vec![], metric: vec![], dice: vec![] };
    for unit in units {
        let measure = evidence.measure_of(unit.gan, unit.digest, key);
        if let (Some(measure), Some(dice)) = (measure, dice(evidence, unit, trained_on)) {
            pairs.units.push(unit);
            pairs.metric.push(measure.value);
            pairs.dice.push(dice);
        }
    }
    pairs
}

impl Pairs<'_> {
    /// None with too few GANs, or where a side never varies.
    fn correlate(&self) -> Option<Found> {
        if self.units.len() < FEWEST {
            return None;
        }
        let found = spearman(&self.metric, &self.dice)?;
        let interval = resample::interval(self.units.len(), SEED, |drawn| {
            let pick = |values: &[f64]| drawn.iter().map(|&i| values[i]).collect::<Vec<f64>>();
            spearman(&pick(&self.metric), &pick(&self.dice))
        });
        let p = test::correlation(&self.metric, &self.dice, spearman, SEED)?;
        Some(Found {
            count: self.units.len(),
            spearman: found,
            interval,
            kendall: kendall(&self.metric, &self.dice)?,
            p,
            corrected: p,
        })
    }
}

/// Correlations of all metrics, corrected together by Holm.
pub fn correlations(
    evidence: &Evidence,
    units: &[Unit],
    keys: &[Key],
    trained_on: TrainedOn,
) -> Vec<Option<Found>> {
    let mut found: Vec<Option<Found>> =
        keys.iter().map(|key| pairs(evidence, units, key, trained_on).correlate()).collect();
    let p_values: Vec<f64> = found.iter().flatten().map(|f| f.p).collect();
    for (found, corrected) in found.iter_mut().flatten().zip(test::holm(&p_values)) {
        found.corrected = corrected;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;
    use crate::evidence::fixture::evidence;

    #[test]
    fn sets_of_one_gan_are_told_apart_by_their_digests() {
        let mut fixture = Fixture::new();
        fixture.judged("metrics", "lsgan", &[("kid", None, 1.0)]);
        fixture.unet(Some("lsgan"), TrainedOn::Synthetic, 1, &[0.5, 0.6]);
        let runs = fixture.runs();
        let one = &evidence(&runs).unwrap()[0];
        assert_eq!(units(one)[0].digest, None);
        let kid = &one.keys()[0];
        let found = units(one);
        assert_eq!(pairs(one, &found, kid, TrainedOn::Synthetic).dice, [0.55]);
        let mut other = crate::evidence::fixture::result("metrics", Some("lsgan"), vec![]);
        other.inputs = vec![vesalius_data::run::Input {
            role: "synthetic".into(),
            path: "packs/second".into(),
            sha256: "second".into(),
            command: String::new(),
            pack: None,
        }];
        fixture.add(&other);
        let runs = fixture.runs();
        let two = &evidence(&runs).unwrap()[0];
        let names: Vec<String> = units(two).into_iter().map(|unit| unit.name).collect();
        assert_eq!(names, ["LSGAN 1", "LSGAN 2"]);
    }

    #[test]
    fn a_metric_that_orders_the_gans_is_found() {
        let mut fixture = Fixture::new();
        for (i, gan) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            let dice = 0.8 - 0.1 * i as f64;
            fixture.judged("metrics", gan, &[("kid", None, i as f64)]);
            fixture.unet(Some(gan), TrainedOn::Synthetic, 1, &[dice, dice + 0.02]);
        }
        let runs = fixture.runs();
        let evidence = &evidence(&runs).unwrap()[0];
        let (keys, units) = (evidence.keys(), units(evidence));
        let found = correlations(evidence, &units, &keys, TrainedOn::Synthetic);
        let found = found[0].as_ref().unwrap();
        assert_eq!((found.count, found.spearman, found.kendall), (5, -1.0, -1.0));
        assert_eq!(found.p, 2.0 / 120.0);
        assert_eq!(correlations(evidence, &units, &keys, TrainedOn::RealAndSynthetic), [None]);
    }
}
