//! What other numbers of patients and trainings could show.

use super::difference::{Difference, Trainings};
use super::variance::RunVariance;

/// Variances of the difference of two training sets, by source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Of patients' differences that every training of the two sets would find.
    pub lasting: f64,
    /// Of run × patient, in one training.
    pub residual: f64,
    /// Of a training, all patients alike.
    pub training: f64,
}

/// Most patients or trainings that are asked for.
const MOST: usize = 10_000;

impl Spread {
    /// Variances from what studies show: the standard deviation of patients' differences between one training of either
    /// set, and that between trainings of one set; half of the former's variance is another one in each training.
    pub fn from_deviations(differences: f64, trainings: f64) -> Self {
        let all = differences * differences;
        Self { lasting: all / 2.0, residual: all / 4.0, training: trainings * trainings }
    }

    /// Standard error of a difference with so many patients and so many trainings of either set.
    pub fn standard_error(&self, patients: usize, runs: usize) -> f64 {
        let share = 2.0 / runs as f64;
        let of_patients = (self.lasting + share * self.residual) / patients as f64;
        (of_patients + share * self.training).sqrt()
    }

    /// Smallest true difference that is shown at `level` (two-sided) in `power` of studies with so many patients and
    /// training sets with so many trainings each, which pool their chance in training.
    /// None with one training each: nothing is shown then.
    pub fn detectable(&self, study: Study, level: f64, power: f64) -> Option<f64> {
        let beyond =
            crate::normal::quantile(power) * self.standard_error(study.patients, study.runs);
        Some(self.expected(study)?.half_width(1.0 - level) + beyond)
    }

    /// Fewest patients with which `difference` is detectable, the rest of the study as it is; none where no number of
    /// patients suffices, because trainings lie too far apart.
    pub fn patients_for(
        &self,
        difference: f64,
        study: Study,
        level: f64,
        power: f64,
    ) -> Option<usize> {
        let suffices = |patients| {
            let found = self.detectable(Study { patients, ..study }, level, power);
            found.is_some_and(|found| found <= difference)
        };
        fewest(suffices)
    }

    /// Fewest trainings of each set with which `difference` is detectable; none where patients are too few for any
    /// number.
    pub fn runs_for(&self, difference: f64, study: Study, level: f64, power: f64) -> Option<usize> {
        let suffices = |runs| {
            let found = self.detectable(Study { runs, ..study }, level, power);
            found.is_some_and(|found| found <= difference)
        };
        fewest(suffices)
    }

    /// A difference of 0 whose mean squares are what this spread leads to on average.
    fn expected(&self, study: Study) -> Option<Difference> {
        let Study { patients, runs, sets } = study;
        if patients < 2 || runs < 2 {
            return None;
        }
        let over_patients = self.lasting + 2.0 / runs as f64 * self.residual;
        let trainings = RunVariance {
            of_means: self.training + self.residual / patients as f64,
            residual: self.residual,
            freedom: sets * (runs - 1),
            patients,
        };
        let trainings = Trainings::Alike(trainings);
        Some(Difference::of_squares(0.0, over_patients, patients, [runs; 2], trainings))
    }
}

/// Size of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Study {
    /// Patients that test.
    pub patients: usize,
    /// Trainings of each set.
    pub runs: usize,
    /// Training sets that pool their chance in training, the two that are compared among them.
    pub sets: usize,
}

/// Least number that suffices, where more of it never harms.
fn fewest(suffices: impl Fn(usize) -> bool) -> Option<usize> {
    let mut high = 2;
    while !suffices(high) {
        high *= 2;
        if high > MOST {
            return None;
        }
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if suffices(middle) { high = middle } else { low = middle }
    }
    Some(high)
}
