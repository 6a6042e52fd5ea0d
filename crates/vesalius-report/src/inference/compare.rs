//! "A is better than B": paired permutation tests over the test patients that both training sets share, corrected by
//! Holm within each question.

use crate::evidence::measure::{SEED, mean};
use crate::evidence::{Evidence, TrainingSet};
use std::fmt::Write as _;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;
use vesalius_statistics::{resample, test};

/// Chance of a false claim that is accepted.
pub const ALPHA: f64 = 0.05;

/// A question with the comparisons that answer it: they are corrected together.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Which.
    pub kind: Kind,
    /// One per training set that can be compared.
    pub comparisons: Vec<Comparison>,
}

/// Questions that a report asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Real and synthetic against real: does adding help?
    AddedToReal,
    /// Real and synthetic against classical augmentation: does it do more than what costs nothing?
    AddedAgainstAugmented,
    /// Synthetic alone against real: could it stand in?
    AloneAgainstReal,
    /// Synthetic alone against classical augmentation.
    AloneAgainstAugmented,
    /// The most useful GAN against the others, images alone.
    BestAgainstOthers,
}

/// All questions, in the report's order.
pub const KINDS: [Kind; 5] = [
    Kind::AddedToReal,
    Kind::AddedAgainstAugmented,
    Kind::AloneAgainstReal,
    Kind::AloneAgainstAugmented,
    Kind::BestAgainstOthers,
];

/// One test.
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
    /// Name of B.
    pub b: String,
    /// Test patients of both.
    pub patients: usize,
    /// Repeated runs of A and of B, over which each patient's Dice is averaged first.
    pub runs: [usize; 2],
    /// Mean Dice of A less that of B.
    pub difference: f64,
    /// 95 % bootstrap interval of the difference over patients.
    pub interval: Option<[f64; 2]>,
    /// Patients that A segments better.
    pub wins: usize,
    /// Two-sided p-value of the paired permutation test.
    pub p: f64,
    /// The same after Holm's correction.
    pub corrected: f64,
}

impl Comparison {
    /// Whether the corrected p-value is below [`ALPHA`].
    pub fn is_shown(&self) -> bool {
        self.corrected < ALPHA
    }

    /// Least p-value that this number of patients can give, after the correction for `tests` tests.
    pub fn least(&self, tests: usize) -> f64 {
        (test::least_paired(self.patients) * tests as f64).min(1.0)
    }
}

impl Kind {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::AddedToReal => "Does adding GAN images to the real ones help?",
            Self::AddedAgainstAugmented => {
                "Does adding GAN images do more than classical augmentation?"
            }
            Self::AloneAgainstReal => "Can GAN images stand in for the real ones?",
            Self::AloneAgainstAugmented => {
                "Can GAN images stand in for real ones with classical augmentation?"
            }
            Self::BestAgainstOthers => "Is the most useful GAN better than the others?",
        }
    }

    /// Name in files: a format.
    pub fn key(self) -> &'static str {
        match self {
            Self::AddedToReal => "added_to_real",
            Self::AddedAgainstAugmented => "added_against_augmented",
            Self::AloneAgainstReal => "alone_against_real",
            Self::AloneAgainstAugmented => "alone_against_augmented",
            Self::BestAgainstOthers => "best_against_others",
        }
    }
}

/// The tests of one question; empty where its training sets were not judged per patient.
pub fn ask(evidence: &Evidence, kind: Kind) -> Question {
    // Against real images alone that were judged in the same way, or against nothing.
    let against = |trained_on: TrainedOn, reference: TrainedOn| -> Vec<Comparison> {
        let sets = evidence.sets.iter().filter(|s| s.trained_on == trained_on && s.dice.is_some());
        sets.filter_map(|a| compare(a, evidence.reference(a, reference)?)).collect()
    };
    let mut comparisons = match kind {
        Kind::AddedToReal => against(TrainedOn::RealAndSynthetic, TrainedOn::Real),
        Kind::AddedAgainstAugmented => {
            against(TrainedOn::RealAndSynthetic, TrainedOn::RealAugmented)
        }
        Kind::AloneAgainstReal => against(TrainedOn::Synthetic, TrainedOn::Real),
        Kind::AloneAgainstAugmented => against(TrainedOn::Synthetic, TrainedOn::RealAugmented),
        Kind::BestAgainstOthers => match evidence.by_usefulness().split_last() {
            Some((best, others)) => {
                others.iter().rev().filter_map(|other| compare(best, other)).collect()
            }
            None => vec![],
        },
    };
    let p_values: Vec<f64> = comparisons.iter().map(|comparison| comparison.p).collect();
    for (comparison, corrected) in comparisons.iter_mut().zip(test::holm(&p_values)) {
        comparison.corrected = corrected;
    }
    Question { kind, comparisons }
}

