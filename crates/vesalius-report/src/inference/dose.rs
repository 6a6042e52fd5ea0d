//! What synthetic images of a dose are worth in patients, with chance in test patients and trainings.

use crate::evidence::Evidence;
use crate::evidence::dose::{self, Curve};
use crate::evidence::measure::{SEED, shared};
use std::collections::BTreeMap;
use vesalius_statistics::dose::{Point, Worth, isotonic, worth};
use vesalius_statistics::mrmc::RunVariance;
use vesalius_statistics::resample::crossed_interval_of_mean;

/// A point of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Dose {
    /// Whose images, how many, which share.
    pub curve: Curve,
    /// Training patients.
    pub patients: usize,
    /// Mean Dice of the test patients, over the runs.
    pub dice: f64,
    /// 95 % interval of it, test patients and trainings drawn anew; none of one run.
    pub interval: Option<[f64; 2]>,
    /// Runs.
    pub runs: usize,
    /// What the synthetic images are worth; none of real images alone, or without a curve of them to read it off.
    pub worth: Option<Worth>,
}

/// All points of a dataset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Doses {
    /// By curve, then by patients; real images alone first.
    pub points: Vec<Dose>,
    /// The monotone fit of real images alone: patients, Dice.
    pub fitted: Vec<(usize, f64)>,
    /// Test patients that all points share.
    pub tested: usize,
}

impl Doses {
    /// Of the runs on one dataset; empty without a dose.
    pub fn of(evidence: &Evidence) -> Self {
        let curves = dose::curves(evidence);
        let all: Vec<BTreeMap<String, f64>> =
            curves.values().flatten().flat_map(|point| point.rows.clone()).collect();
        let names: Vec<String> = shared(&all).into_iter().map(str::to_owned).collect();
        if names.len() < 2 {
            return Self::default();
        }
        let point = |point: &dose::Point| Point {
            patients: point.patients as f64,
            rows: point
                .rows
                .iter()
                .map(|row| names.iter().map(|name| row[name]).collect())
                .collect(),
        };
        let tables: Vec<Vec<Vec<f64>>> =
            curves.values().flatten().map(|found| point(found).rows).collect();
        let trainings = RunVariance::pooled(tables.iter().map(Vec::as_slice));
        let real: Vec<Point> = curves
            .iter()
            .filter(|(curve, _)| curve.gan.is_none())
            .flat_map(|(_, points)| points.iter().map(point))
            .collect();
        let mut points = vec![];
        for (curve, found) in &curves {
            for found in found {
                let rows = point(found);
                let asked = curve.gan.is_some() && real.len() > 1;
                points.push(Dose {
                    curve: curve.clone(),
                    patients: found.patients,
                    dice: mean(&rows),
                    interval: (rows.rows.len() > 1)
                        .then(|| crossed_interval_of_mean(&rows.rows, SEED))
                        .flatten(),
                    runs: rows.rows.len(),
                    worth: asked.then(|| worth(&real, &rows, trainings.as_ref(), SEED)),
                });
            }
        }
        let dice: Vec<f64> = real.iter().map(mean).collect();
        let fitted = real.iter().map(|point| point.patients as usize).zip(isotonic(&dice));
        Self { points, fitted: fitted.collect(), tested: names.len() }
    }
}

fn mean(point: &Point) -> f64 {
    let all: Vec<f64> = point.rows.iter().flatten().copied().collect();
    all.iter().sum::<f64>() / all.len() as f64
}

impl Dose {
    /// How many patients more the synthetic images were worth, in words: `5.2 more patients (95 % interval 1.0 to 9.4)`.
    pub fn said(&self, most: usize) -> Option<String> {
        let worth = self.worth?;
        let own = self.patients as f64;
        let left = most - self.patients;
        // An interval across nought says at each end which side it is on.
        let mixed = worth.interval.is_some_and(|[low, _]| low < own);
        let end = |patients: f64| match patients - own {
            more if more >= left as f64 => format!("{left} or more"),
            f64::NEG_INFINITY => "less than none".to_owned(),
            fewer if fewer < 0.0 => format!("{:.1} fewer", -fewer),
            more if mixed => format!("{more:.1} more"),
            more => format!("{more:.1}"),
        };
        let interval = match worth.interval {
            Some([low, high]) => format!(" (95 % interval {} to {})", end(low), end(high)),
            None => " (how sure this is, is not known: each point was tried once)".to_owned(),
        };
        let said = match worth.patients {
            f64::INFINITY if self.patients == most => {
                "more than there are patients: no number of them was tried that gave as much"
                    .to_owned()
            }
            f64::INFINITY => {
                format!("all {left} patients that were left, or more{interval}")
            }
            f64::NEG_INFINITY => format!("less than nothing{interval}"),
            found if found < own => format!("{:.1} patients fewer{interval}", own - found),
            found => format!("{:.1} more patients{interval}", found - own),
        };
        Some(said)
    }
}
