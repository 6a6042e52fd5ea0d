//! Dice on label maps, counted per slice and summed up as the protocol wants it.
//!
//! Protocol (nnU-Net, `nnunetv2/evaluation/evaluate_predictions.py`, with its empty-reference rule made explicit): per
//! unit (volume or slice) and class 2|P∩R| / (|P| + |R|); both empty: not counted; predicted on an empty reference: 0;
//! mean over units, then over classes. Pooled: all pixels of all test slices as one unit.

use crate::rng::{Purpose, keyed};
use rand::RngExt as _;
use std::collections::BTreeMap;
use vesalius_statistics::resample::quantile;

/// Pixels of one class in one unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overlap {
    /// |P∩R|.
    pub both: u64,
    /// |P|.
    pub predicted: u64,
    /// |R|.
    pub reference: u64,
}

impl Overlap {
    /// `None` where prediction and reference are both empty.
    pub fn dice(self) -> Option<f64> {
        let sum = self.predicted + self.reference;
        (sum > 0).then(|| 2.0 * self.both as f64 / sum as f64)
    }

    fn add(&mut self, other: Self) {
        self.both += other.both;
        self.predicted += other.predicted;
        self.reference += other.reference;
    }
}

/// Counts of one slice: one entry per class, the background's included.
pub fn count(predicted: &[u8], reference: &[u8], classes: usize) -> Vec<Overlap> {
    let mut counts = vec![Overlap::default(); classes];
    for (&p, &r) in predicted.iter().zip(reference) {
        counts[usize::from(p)].predicted += 1;
        counts[usize::from(r)].reference += 1;
        if p == r {
            counts[usize::from(p)].both += 1;
        }
    }
    counts
}

/// A slice's counts with the names of what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceCount {
    /// Patient.
    pub patient: String,
    /// Volume.
    pub case: String,
    /// One entry per class.
    pub overlaps: Vec<Overlap>,
}

/// Means over units, per class (background left out) and over the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Mean over the classes that were counted anywhere; `None` if none was.
    pub mean: Option<f64>,
    /// Of class 1, 2, …; `None` where it was never counted.
    pub classes: Vec<Option<f64>>,
}

fn summarise<'a>(units: impl Iterator<Item = &'a Vec<Overlap>> + Clone, classes: usize) -> Summary {
    let mean = |values: Vec<f64>| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let classes: Vec<Option<f64>> = (1..classes)
        .map(|class| mean(units.clone().filter_map(|unit| unit[class].dice()).collect()))
        .collect();
    Summary { mean: mean(classes.iter().flatten().copied().collect()), classes }
}

/// What Dice is taken of before means are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Each volume.
    Volume,
    /// Each slice.
    Slice,
    /// Everything together.
    Pooled,
}

/// All test slices of one evaluation.
#[derive(Debug, Clone)]
pub struct Evaluation {
    classes: usize,
    slices: Vec<SliceCount>,
    /// Volumes of each patient.
    volumes: BTreeMap<String, Vec<Vec<Overlap>>>,
}

impl Evaluation {
    /// Gathers slices into volumes and patients.
    pub fn new(slices: Vec<SliceCount>, classes: usize) -> Self {
        let mut by_case: BTreeMap<(String, String), Vec<Overlap>> = BTreeMap::new();
        for slice in &slices {
            let key = (slice.patient.clone(), slice.case.clone());
            let volume = by_case.entry(key).or_insert_with(|| vec![Overlap::default(); classes]);
            volume.iter_mut().zip(&slice.overlaps).for_each(|(sum, overlap)| sum.add(*overlap));
        }
        let mut volumes: BTreeMap<String, Vec<Vec<Overlap>>> = BTreeMap::new();
        for ((patient, _), volume) in by_case {
            volumes.entry(patient).or_default().push(volume);
        }
        Self { classes, slices, volumes }
    }

    /// Number of volumes.
    pub fn volume_count(&self) -> usize {
        self.volumes.values().map(Vec::len).sum()
    }

    /// Number of slices.
    pub fn slice_count(&self) -> usize {
        self.slices.len()
    }