/// One test; none with fewer than 2 shared patients.
fn compare(a: &TrainingSet, b: &TrainingSet) -> Option<Comparison> {
    let differences: Vec<f64> =
        a.patients.iter().filter_map(|(name, dice)| Some(dice - b.patients.get(name)?)).collect();
    if differences.len() < 2 {
        return None;
    }
    let p = test::paired(&differences, SEED);
    Some(Comparison {
        a: a.name(),
        gan: a.gan.clone(),
        subject: a.subject(),
        other_judge: a.other_judge.clone(),
        b: b.name(),
        patients: differences.len(),
        runs: [a.judged.len(), b.judged.len()],
        difference: mean(&differences),
        interval: resample::interval_of_mean(&differences, SEED),
        wins: differences.iter().filter(|difference| **difference > 0.0).count(),
        p,
        corrected: p,
    })
}

impl Question {
    /// The comparisons that a verdict goes by: those of the tables' judge, or all where it made none. A weaker segmenter
    /// gains by images that a stronger one can do without.
    pub fn decisive(&self) -> impl Iterator<Item = &Comparison> {
        let spoken = self.comparisons.iter().any(|c| c.other_judge.is_none());
        self.comparisons.iter().filter(move |c| !spoken || c.other_judge.is_none())
    }

    /// Least corrected p-value that the patients allow, and their number; none without comparisons.
    pub fn least(&self) -> Option<(f64, usize)> {
        let most = self.comparisons.iter().max_by_key(|comparison| comparison.patients)?;
        Some((most.least(self.comparisons.len()), most.patients))
    }

    /// What its number of patients can show at all, in one sentence.
    pub fn power(&self) -> Option<String> {
        let (least, patients) = self.least()?;
        let tests = self.comparisons.len();
        let single = test::least_paired(patients);
        let exact = if patients <= 14 {
            format!("{single:.4} (2 of {} patterns of signs)", 1_u64 << patients)
        } else {
            format!("about {single:.0e}")
        };
        let mut text =
            format!("{patients} test patients: the smallest attainable p-value is {exact}");
        if tests > 1 {
            let _ = write!(text, ", {least:.4} after the correction for {tests} comparisons");
        }
        if least >= ALPHA {
            let _ = write!(
                text,
                ". No difference, however large, could fall below {ALPHA}: {} patients, or fewer comparisons, are needed",
                needed(tests)
            );
        }
        Some(text + ".")
    }
}

/// Patients from which the smallest p-value of one among `tests` tests falls below [`ALPHA`].
pub fn needed(tests: usize) -> usize {
    (1..64).find(|&n| test::least_paired(n) * (tests as f64) < ALPHA).unwrap_or(64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;

    #[test]
    fn a_gan_that_helps_every_patient_is_shown_to_help() {
        let mut fixture = Fixture::new();
        fixture.unet(None, TrainedOn::Real, 1, &[0.70; 8]);
        fixture.unet(Some("lsgan"), TrainedOn::RealAndSynthetic, 1, &[0.75; 8]);
        fixture.unet(Some("wgan"), TrainedOn::RealAndSynthetic, 1, &[0.70; 8]);
        let runs = fixture.runs();
        let evidence = &crate::evidence::evidence(&runs).unwrap()[0];
        let found = ask(evidence, Kind::AddedToReal);
        assert_eq!(found.comparisons.len(), 2);
        let lsgan = &found.comparisons[0];
        assert_eq!((lsgan.patients, lsgan.wins, lsgan.p), (8, 8, 2.0 / 256.0));
        assert_eq!(lsgan.corrected, 4.0 / 256.0);
        assert!(lsgan.is_shown() && (lsgan.difference - 0.05).abs() < 1e-12);
        assert_eq!(found.comparisons[1].p, 1.0);
        assert!(found.power().unwrap().contains("0.0078 (2 of 256 patterns"));
    }

    #[test]
    fn seeds_are_averaged_per_patient_before_the_test() {
        let mut fixture = Fixture::new();
        fixture.unet(None, TrainedOn::Real, 1, &[0.7, 0.6, 0.5]);
        fixture.unet(None, TrainedOn::Real, 2, &[0.9, 0.6, 0.7]);
        fixture.unet(Some("wgan"), TrainedOn::Synthetic, 1, &[0.8, 0.5, 0.6]);
        let runs = fixture.runs();
        let evidence = &crate::evidence::evidence(&runs).unwrap()[0];
        let found = &ask(evidence, Kind::AloneAgainstReal).comparisons[0];
        assert!((found.difference + 0.1 / 3.0).abs() < 1e-12);
        assert_eq!(found.runs, [1, 2]);
    }

    #[test]
    fn eight_patients_cannot_carry_eight_comparisons() {
        assert_eq!(needed(1), 6);
        assert_eq!(needed(6), 8);
        assert_eq!(needed(8), 9);
    }
}
