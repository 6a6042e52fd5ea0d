//! How segmenters' losses fell, and which were still falling at their end.

use crate::document::{Art, Block, Figure, Section};
use crate::draw::axis::{Area, Scale};
use crate::draw::canvas::{Anchor, Canvas, SMALL, width};
use crate::draw::look;
use crate::evidence::{Evidence, TrainingSet};
use anyhow::Result;
use vesalius_data::run::segmented::{CURVES, Curves, Point};

/// The page; nothing where no run kept its curve.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let (mut figures, mut falling) = (vec![], vec![]);
    for (i, set) in evidence.sets.iter().enumerate() {
        let Some(curves) = curves(set)? else { continue };
        falling.extend(warning(&set.name(), &curves));
        figures.push(figure(&set.name(), i, &curves));
    }
    if figures.is_empty() {
        return Ok(None);
    }
    let mut blocks = vec![Block::Text(
        "Loss of the segmenters on the batches that trained them, mean of 20 steps; where its length was found \
         (`--steps auto`), that on training patients who were held back, of averaged weights. Of repeated runs the first."
            .to_owned(),
    )];
    if !falling.is_empty() {
        blocks.push(Block::Text(
            "Not trained to the end: a comparison between sets may say which one is learned faster, not which one is worth \
             more."
                .to_owned(),
        ));
        blocks.push(Block::List(falling));
    }
    blocks.push(Block::Gallery(figures));
    Ok(Some(Section {
        id: "segmenters",
        title: "Training of the segmenters".to_owned(),
        blocks,
        files: vec![],
    }))
}

/// Of its first run.
fn curves(set: &TrainingSet) -> Result<Option<Curves>> {
    let Some(run) = set.judged.first() else { return Ok(None) };
    run.json(CURVES)
}

/// Why a training was too short, where it was.
fn warning(name: &str, curves: &Curves) -> Option<String> {
    if let Some(length) = &curves.length {
        return length.falling.then(|| {
            format!(
                "{name}: the loss on held-back patients was still falling after {} steps, the most that were watched",
                length.looks.last().map_or(0, |point| point.step)
            )
        });
    }
    curves.falling().map(|share| {
        format!(
            "{name}: the loss was still falling at the end, in the last tenth of the steps by {:.0} % of all that it fell",
            100.0 * share
        )
    })
}

const SIZE: [f64; 2] = [320.0, 230.0];

fn figure(name: &str, i: usize, curves: &Curves) -> Figure {
    let mut canvas = Canvas::new(SIZE[0], SIZE[1]);
    let area = Area { left: 56.0, top: 22.0, right: SIZE[0] - 12.0, bottom: SIZE[1] - 42.0 };
    let watched = curves.length.as_ref().map_or(&[][..], |length| length.looks.as_slice());
    let lines: Vec<(&str, &[Point])> =
        [("training", curves.training.as_slice()), ("held back", watched)]
            .into_iter()
            .filter(|(_, points)| points.len() > 1)
            .collect();
    let points = || lines.iter().flat_map(|(_, points)| points.iter());
    let end = points().map(|point| point.step as f64).fold(1.0, f64::max);
    let across = Scale::exact([0.0, end], area.across());
    let up = Scale::spanning(points().map(|point| point.loss), area.up());
    area.y_axis(&mut canvas, &up, 4, "loss");
    area.x_axis(&mut canvas, &across, 4, "steps");
    area.frame(&mut canvas);
    let mut left = area.left + 6.0;
    for (i, (word, points)) in lines.iter().enumerate() {
        let look = look(i);
        let line: Vec<[f64; 2]> =
            points.iter().map(|point| [across.at(point.step as f64), up.at(point.loss)]).collect();
        canvas.path(&line, look);
        canvas.path(&[[left, 10.0], [left + 22.0, 10.0]], look);
        canvas.text([left + 27.0, 14.0], SMALL, Anchor::Start, word);
        left += 44.0 + width(word, SMALL);
    }
    let found = curves
        .length
        .as_ref()
        .map_or_else(String::new, |length| format!(" Length found: {} steps.", length.steps));
    let last = curves.training.last();
    let caption = last.map_or_else(String::new, |point| {
        format!("{} steps, loss {:.3} at the end.{found}", point.step, point.loss)
    });
    Figure {
        name: format!("segmenter-{}", i + 1),
        title: name.to_owned(),
        caption,
        alt: format!("loss of the segmenter trained on {name}"),
        art: Art::Svg(canvas.finish(&format!("Training of the segmenter on {name}"))),
        link: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;
    use crate::evidence::fixture::evidence;
    use vesalius_data::run::TrainedOn;
    use vesalius_data::run::segmented::Length;

    /// Points of a section's list.
    fn warnings(training: Vec<Point>, length: Option<Length>) -> Vec<String> {
        let mut fixture = Fixture::new();
        fixture.unet(None, TrainedOn::Real, 1, &[0.5, 0.7]);
        let runs = fixture.runs();
        let bytes = serde_json::to_vec(&Curves { training, length }).unwrap();
        std::fs::write(runs[0].path.join(CURVES), bytes).unwrap();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        section
            .blocks
            .into_iter()
            .find_map(|block| match block {
                Block::List(points) => Some(points),
                _ => None,
            })
            .unwrap_or_default()
    }

    fn falling(to: f64) -> Vec<Point> {
        (1..=100).map(|i| Point { step: i * 20, loss: (1.0 - i as f64 / 100.0).max(to) }).collect()
    }

    #[test]
    fn a_training_that_was_too_short_is_said() {
        assert!(warnings(falling(0.5), None).is_empty());
        let found = warnings(falling(0.0), None);
        assert!(found.len() == 1 && found[0].contains("still falling at the end"), "{found:?}");
        // What was watched is better known than what the training's own loss says.
        let length = |falling| Length { steps: 100, falling, patients: vec![], looks: vec![] };
        assert!(warnings(falling(0.0), Some(length(false))).is_empty());
        assert!(warnings(falling(0.5), Some(length(true)))[0].contains("held-back patients"));
    }
}
