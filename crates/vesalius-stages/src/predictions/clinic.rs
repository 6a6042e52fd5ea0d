//! What a clinician reads: volumes, and ejection fractions of hearts that were measured twice.

use super::{Made, Numbers, Volume};
use std::collections::BTreeMap;
use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::Score;

/// Reach of the limits of agreement, standard deviations.
const LIMITS: f64 = 1.96;

/// Bias and limits of agreement of volumes, and of ejection fractions where there are any.
pub(super) fn scores(
    volumes: &[Volume],
    measured: &[Vec<Numbers>],
    classes: &[String],
    made: &Made,
) -> Vec<Score> {
    let mut found = Vec::new();
    for (i, class) in classes.iter().enumerate().skip(1) {
        let of_class = || measured.iter().map(|numbers| &numbers[i - 1]);
        let apart: Vec<f64> = of_class()
            .filter_map(|numbers| Some(numbers.prediction_ml? - numbers.reference_ml?))
            .collect();
        let names = ["volume_bias_ml", "volume_bias_low_ml", "volume_bias_high_ml"];
        let words = "predicted − reference volume, ml; limits of agreement at 1.96 standard deviations, volumes taken as \
                     independent";
        found.extend(agreement(names, &apart, class, &made.with(words)));
        if class.to_lowercase().contains("cavity") {
            let names = ["ejection_bias", "ejection_bias_low", "ejection_bias_high"];
            let words = "predicted − reference ejection fraction, percentage points, of patients with two volumes, the larger \
                         of the reference taken as end of diastole; limits of agreement at 1.96 standard deviations";
            let apart = ejections(volumes, &of_class().collect::<Vec<_>>());
            found.extend(agreement(names, &apart, class, &made.with(words)));
        }
    }
    found
}

/// Mean of differences, and 1.96 standard deviations around it (Bland and Altman 1986,
/// doi:10.1016/S0140-6736(86)90837-8); of fewer than two nothing.
fn agreement(names: [&str; 3], apart: &[f64], class: &str, protocol: &Made) -> Vec<Score> {
    if apart.len() < 2 {
        return vec![];
    }
    let count = apart.len() as f64;
    let mean = apart.iter().sum::<f64>() / count;
    let squares: f64 = apart.iter().map(|value| (value - mean).powi(2)).sum();
    let reach = LIMITS * (squares / (count - 1.0)).sqrt();
    names
        .into_iter()
        .zip([mean, mean - reach, mean + reach])
        .map(|(metric, value)| Score {
            of: Some(Part::Class(DiceUnit::Volume, class.to_owned())),
            real_count: Some(apart.len()),
            seedless: Some(protocol.seedless.clone()),
            ..Score::new(metric, value, protocol.own.clone())
        })
        .collect()
}

/// Predicted less reference ejection fraction, percentage points, of each patient with exactly two volumes that have the
/// class. One whose prediction is empty at the end of diastole has none.
fn ejections(volumes: &[Volume], of_class: &[&Numbers]) -> Vec<f64> {
    let mut patients: BTreeMap<&str, Vec<[f64; 2]>> = BTreeMap::new();
    for (volume, numbers) in volumes.iter().zip(of_class) {
        if let (Some(reference), Some(prediction)) = (numbers.reference_ml, numbers.prediction_ml) {
            patients.entry(&volume.patient).or_default().push([reference, prediction]);
        }
    }
    let fraction = |end_of_diastole: f64, end_of_systole: f64| {
        (end_of_diastole > 0.0)
            .then(|| 100.0 * (end_of_diastole - end_of_systole) / end_of_diastole)
    };
    patients
        .into_values()
        .filter_map(|volumes| {
            let [a, b] = <[[f64; 2]; 2]>::try_from(volumes).ok()?;
            let (large, small) = if a[0] >= b[0] { (a, b) } else { (b, a) };
            Some(fraction(large[1], small[1])? - fraction(large[0], small[0])?)
        })
        .collect()
}
