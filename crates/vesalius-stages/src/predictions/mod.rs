//! Predicted label maps of volumes against reference ones, whoever made them: overlap, surface distances, lesions, volumes.

mod clinic;
mod overlap;
mod table;
mod volume;

pub use overlap::{Made, of_validation};
pub use volume::{Numbers, Rules, Surface, Volume};

use anyhow::Result;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use table::Table;
use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::Score;
use vesalius_score::lesions::Lesions;

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
    let in_pieces = in_pieces(&measured, classes.len() - 1);
    let table_of_lesions = |of: &dyn Fn(&Lesions) -> Option<f64>| {
        let rows = volumes.iter().zip(&measured).map(|(volume, numbers)| {
            let numbers = numbers.iter().zip(&in_pieces);
            let of = |(numbers, in_pieces): (&Numbers, &bool)| {
                of(&numbers.lesions).filter(|_| *in_pieces && numbers.is_there())
            };
            (volume.patient.as_str(), numbers.map(of).collect::<Vec<_>>())
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
    let of_surfaces = made.with(&format!(
        "{}, empty on both sides not counted, mean over volumes, then over classes",
        rules.words(volumes)
    ));
    let mut add = |metric: &str,
                   dialect: Option<String>,
                   table: &Table,
                   made: &Made,
                   note: &Option<String>| {
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
                seedless: Some(made.seedless.clone()),
                ..Score::new(metric, value, made.own.clone())
            });
        }
    };
    add("hausdorff95_mm", None, &table(&|numbers| numbers.hausdorff95_mm), &of_surfaces, &note);
    add("assd_mm", None, &table(&|numbers| numbers.assd_mm), &of_surfaces, &note);
    for (i, mm) in rules.tolerances_mm.iter().enumerate() {
        let table = table(&|numbers| numbers.surface_dice[i]);
        add("surface_dice", Some(format!("{mm} mm")), &table, &of_surfaces, &note);
    }
    let of_lesions = made.with(
        "pieces that faces, edges and corners join, found where one voxel was predicted; volumes empty on both sides not \
         counted, mean over volumes, then over classes that come in pieces",
    );
    add("lesion_f1", None, &table_of_lesions(&Lesions::f1), &of_lesions, &None);
    let apart = table_of_lesions(&|lesions| Some(lesions.count_difference() as f64));
    add("lesion_count_difference", None, &apart, &of_lesions, &None);
    found.extend(clinic::scores(volumes, &measured, classes, made));
    found
}

/// Which classes come in pieces, so that it says something to count them: in half of the volumes that have the class, the
/// reference has more than one.
fn in_pieces(measured: &[Vec<Numbers>], classes: usize) -> Vec<bool> {
    let of = |class: usize| {
        let counts = measured.iter().map(|numbers| numbers[class].lesions.reference);
        let counts: Vec<usize> = counts.filter(|count| *count > 0).collect();
        let several = counts.iter().filter(|count| **count > 1).count();
        several > 0 && 2 * several >= counts.len()
    };
    (0..classes).map(of).collect()
}

#[cfg(test)]
mod tests;