    /// Each volume is a unit.
    pub fn per_volume(&self) -> Summary {
        summarise(self.volumes.values().flatten(), self.classes)
    }

    /// Each patient's own summary of its volumes, by name; what paired tests over patients compare.
    pub fn per_patient(&self) -> Vec<(&str, Summary)> {
        self.volumes
            .iter()
            .map(|(patient, volumes)| (patient.as_str(), summarise(volumes.iter(), self.classes)))
            .collect()
    }

    /// Each slice is a unit.
    pub fn per_slice(&self) -> Summary {
        let units: Vec<Vec<Overlap>> = self.slices.iter().map(|s| s.overlaps.clone()).collect();
        summarise(units.iter(), self.classes)
    }

    /// Everything is one unit.
    pub fn pooled(&self) -> Summary {
        let mut sum = vec![Overlap::default(); self.classes];
        for slice in &self.slices {
            sum.iter_mut().zip(&slice.overlaps).for_each(|(sum, overlap)| sum.add(*overlap));
        }
        summarise(std::iter::once(&sum), self.classes)
    }

    /// Each slice's Dice, in the order given: mean over the classes that are counted in it.
    pub fn of_slices(&self) -> Vec<Option<f64>> {
        let of = |slice: &SliceCount| summarise(std::iter::once(&slice.overlaps), self.classes);
        self.slices.iter().map(|slice| of(slice).mean).collect()
    }

    /// One of [`Evaluation::per_volume`], [`Evaluation::per_slice`] and [`Evaluation::pooled`].
    pub fn per(&self, unit: Unit) -> Summary {
        match unit {
            Unit::Volume => self.per_volume(),
            Unit::Slice => self.per_slice(),
            Unit::Pooled => self.pooled(),
        }
    }

    /// 95 % percentile intervals of [`Evaluation::per`], from `resamples` draws of patients (of synthetic pairs: of
    /// samples, each of which is a patient) with replacement: of the mean, then of each class.
    pub fn intervals(
        &self,
        unit: Unit,
        seed: u64,
        resamples: u64,
    ) -> (Option<[f64; 2]>, Vec<Option<[f64; 2]>>) {
        let patients = self.units_of_patients(unit);
        let draws: Vec<Summary> = (0..resamples)
            .map(|draw| {
                let mut rng = keyed(seed, Purpose::Bootstrap, draw);
                let drawn: Vec<&Vec<Vec<Overlap>>> = patients
                    .iter()
                    .map(|_| &patients[rng.random_range(0..patients.len())])
                    .collect();
                let units = drawn.iter().copied().flatten();
                if unit == Unit::Pooled {
                    let mut sum = vec![Overlap::default(); self.classes];
                    for part in units {
                        sum.iter_mut().zip(part).for_each(|(sum, overlap)| sum.add(*overlap));
                    }
                    return summarise(std::iter::once(&sum), self.classes);
                }
                summarise(units, self.classes)
            })
            .collect();
        let classes = (0..self.classes - 1)
            .map(|class| interval(draws.iter().filter_map(|draw| draw.classes[class]).collect()))
            .collect();
        (interval(draws.iter().filter_map(|draw| draw.mean).collect()), classes)
    }

    /// Of each patient, by name, the units; pooled ones as volumes, whose sums they are.
    fn units_of_patients(&self, unit: Unit) -> Vec<Vec<Vec<Overlap>>> {
        if unit != Unit::Slice {
            return self.volumes.values().cloned().collect();
        }
        let mut slices: BTreeMap<&str, Vec<Vec<Overlap>>> = BTreeMap::new();
        for slice in &self.slices {
            slices.entry(&slice.patient).or_default().push(slice.overlaps.clone());
        }
        slices.into_values().collect()
    }
}

