//! The difference of two training sets, and what chance leaves possible.

use super::grid::{inverse, upper_tail};
use super::spread::Spread;
use super::variance::{RunVariance, means_of_patients};

/// Halvings that place the end of an interval: to 1e-9 of its half-width.
const HALVINGS: usize = 30;
/// Classes of standard errors that are told apart, over their whole range.
const CLASSES: usize = 1024;

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
    pub trainings: Trainings,
    /// Standard errors that the mean squares leave possible, each with its weight; weights sum to 1.
    errors: Vec<(f64, f64)>,
}

/// What is known of chance in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trainings {
    /// Alike in both training sets: pooled over them and others like them.
    Alike(RunVariance),
    /// Of either set on its own.
    Apart([RunVariance; 2]),
}

impl Trainings {
    /// Of a training of either set.
    fn of_each(&self) -> [RunVariance; 2] {
        match self {
            Self::Alike(both) => [*both; 2],
            Self::Apart(each) => *each,
        }
    }
}

impl Difference {
    /// Of tables `[runs][patients]`, the same patients in the same order; `trainings` from these sets and whatever
    /// lends them its chance in training.
    /// None with fewer than 2 patients.
    ///
    /// # Panics
    /// When a table is empty or tables differ in their patients.
    pub fn new(a: &[Vec<f64>], b: &[Vec<f64>], trainings: Trainings) -> Option<Self> {
        let (mean_a, mean_b) = (means_of_patients(a), means_of_patients(b));
        let patients = mean_a.len();
        assert_eq!(patients, mean_b.len(), "patients of either set");
        let expected = trainings.of_each().map(|each| each.patients);
        assert_eq!([patients; 2], expected, "patients of the runs");
        if patients < 2 {
            return None;
        }
        let differences: Vec<f64> = mean_a.iter().zip(&mean_b).map(|(a, b)| a - b).collect();
        let estimate = differences.iter().sum::<f64>() / patients as f64;
        let squares = differences.iter().map(|d| (d - estimate).powi(2)).sum::<f64>();
        let over_patients = squares / (patients - 1) as f64;
        Some(Self::of_squares(estimate, over_patients, patients, [a.len(), b.len()], trainings))
    }

    /// Of what the tables come to.
    pub(super) fn of_squares(
        estimate: f64,
        over_patients: f64,
        patients: usize,
        runs: [usize; 2],
        trainings: Trainings,
    ) -> Self {
        let of_patients = scaled(over_patients / patients as f64, inverse(patients - 1));
        // Run × patient is in the patients' differences already.
        let excess = |variances: Vec<(f64, f64)>, residual: f64| -> Vec<(f64, f64)> {
            let less = residual / patients as f64;
            variances.into_iter().map(|(v, weight)| ((v - less).max(0.0), weight)).collect()
        };
        let share = runs.map(|runs| 1.0 / runs as f64);
        let of_trainings = match trainings {
            Trainings::Alike(both) => {
                let share = share[0] + share[1];
                let possible = scaled(share * both.of_means, inverse(both.freedom));
                excess(possible, share * both.residual)
            }
            Trainings::Apart(each) => {
                let possible =
                    [0, 1].map(|i| scaled(share[i] * each[i].of_means, inverse(each[i].freedom)));
                let sums = classes(sums(&possible[0], &possible[1]));
                excess(sums, share[0] * each[0].residual + share[1] * each[1].residual)
            }
        };
        let variances = classes(sums(&of_patients, &of_trainings));
        let errors = variances.into_iter().map(|(v, weight)| (v.sqrt(), weight)).collect();
        Self { estimate, patients, runs, over_patients, trainings, errors }
    }

    /// Chance that the true difference is above `value`, given these data.
    fn above(&self, value: f64) -> f64 {
        let distance = value - self.estimate;
        let chance = |(error, weight): &(f64, f64)| {
            // Where nothing varied, nothing but the estimate is possible.
            let z = if distance == 0.0 { 0.0 } else { distance / error };
            weight * upper_tail(z)
        };
        self.errors.iter().map(chance).sum()
    }

    /// Two-sided p-value of no difference.
    pub fn p(&self) -> f64 {
        let above = self.above(0.0);
        (2.0 * above.min(1.0 - above)).clamp(0.0, 1.0)
    }

    /// p-value of two one-sided tests (Schuirmann 1987): small where the difference is less than `margin` to either
    /// side.
    pub fn p_equivalent(&self, margin: f64) -> f64 {
        self.above(margin).max(1.0 - self.above(-margin)).clamp(0.0, 1.0)
    }

    /// Interval that covers the true difference with chance `level`, as far above the estimate as below.
    pub fn interval(&self, level: f64) -> [f64; 2] {
        let half = self.half_width(level);
        [self.estimate - half, self.estimate + half]
    }

    /// Half of the interval's width: from there on a difference from 0 is shown at level `1 - level`.
    pub(super) fn half_width(&self, level: f64) -> f64 {
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
        high
    }

    /// What the tables say of each source of chance.
    pub fn spread(&self) -> Spread {
        let each = self.trainings.of_each();
        let share = self.runs.map(|runs| 1.0 / runs as f64);
        let residual = share[0] * each[0].residual + share[1] * each[1].residual;
        let mean = |of: fn(&RunVariance) -> f64| f64::midpoint(of(&each[0]), of(&each[1]));
        Spread {
            lasting: (self.over_patients - residual).max(0.0),
            residual: mean(|each| each.residual),
            training: mean(RunVariance::of_training),
        }
    }

    /// Standard error: the root of the variance's estimate.
    pub fn standard_error(&self) -> f64 {
        let each = self.trainings.of_each();
        let of_trainings: f64 = (0..2).map(|i| each[i].of_training() / self.runs[i] as f64).sum();
        (self.over_patients / self.patients as f64 + of_trainings).sqrt()
    }
}

/// A variance times what a chi-squared variable leaves possible.
fn scaled(variance: f64, inverse: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    inverse.into_iter().map(|(scale, weight)| (variance * scale, weight)).collect()
}

/// The sums of two independent variables.
fn sums(a: &[(f64, f64)], b: &[(f64, f64)]) -> Vec<(f64, f64)> {
    a.iter().flat_map(|(x, p)| b.iter().map(move |(y, q)| (x + y, p * q))).collect()
}

/// Few classes of values instead of many values: each the mean of its members, at most a thousandth of the range of the
/// logarithm wide.
fn classes(values: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let positive = values.iter().map(|(value, _)| *value).filter(|value| *value > 0.0);
    let (least, most) = positive.fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(v), m.max(v)));
    let width = (most / least).ln() / (CLASSES - 1) as f64;
    // Of each class its weight and its members' sum; the last is of zeros.
    let mut found = vec![(0.0, 0.0); CLASSES + 1];
    for (value, weight) in values {
        let class = if value <= 0.0 {
            CLASSES
        } else if width > 0.0 {
            (((value / least).ln() / width) as usize).min(CLASSES - 1)
        } else {
            0
        };
        found[class].0 += weight;
        found[class].1 += weight * value;
    }
    found.into_iter().filter(|(w, _)| *w > 0.0).map(|(w, sum)| (sum / w, w)).collect()
}
