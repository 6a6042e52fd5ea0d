//! The curves: Dice by training patients, with the interval of every point.

use super::name;
use crate::document::{Art, Block, Figure};
use crate::draw::axis::{Area, Scale};
use crate::draw::canvas::{Anchor, Canvas, INK, SMALL};
use crate::draw::look;
use crate::evidence::Evidence;
use crate::evidence::dose::Curve;
use crate::inference::dose::{Dose, Doses};
use crate::names::file_part;

/// The curves, for the first screen; nothing without a dose.
pub fn figure(evidence: &Evidence) -> Option<Block> {
    let doses = evidence.doses_of();
    (!doses.points.is_empty()).then(|| {
        Block::Figure(Figure {
            name: format!("dose-{}", file_part(evidence.dataset)),
            title: "Dice by training patients".to_owned(),
            caption: format!(
                "Mean Dice of {} test patients over the runs of each point. A GAN was trained on the patients beside whom \
                 its images train. What images are worth is read off the monotone fit of real images alone. Bars: 95 % \
                 bootstrap over test patients and trainings, none of points that were tried once; the patients are the \
                 same for all points, so that bars which overlap do not say that there is no difference.",
                doses.tested
            ),
            alt: "Dice by number of training patients: real images alone, and with synthetic ones"
                .to_owned(),
            art: Art::Svg(svg(doses)),
            link: None,
        })
    })
}

const SIZE: [f64; 2] = [620.0, 380.0];
const ASIDE: f64 = 5.0;

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
    let ends = |dose: &Dose| dose.interval.unwrap_or([dose.dice; 2]);
    let up = Scale::covering(doses.points.iter().flat_map(ends), area.up());
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
        // A little beside each other, else their bars hide each other.
        let aside = (i as f64 - (curves.len() - 1) as f64 / 2.0) * ASIDE;
        let own = || doses.points.iter().filter(|dose| dose.curve == **curve);
        let x = |dose: &Dose| across.at(log2(dose.patients)) + aside;
        let points: Vec<[f64; 2]> = own().map(|dose| [x(dose), up.at(dose.dice)]).collect();
        for dose in own() {
            if let Some([low, high]) = dose.interval {
                canvas.line([x(dose), up.at(low)], [x(dose), up.at(high)], look(i).colour, 1.0);
            }
        }
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
