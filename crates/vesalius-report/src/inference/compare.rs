//! "A is better than B": differences over the test patients that both training sets share, with chance in patients and
//! in trainings, and what may be claimed of them.

use super::chance;
use super::primary::POWER;
use crate::evidence::measure::{SEED, mean};
use crate::evidence::{Evidence, TrainingSet};
use vesalius_data::pack::row::RowId;
use vesalius_statistics::mrmc::{Difference, Study};
use vesalius_statistics::{resample, test};

/// Two training sets, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Name of A.
    pub a: String,
    /// The GAN of A.
    pub gan: Option<RowId>,
    /// The same inside a sentence, with what tells these images and settings from others of that GAN.
    pub subject: Option<String>,
    /// Preset of the segmenters, where they are not those that tables and verdict go by.
    pub other_judge: Option<String>,
    /// Whether A was judged as most training sets are: by the settings of the tables, one network at a time.
    pub is_usual: bool,
    /// Whether synthetic images of A were augmented beside real ones.
    pub is_augmented_mix: bool,
    /// Name of B.
    pub b: String,
    /// Test patients of both.
    pub patients: usize,
    /// Repeated runs of A and of B, over which each patient's Dice is averaged first.
    pub runs: [usize; 2],
    /// Training sets that lend each other their chance in training, these two among them.
    pub lenders: usize,
    /// Mean Dice of A less that of B.
    pub difference: f64,
    /// The difference with chance in patients and trainings; none where no training set of their kind was repeated.
    pub study: Option<Difference>,
    /// What the very networks at hand show.
    pub networks: Networks,
    /// Whether it is the question that was asked first, or one of several in its place.
    pub is_primary: bool,
    /// The lesser p-value of a difference and of equivalence, corrected for the others of its family; none where neither
    /// can be tested.
    pub corrected: Option<f64>,
    /// What may be said.
    pub decision: Decision,
}

/// Paired over patients: these networks, no others.
#[derive(Debug, Clone, PartialEq)]
pub struct Networks {
    /// 95 % bootstrap interval of the difference over patients.
    pub interval: Option<[f64; 2]>,
    /// Patients that A segments better.
    pub wins: usize,
    /// Two-sided p-value of sign flips.
    pub p: f64,
}

/// What may be said of A against B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A is better.
    Helps,
    /// A is worse.
    Harms,
    /// The difference is less than the margin.
    Equivalent,
    /// Neither a difference nor equivalence was shown.
    Undecided,
    /// Nothing may be said: every training set was tried once.
    OneRunEach,
    /// Nothing may be said: fewer patients than [`FEWEST_PATIENTS`](super::primary::FEWEST_PATIENTS).
    FewPatients,
}

impl Decision {
    /// In words of a table.
    pub fn text(self) -> &'static str {
        match self {
            Self::Helps => "better",
            Self::Harms => "worse",
            Self::Equivalent => "no different",
            Self::Undecided => "undecided",
            Self::OneRunEach => "not known: repeat with other seeds",
            Self::FewPatients => "not known: too few patients",
        }
    }
}

impl Comparison {
    /// Two training sets; none with fewer than 2 shared patients. Nothing is decided yet.
    pub(super) fn of(evidence: &Evidence, a: &TrainingSet, b: &TrainingSet) -> Option<Self> {
        let patients = chance::patients(a, b);
        let differences: Vec<f64> =
            patients.iter().map(|name| a.patients[*name] - b.patients[*name]).collect();
        if differences.len() < 2 {
            return None;
        }
        let study = chance::difference(evidence, a, b, &patients);
        Some(Self {
            a: a.name(),
            gan: a.gan.clone(),
            subject: a.subject(),
            other_judge: a.other_judge.clone(),
            is_usual: a.is_usual,
            is_augmented_mix: a.is_augmented_mix(),
            b: b.name(),
            patients: differences.len(),
            runs: [a.trainings, b.trainings],
            lenders: chance::lenders(evidence, a).max(2),
            difference: mean(&differences),
            study,
            networks: Networks {
                interval: resample::interval_of_mean(&differences, SEED),
                wins: differences.iter().filter(|difference| **difference > 0.0).count(),
                p: test::paired(&differences, SEED),
            },
            is_primary: false,
            corrected: None,
            decision: Decision::OneRunEach,
        })
    }

    /// 95 % interval over patients and trainings.
    pub fn interval(&self) -> Option<[f64; 2]> {
        Some(self.study.as_ref()?.interval(0.95))
    }

    /// Smallest true difference that this number of patients and runs shows at `level` with [`POWER`].
    pub fn detectable(&self, level: f64) -> Option<f64> {
        self.study.as_ref()?.spread().detectable(self.size(), level, POWER)
    }

    /// Patients, or runs of each set, that would show a difference of `wanted` at `level`, all else being as it is.
    pub fn enough(&self, wanted: f64, level: f64) -> Option<[Option<usize>; 2]> {
        let spread = self.study.as_ref()?.spread();
        let size = self.size();
        Some([
            spread.patients_for(wanted, size, level, POWER),
            spread.runs_for(wanted, size, level, POWER),
        ])
    }

    fn size(&self) -> Study {
        // Segmenters of one sample count as one.
        let [a, b] = self.study.as_ref().map_or(self.runs, |study| study.runs);
        // Two sets with 1 and 3 runs know as much as two with the harmonic mean.
        let runs = (2.0 / (1.0 / a as f64 + 1.0 / b as f64)).round().max(1.0) as usize;
        Study { patients: self.patients, runs, sets: self.lenders }
    }
}