/// 2.5th and 97.5th percentile.
fn interval(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| [0.025, 0.975].map(|share| quantile(&values, share)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(patient: &str, case: &str, predicted: &[u8], reference: &[u8]) -> SliceCount {
        let overlaps = count(predicted, reference, 3);
        SliceCount { patient: patient.into(), case: case.into(), overlaps }
    }

    #[test]
    fn empty_references_follow_the_protocol() {
        // Class 1: half right in volume a (Dice 2/3), predicted on an empty reference in volume b (0), never in c.
        // Class 2: nowhere, so it is not counted.
        let evaluation = Evaluation::new(
            vec![
                slice("p", "a", &[1, 0, 0, 0], &[1, 1, 0, 0]),
                slice("p", "b", &[1, 0, 0, 0], &[0, 0, 0, 0]),
                slice("q", "c", &[0, 0, 0, 0], &[0, 0, 0, 0]),
            ],
            3,
        );
        let summary = evaluation.per_volume();
        assert_eq!(summary.classes, [Some(1.0 / 3.0), None]);
        assert_eq!(summary.mean, Some(1.0 / 3.0));
        assert_eq!(evaluation.pooled().classes[0], Some(2.0 / 4.0));
        assert_eq!(evaluation.volume_count(), 3);
    }

    #[test]
    fn a_patient_is_the_mean_over_its_volumes_then_classes() {
        let evaluation = Evaluation::new(
            vec![
                // Class 1: 1 in volume a, 2/3 in b; class 2: 0 in a (predicted where there is none), not in b.
                slice("p", "a", &[1, 1, 2, 0], &[1, 1, 0, 0]),
                slice("p", "b", &[1, 0, 0, 0], &[1, 1, 0, 0]),
                slice("q", "c", &[0, 0, 0, 0], &[0, 0, 0, 0]),
            ],
            3,
        );
        let found = evaluation.per_patient();
        let (names, means): (Vec<&str>, Vec<Option<f64>>) =
            found.into_iter().map(|(name, summary)| (name, summary.mean)).unzip();
        assert_eq!(names, ["p", "q"]);
        // ((1 + 2/3) / 2 + 0) / 2; nothing was there to be counted in q.
        assert!((means[0].unwrap() - 5.0 / 12.0).abs() < 1e-12);
        assert_eq!(means[1], None);
    }

    #[test]
    fn a_volume_sums_its_slices_before_dividing() {
        let evaluation = Evaluation::new(
            vec![
                slice("p", "a", &[1, 1, 1, 1], &[1, 1, 1, 1]),
                slice("p", "a", &[0, 0, 0, 2], &[1, 0, 0, 2]),
            ],
            3,
        );
        assert_eq!(evaluation.per_volume().classes, [Some(8.0 / 9.0), Some(1.0)]);
        assert_eq!(evaluation.per_slice().classes, [Some(0.5), Some(1.0)]);
    }

    #[test]
    fn intervals_hold_the_mean_and_have_no_width_for_one_patient() {
        let good = slice("p", "a", &[1, 1], &[1, 1]);
        let bad = slice("q", "b", &[0, 1], &[1, 0]);
        for unit in [Unit::Volume, Unit::Slice, Unit::Pooled] {
            let both = Evaluation::new(vec![good.clone(), bad.clone()], 3);
            let [low, high] = both.intervals(unit, 1, 500).0.unwrap();
            let mean = both.per(unit).mean.unwrap();
            assert!(low < mean && high > mean, "{unit:?}: {low} {mean} {high}");
            let (alone, _) = Evaluation::new(vec![good.clone()], 3).intervals(unit, 1, 10);
            assert_eq!(alone, Some([1.0, 1.0]));
        }
    }

    #[test]
    fn slices_are_drawn_with_their_patient_and_keep_their_order() {
        // One patient has two bad slices: drawn together, the mean is 1, 1/3 or 0.
        let slices = vec![
            slice("q", "b", &[0, 1], &[1, 0]),
            slice("p", "a", &[1, 1], &[1, 1]),
            slice("q", "b", &[0, 1], &[1, 0]),
        ];
        let found = Evaluation::new(slices, 3);
        assert_eq!(found.of_slices(), [Some(0.0), Some(1.0), Some(0.0)]);
        assert_eq!(found.intervals(Unit::Slice, 1, 500).0, Some([0.0, 1.0]));
    }
}
