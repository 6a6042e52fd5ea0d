//! A number for each class of each volume, and what it is on the whole.

use rand::RngExt as _;
use std::collections::BTreeMap;
use vesalius_statistics::resample::quantile;
use vesalius_torch::rng::{Purpose, keyed};

/// By patient, its volumes; of each a number for each class, where there is one.
#[derive(Debug)]
pub struct Table {
    classes: usize,
    patients: Vec<Vec<Vec<Option<f64>>>>,
}

/// A mean and its 95 % interval.
type Measure = (f64, Option<[f64; 2]>);

/// Resamples of the patients for an interval.
const RESAMPLES: u64 = 1000;

impl Table {
    /// Of volumes with their patient.
    pub fn new<'a>(
        rows: impl Iterator<Item = (&'a str, Vec<Option<f64>>)>,
        classes: usize,
    ) -> Self {
        let mut patients: BTreeMap<&str, Vec<Vec<Option<f64>>>> = BTreeMap::new();
        for (patient, numbers) in rows {
            patients.entry(patient).or_default().push(numbers);
        }
        Self { classes, patients: patients.into_values().collect() }
    }

    /// Mean over classes of the means over volumes, then those of the classes; percentiles of resampled patients.
    pub fn measures(&self, seed: u64) -> Vec<Option<Measure>> {
        let all: Vec<usize> = (0..self.patients.len()).collect();
        let means = self.means(&all);
        let draws: Vec<Vec<Option<f64>>> = (0..RESAMPLES)
            .map(|draw| {
                let mut rng = keyed(seed, Purpose::Bootstrap, draw);
                let drawn: Vec<usize> =
                    all.iter().map(|_| rng.random_range(0..all.len())).collect();
                self.means(&drawn)
            })
            .collect();
        let measure = |(i, mean): (usize, Option<f64>)| {
            let drawn = draws.iter().filter_map(|draw| draw[i]).collect();
            Some((mean?, percentiles(drawn)))
        };
        means.into_iter().enumerate().map(measure).collect()
    }

    fn means(&self, patients: &[usize]) -> Vec<Option<f64>> {
        let mean = |values: Vec<f64>| {
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let volumes = || patients.iter().flat_map(|&patient| &self.patients[patient]);
        let classes: Vec<Option<f64>> = (0..self.classes)
            .map(|class| mean(volumes().filter_map(|volume| volume[class]).collect()))
            .collect();
        let whole = mean(classes.iter().flatten().copied().collect());
        std::iter::once(whole).chain(classes).collect()
    }
}

/// 2.5th and 97.5th percentile.
fn percentiles(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| [0.025, 0.975].map(|share| quantile(&values, share)))
}
