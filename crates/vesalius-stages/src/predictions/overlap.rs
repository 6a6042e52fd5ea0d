//! Dice of predicted label maps: per volume, per slice, of all pixels together, and of each patient.

use super::volume::Volume;
use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::Score;
use vesalius_torch::segment::dice::{Evaluation, SliceCount, Summary, Unit, count};

/// What made predictions: the beginning of each protocol, with and without the seed that decided them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// `U-Net, 2000 steps of 16 slices, seed 1`.
    pub own: String,
    /// `U-Net, 2000 steps of 16 slices`.
    pub seedless: String,
}

impl Made {
    /// Protocols that go on.
    pub(super) fn with(&self, text: &str) -> Self {
        let with = |made: &str| format!("{made}; {text}");
        Self { own: with(&self.own), seedless: with(&self.seedless) }
    }
}

/// Resamples of the patients for an interval.
const RESAMPLES: u64 = 1000;

/// Of volumes of `classes`, the background's name first.
pub(super) fn scores(volumes: &[Volume], classes: &[String], made: &Made, seed: u64) -> Vec<Score> {
    let evaluation = evaluation(volumes, classes.len());
    let (mean_interval, class_intervals) = evaluation.intervals(Unit::Volume, seed, RESAMPLES);
    let patients = evaluation.per_patient().len();
    let mut scores = Vec::new();
    let mut add = |unit: DiceUnit, count: usize, summary: Summary, intervals: Option<()>| {
        let protocol = made.with(&format!(
            "{} on {patients} test patients, empty on both sides not counted, mean over units, then over classes",
            unit.dice()
        ));
        let named = classes[1..].iter().map(|class| Part::Class(unit, class.clone()));
        let parts = std::iter::once(Part::Mean(unit)).chain(named);
        let values = std::iter::once(summary.mean).chain(summary.classes);
        let spans = std::iter::once(mean_interval).chain(class_intervals.iter().copied());
        for ((part, value), span) in parts.zip(values).zip(spans) {
            if let Some(value) = value {
                scores.push(Score {
                    interval: intervals.and(span),
                    of: Some(part),
                    real_count: Some(count),
                    seedless: Some(protocol.seedless.clone()),
                    ..Score::new("dice", value, protocol.own.clone())
                });
            }
        }
    };
    add(DiceUnit::Volume, evaluation.volume_count(), evaluation.per_volume(), Some(()));
    add(DiceUnit::Slice, evaluation.slice_count(), evaluation.per_slice(), None);
    add(DiceUnit::Pooled, 1, evaluation.pooled(), None);
    scores.extend(of_patients(&evaluation, made));
    scores
}

/// Mean Dice of validation patients; none where no class is there or was predicted.
pub fn of_validation(volumes: &[Volume], classes: usize, made: &Made) -> Option<Score> {
    let evaluation = evaluation(volumes, classes);
    let protocol = made.with(&format!(
        "{} on {} validation patients, empty on both sides not counted, mean over units, then over classes",
        DiceUnit::Volume.dice(),
        evaluation.per_patient().len()
    ));
    Some(Score {
        of: Some(Part::Validation),
        real_count: Some(evaluation.volume_count()),
        seedless: Some(protocol.seedless.clone()),
        ..Score::new("dice", evaluation.per_volume().mean?, protocol.own.clone())
    })
}

fn evaluation(volumes: &[Volume], classes: usize) -> Evaluation {
    let slices = volumes.iter().flat_map(|volume| {
        let [_, rows, columns] = volume.shape;
        let [reference, prediction] = [&volume.reference, &volume.prediction];
        let slices = reference.chunks(rows * columns).zip(prediction.chunks(rows * columns));
        slices.map(move |(reference, prediction)| SliceCount {
            patient: volume.patient.clone(),
            case: volume.case.clone(),
            overlaps: count(prediction, reference, classes),
        })
    });
    Evaluation::new(slices.collect(), classes)
}

/// Dice of each test patient, for paired tests in reports; not of those in whom no class was there or predicted.
fn of_patients(evaluation: &Evaluation, made: &Made) -> Vec<Score> {
    let protocol = made
        .with("Dice of one test patient, empty on both sides not counted, mean over its volumes, then over classes")
        .own;
    let patients = evaluation.per_patient().into_iter();
    patients
        .filter_map(|(name, summary)| {
            Some(Score {
                of: Some(Part::Patient(name.to_owned())),
                ..Score::new("dice", summary.mean?, protocol.clone())
            })
        })
        .collect()
}
