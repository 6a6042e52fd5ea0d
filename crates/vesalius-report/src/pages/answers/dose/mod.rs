//! How many synthetic images are worth how many patients: curves over training patients.

mod figure;
#[cfg(test)]
mod tests;

pub use figure::figure;

use crate::document::{self, Block, Column, Entry, Grid, Section, fixed};
use crate::evidence::Evidence;
use crate::evidence::dose::{Curve, with_other_patients};
use crate::inference::dose::{Dose, Doses};
use crate::pages::answers::summary::words::thousands;
use crate::paper::{display_name, prose};
use anyhow::Result;
use vesalius_data::text::count;

/// The page; nothing without a dose.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let doses = evidence.doses_of();
    if doses.points.is_empty() {
        return Ok(None);
    }
    let mut blocks: Vec<Block> = vec![];
    let said: Vec<String> = sentences(doses);
    if !said.is_empty() {
        blocks.push(Block::List(said));
    }
    let others = with_other_patients(evidence);
    if others > 0 {
        blocks.push(Block::Text(format!(
            "{} left out: their generator saw other patients than those beside whom its images trained.",
            format_args!("{} {}", count::of(others, "run"), count::are(others))
        )));
    }
    blocks.push(Block::Grid(grid(evidence, doses)));
    Ok(Some(Section {
        id: "dose",
        title: "How much is how many: synthetic images in patients".to_owned(),
        blocks,
        files: vec![],
    }))
}

/// What the images of each point were worth, most images first: `With 8 patients, 1,000 synthetic images of LSGAN were
/// worth …`.
pub fn sentences(doses: &Doses) -> Vec<String> {
    let most = most(doses);
    let sentence = |dose: &Dose| {
        let gan = dose.curve.gan.as_ref()?;
        let share = share_said(&dose.curve);
        let said = dose.said(most)?;
        Some(format!(
            "With {}, {} synthetic images of {}{share} were worth {said}.",
            count::of(dose.patients, "patient"),
            thousands(dose.curve.images),
            prose(gan, &[])
        ))
    };
    doses.points.iter().filter(|dose| dose.patients < most).filter_map(sentence).collect()
}

fn share_said(curve: &Curve) -> String {
    curve.share.as_ref().map_or_else(String::new, |share| format!(" (share {share} of a batch)"))
}

/// The greatest number of patients whose real images were tried alone.
fn most(doses: &Doses) -> usize {
    doses.fitted.iter().map(|(patients, _)| *patients).max().unwrap_or(0)
}

fn name(curve: &Curve) -> String {
    match &curve.gan {
        None => "real images alone".to_owned(),
        Some(gan) => {
            let images = thousands(curve.images);
            format!("+ {images} of {}{}", display_name(gan), share_said(curve))
        }
    }
}

fn grid(evidence: &Evidence, doses: &Doses) -> Grid {
    let number = |value: f64| {
        if value.is_finite() { fixed(value, 1) } else { "outside".to_owned() }
    };
    let row = |dose: &Dose| {
        let worth = dose.worth;
        let interval = worth.and_then(|worth| worth.interval);
        vec![
            name(&dose.curve).into(),
            Entry::Number(dose.patients as f64, 0),
            Entry::Number(dose.dice, 3),
            dose.interval.map_or(Entry::Absent, |found| document::interval(found, 3).into()),
            worth.map_or(Entry::Absent, |worth| number(worth.patients).into()),
            interval.map_or(Entry::Absent, |[low, high]| {
                format!("[{}, {}]", number(low), number(high)).into()
            }),
            Entry::Number(dose.runs as f64, 0),
        ]
    };
    Grid {
        name: "dose",
        dataset: evidence.dataset.to_owned(),
        caption: "Points of the dose".to_owned(),
        columns: vec![
            Column::text("training_set", "Training set"),
            Column::new("patients", "Training patients"),
            Column { leads: true, ..Column::new("dice", "Dice") },
            Column::new("dice_interval", "95 % interval of Dice"),
            Column::new("equals", "As real images of so many patients"),
            Column::new("interval", "95 % interval of patients"),
            Column::new("runs", "Runs"),
        ],
        rows: doses.points.iter().map(row).collect(),
        remarks: vec![
            "As real images of so many patients: where the monotone fit of real images alone (linear in the logarithm of \
             patients between the points) has the same Dice; outside: below its first or above its last point. Its interval: \
             test patients drawn anew, the same for all points, and trainings as far apart as the runs of all points are. \
             Interval of Dice: bootstrap over test patients and trainings; none of a point that was tried once."
                .to_owned(),
        ],
    }
}
