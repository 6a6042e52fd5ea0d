//! The difference of two training sets, and what chance leaves possible.

use super::grid::{inverse, upper_tail};
use super::variance::{RunVariance, means_of_patients};

/// Halvings that place the end of an interval: to 1e-9 of its half-width.
const HALVINGS: usize = 30;

/// Mean Dice of one training set less that of another, over patients and trainings like these.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The difference of the means.
    pub estimate: f64,
    /// Patients that both were tested on.
    pub patients: usize,
    /// Runs of either.
    pub runs: [usize; 2],
    /// Variance of the patients' differences, each of means over the runs.
    pub over_patients: f64,
    /// How far runs lie apart.
    pub trainings: RunVariance,
    /// Standard errors that the mean squares leave possible, each with its weight; weights sum to 1.
    errors: Vec<(f64, f64)>,
}

impl Difference {
    /// Of tables `[runs][patients]`, the same patients in the same order; `trainings` from these sets and whatever
    /// lends them its chance in training.
    /// None with fewer than 2 patients.
    ///
    /// # Panics
    /// When a table is empty or tables differ in their patients.
    pub fn new(a: &[Vec<f64>], b: &[Vec<f64>], trainings: RunVariance) -> Option<Self> {
        let (mean_a, mean_b) = (means_of_patients(a), means_of_patients(b));
        assert_eq!((mean_a.len(), mean_b.len()), (trainings.patients, trainings.patients));
        let patients = mean_a.len();
        if patients < 2 {
            return None;
        }
        let differences: Vec<f64> = mean_a.iter().zip(&mean_b).map(|(a, b)| a - b).collect();
        let estimate = differences.iter().sum::<f64>() / patients as f64;
        let squares = differences.iter().map(|d| (d - estimate).powi(2)).sum::<f64>();
        let over_patients = squares / (patients - 1) as f64;
        let runs = [a.len(), b.len()];
        let share = inverse_sum(runs);
        let of_trainings: Vec<(f64, f64)> = inverse(trainings.freedom)
            .into_iter()
            .map(|(scale, weight)| {
                let left = trainings.of_means * scale - trainings.residual / patients as f64;
                (share * left.max(0.0), weight)
            })
            .collect();
        let errors = inverse(patients - 1)
            .into_iter()
            .flat_map(|(scale, weight)| {
                let of_patients = over_patients / patients as f64 * scale;
                of_trainings
                    .iter()
                    .map(move |(other, by)| ((of_patients + other).sqrt(), weight * by))
            })
            .collect();
        Some(Self { estimate, patients, runs, over_patients, trainings, errors })
    }

    /// Chance that the true difference is above `value`, given these data.
    fn above(&self, value: f64) -> f64 {
        let distance = value - self.estimate;
        self.errors
            .iter()
            .map(|(error, weight)| {
                // Where nothing varied, nothing but the estimate is possible.
                let z = if distance == 0.0 { 0.0 } else { distance / error };
                weight * upper_tail(z)
            })
            .sum()
    }

    /// Two-sided p-value of no difference.
    pub fn p(&self) -> f64 {
        let above = self.above(0.0);
        (2.0 * above.min(1.0 - above)).clamp(0.0, 1.0)
    }

    /// p-value of two one-sided tests (Schuirmann 1987): small where the difference is less than `margin` to either
    /// side.
    pub fn p_equivalent(&self, margin: f64) -> f64 {
        self.above(margin).max(1.0 - self.above(-margin))
    }

    /// Symmetric interval that covers the true difference with chance `level`.
    pub fn interval(&self, level: f64) -> [f64; 2] {
        let outside = (1.0 - level) / 2.0;
        let mut high = 1e-12;
        while self.above(self.estimate + high) > outside {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if self.above(self.estimate + middle) > outside { low = middle } else { high = middle }
        }
        [self.estimate - high, self.estimate + high]
    }

    /// Standard error: the root of the variance's estimate.
    pub fn standard_error(&self) -> f64 {
        let of_patients = self.over_patients / self.patients as f64;
        (of_patients + inverse_sum(self.runs) * self.trainings.of_training()).sqrt()
    }

    /// The same with other numbers of patients, and of runs in each set, from what was seen here.
    pub fn standard_error_with(&self, patients: usize, runs: usize) -> f64 {
        // What patients bring whatever the runs, and what run × patient adds.
        let residual = inverse_sum(self.runs) * self.trainings.residual;
        let lasting = (self.over_patients - residual).max(0.0);
        let share = inverse_sum([runs, runs]);
        let of_patients = (lasting + share * self.trainings.residual) / patients as f64;
        (of_patients + share * self.trainings.of_training()).sqrt()
    }
}

fn inverse_sum(runs: [usize; 2]) -> f64 {
    runs.iter().map(|runs| 1.0 / *runs as f64).sum()
}
