//! How many synthetic images are worth how many patients: curves over training patients.

use crate::document::{Art, Block, Column, Entry, Figure, Grid, Section, fixed};
use crate::draw::axis::{Area, Scale};
use crate::draw::canvas::{Anchor, Canvas, INK, SMALL};
use crate::draw::look;
use crate::evidence::Evidence;
use crate::evidence::dose::{Curve, with_other_patients};
use crate::inference::dose::{Dose, Doses};
use crate::names::file_part;
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

/// The curves, for the first screen; nothing without a dose.
pub fn figure(evidence: &Evidence) -> Option<Block> {
    let doses = evidence.doses_of();
    (!doses.points.is_empty()).then(|| {
        Block::Figure(Figure {
            name: format!("dose-{}", file_part(evidence.dataset)),
            title: "Dice by training patients".to_owned(),
            caption: format!(
                "Mean Dice of {} test patients over the runs of each point. A GAN was trained on the patients beside whom \
                 its images train. What images are worth is read off the monotone fit of real images alone.",
                doses.tested
            ),
            alt: "Dice by number of training patients: real images alone, and with synthetic ones"
                .to_owned(),
            art: Art::Svg(svg(doses)),
            link: None,
        })
    })
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
            Column::new("equals", "As real images of so many patients"),
            Column::new("interval", "95 % interval"),
            Column::new("runs", "Runs"),
        ],
        rows: doses.points.iter().map(row).collect(),
        remarks: vec![
            "As real images of so many patients: where the monotone fit of real images alone (linear in the logarithm of \
             patients between the points) has the same Dice; outside: below its first or above its last point. Intervals: \
             test patients drawn anew, the same for all points, and trainings as far apart as the runs of all points are."
                .to_owned(),
        ],
    }
}

const SIZE: [f64; 2] = [620.0, 380.0];

fn svg(doses: &Doses) -> String {
    let mut curves: Vec<&Curve> = vec![];
    for dose in &doses.points {
        if !curves.contains(&&dose.curve) {
            curves.push(&dose.curve);
        }
    }
    let legend = 18.0 * curves.len() as f64;
    let height = SIZE[1] + legend;
    let mut canvas = Canvas::new(SIZE[0], height);
    let area =
        Area { left: 62.0, top: 16.0 + legend, right: SIZE[0] - 14.0, bottom: height - 48.0 };
    let up = Scale::covering(doses.points.iter().map(|dose| dose.dice), area.up());
    // Doublings stand equally far apart.
    let across = Scale::covering(doses.points.iter().map(|d| log2(d.patients)), area.across());
    area.y_axis(&mut canvas, &up, 6, "Dice on test patients");
    area.frame(&mut canvas);
    let mut numbers: Vec<usize> = doses.points.iter().map(|dose| dose.patients).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let x = across.at(log2(number));
        canvas.line([x, area.bottom], [x, area.bottom + 4.0], INK, 1.0);
        canvas.text([x, area.bottom + 17.0], SMALL, Anchor::Middle, &number.to_string());
    }
    let middle = f64::midpoint(area.left, area.right);
    canvas.text([middle, area.bottom + 36.0], SMALL, Anchor::Middle, "training patients");
    for (i, curve) in curves.iter().enumerate() {
        let points: Vec<[f64; 2]> = doses
            .points
            .iter()
            .filter(|dose| dose.curve == **curve)
            .map(|dose| [across.at(log2(dose.patients)), up.at(dose.dice)])
            .collect();
        canvas.path(&points, look(i));
        for point in points {
            canvas.marker(point, 4.0, look(i), false);
        }
        let y = 14.0 + 18.0 * i as f64;
        canvas.path(&[[area.left, y], [area.left + 30.0, y]], look(i));
        canvas.marker([area.left + 15.0, y], 4.0, look(i), false);
        canvas.text([area.left + 38.0, y + 4.0], SMALL, Anchor::Start, &name(curve));
    }
    canvas.finish("Dice by number of training patients")
}

fn log2(patients: usize) -> f64 {
    (patients as f64).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::{Fixture, evidence};
    use vesalius_data::run::TrainedOn;

    /// Twenty test patients about a mean, none like another; runs differ by their seed.
    fn dice(mean: f64, seed: u64) -> Vec<f64> {
        let patient = |i: usize| 0.004 * ((i * 7 + seed as usize * 3) % 11) as f64 - 0.02;
        (0..20).map(|i| mean + patient(i) + 0.001 * seed as f64).collect()
    }

    #[test]
    fn images_are_worth_what_real_ones_of_more_patients_give() {
        let mut fixture = Fixture::new();
        for seed in 1..=3 {
            for (patients, mean) in [(4, 0.5), (8, 0.6), (16, 0.7)] {
                fixture.unet_of_part(None, [patients, 32], seed, &dice(mean, seed));
            }
            fixture.unet(None, TrainedOn::Real, seed, &dice(0.8, seed));
            for (patients, mean) in [(4, 0.45), (8, 0.7), (16, 0.9)] {
                fixture.unet_of_part(
                    Some(("lsgan", 1000)),
                    [patients, 32],
                    seed,
                    &dice(mean, seed),
                );
            }
            fixture.unet_of_part(Some(("lsgan", 1000)), [32, 32], seed, &dice(0.85, seed));
        }
        let runs = fixture.runs();
        let evidence = &evidence(&runs).unwrap()[0];
        let doses = evidence.doses_of();
        assert_eq!(doses.tested, 20);
        let patients: Vec<usize> = doses.fitted.iter().map(|(patients, _)| *patients).collect();
        assert_eq!(patients, [4, 8, 16, 32]);
        let said = sentences(doses);
        assert_eq!(said.len(), 3, "of all patients there is nothing to compare with: {said:#?}");
        assert!(said[0].contains("4 patients, 1,000 synthetic images of LSGAN were worth less"));
        assert!(said[1].contains("were worth 8.0 more patients (95 % interval"), "{}", said[1]);
        assert!(said[2].contains("all 16 patients that were left, or more"), "{}", said[2]);
        // None of them is a row of a table, nor a comparison.
        assert!(evidence.sets.iter().all(|set| set.judged.len() <= 3));
        assert!(!evidence.sets.iter().any(|set| set.gan.is_some() && !set.judged.is_empty()));
        let Some(Block::Figure(figure)) = figure(evidence) else { panic!("a figure") };
        assert_eq!(figure.name, "dose-acdc");
        assert!(page(evidence).unwrap().is_some());
    }

    #[test]
    fn generators_of_other_patients_are_no_points() {
        let mut fixture = Fixture::new();
        fixture.unet(None, TrainedOn::Real, 1, &dice(0.8, 1));
        fixture.unet_of_part(None, [4, 32], 1, &dice(0.5, 1));
        fixture.unet_of_part(Some(("lsgan", 100)), [4, 32], 1, &dice(0.6, 1));
        fixture.says_trained_on("another");
        let runs = fixture.runs();
        let evidence = &evidence(&runs).unwrap()[0];
        assert!(evidence.doses_of().points.iter().all(|dose| dose.curve.gan.is_none()));
        assert_eq!(with_other_patients(evidence), 1);
    }
}
