//! Predicted label maps of volumes against reference ones, whoever made them: overlap, surface distances, volumes.

mod overlap;
mod table;
mod volume;

pub use overlap::Made;
pub use volume::{Numbers, Rules, Surface, Volume};

use anyhow::Result;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use table::Table;
use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::Score;

/// Overlaps, surface distances and volumes of all classes; the overlap of each patient too, for paired tests.
///
/// `classes`: their names, the background's first. `seed` of the resamples of patients.
///
/// # Errors
/// When a number is not finite.
pub fn scores(
    volumes: &[Volume],
    classes: &[String],
    rules: &Rules,
    made: &Made,
    seed: u64,
) -> Result<Vec<Score>> {
    let mut found = overlap::scores(volumes, classes, made, seed);
    found.extend(surfaces(volumes, classes, rules, made, seed));
    found.into_iter().map(|score| Ok(score.finite()?)).collect()
}

/// The numbers of each volume: of its classes, the background's left out.
pub fn measure(volumes: &[Volume], classes: usize, rules: &Rules) -> Vec<Vec<Numbers>> {
    volumes.par_iter().map(|volume| volume.numbers(classes, rules)).collect()
}

/// With a note of what was left out.
fn surfaces(
    volumes: &[Volume],
    classes: &[String],
    rules: &Rules,
    made: &Made,
    seed: u64,
) -> Vec<Score> {
    let measured = measure(volumes, classes.len(), rules);
    let mut found = Vec::new();
    let table = |of: &dyn Fn(&Numbers) -> Option<f64>| {
        let rows = volumes.iter().zip(&measured).map(|(volume, numbers)| {
            (volume.patient.as_str(), numbers.iter().map(of).collect::<Vec<_>>())
        });
        Table::new(rows, classes.len() - 1)
    };
    let left_out = measured.iter().flatten().filter(|numbers| numbers.is_one_sided()).count();
    let note = (left_out > 0).then(|| {
        format!(
            "{left_out} of {} structures were predicted where there is none, or not at all: no distance, surface Dice 0",
            measured.iter().flatten().filter(|numbers| numbers.is_there()).count()
        )
    });
    let protocol = made.with(&format!(
        "{}, empty on both sides not counted, mean over volumes, then over classes",
        rules.words(volumes)
    ));
    let mut add = |metric: &str, dialect: Option<String>, table: &Table| {
        for (class, measure) in table.measures(seed).into_iter().enumerate() {
            let Some((value, interval)) = measure else { continue };
            let of = match class {
                0 => Part::PER_VOLUME_MEAN,
                _ => Part::Class(DiceUnit::Volume, classes[class].clone()),
            };
            found.push(Score {
                of: Some(of),
                interval,
                dialect: dialect.clone(),
                real_count: Some(volumes.len()),
                note: note.clone(),
                seedless: Some(protocol.seedless.clone()),
                ..Score::new(metric, value, protocol.own.clone())
            });
        }
    };
    add("hausdorff95_mm", None, &table(&|numbers| numbers.hausdorff95_mm));
    add("assd_mm", None, &table(&|numbers| numbers.assd_mm));
    for (i, mm) in rules.tolerances_mm.iter().enumerate() {
        add("surface_dice", Some(format!("{mm} mm")), &table(&|numbers| numbers.surface_dice[i]));
    }
    found.extend(of_volumes(&measured, classes, made));
    found
}

/// Bias and limits of agreement (Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8) of the volume of each class: mean
/// of predicted − reference, and 1.96 standard deviations around it.
fn of_volumes(measured: &[Vec<Numbers>], classes: &[String], made: &Made) -> Vec<Score> {
    let protocol = made.with(
        "predicted − reference volume, ml; limits of agreement at 1.96 standard deviations, volumes taken as independent",
    );
    let mut found = Vec::new();
    for (i, class) in classes.iter().enumerate().skip(1) {
        let apart: Vec<f64> = measured
            .iter()
            .map(|numbers| &numbers[i - 1])
            .filter_map(|numbers| Some(numbers.prediction_ml? - numbers.reference_ml?))
            .collect();
        if apart.len() < 2 {
            continue;
        }
        let count = apart.len() as f64;
        let mean = apart.iter().sum::<f64>() / count;
        let squares: f64 = apart.iter().map(|value| (value - mean).powi(2)).sum();
        let reach = 1.96 * (squares / (count - 1.0)).sqrt();
        for (metric, value) in [
            ("volume_bias_ml", mean),
            ("volume_bias_low_ml", mean - reach),
            ("volume_bias_high_ml", mean + reach),
        ] {
            found.push(Score {
                of: Some(Part::Class(DiceUnit::Volume, class.clone())),
                real_count: Some(apart.len()),
                seedless: Some(protocol.seedless.clone()),
                ..Score::new(metric, value, protocol.own.clone())
            });
        }
    }
    found
}
