//! Where segmenters fail: the best, median and worst test slice of each training set, with the outlines of both masks.

use crate::document::{Art, Block, Figure, Section};
use crate::evidence::runs::Run;
use crate::evidence::{Evidence, TrainingSet};
use anyhow::Result;
use vesalius_data::run::segmented::{SHOWN, SLICES, SliceDice, Slices};

/// The page; nothing where no run kept its slices.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let mut figures = vec![];
    for (i, set) in evidence.sets.iter().enumerate() {
        figures.extend(figure(set, i)?);
    }
    if figures.is_empty() {
        return Ok(None);
    }
    Ok(Some(Section {
        id: "failures",
        title: "Where it fails".to_owned(),
        blocks: vec![
            Block::Text(
                "Best, median and worst test slice of each training set by Dice (mean over classes, slices empty on both \
                 sides left out), from top to bottom. From left to right: the slice, the reference's outlines, the \
                 prediction's. Of repeated runs the first."
                    .to_owned(),
            ),
            Block::Gallery(figures),
        ],
        files: vec![],
    }))
}

fn figure(set: &TrainingSet, i: usize) -> Result<Option<Figure>> {
    let Some(run) = set.judged.first() else { return Ok(None) };
    let (Some(png), Some(slices)) = (run.picture(SHOWN)?, slices(run)?) else { return Ok(None) };
    let shown: Vec<String> = ["best", "median", "worst"]
        .into_iter()
        .zip(&slices.shown)
        .filter_map(|(word, &at)| Some(format!("{word}: {}", described(slices.slices.get(at)?))))
        .collect();
    let name = set.name();
    Ok(Some(Figure {
        name: format!("slices-{}", i + 1),
        caption: format!("{}.", shown.join("; ")),
        alt: format!(
            "test slices of a segmenter trained on {name}, with outlines of reference and prediction"
        ),
        title: name,
        art: Art::Png(png),
        link: None,
    }))
}

fn described(slice: &SliceDice) -> String {
    let dice = slice.dice.map_or_else(String::new, |dice| format!(", Dice {dice:.3}"));
    format!("{} slice {}{dice}", slice.case, slice.position + 1)
}

/// `slices.json` of a run.
///
/// # Errors
/// When it is damaged.
fn slices(run: &Run) -> Result<Option<Slices>> {
    run.json(SLICES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;
    use crate::evidence::fixture::evidence;
    use vesalius_data::run::TrainedOn;

    #[test]
    fn slices_are_named_with_their_dice_and_runs_without_are_passed_over() {
        let mut fixture = Fixture::new();
        fixture.unet(None, TrainedOn::Real, 1, &[0.5, 0.7]);
        let runs = fixture.runs();
        assert!(page(&evidence(&runs).unwrap()[0]).unwrap().is_none());
        let slice = |dice| SliceDice {
            case: "p1_ed".into(),
            position: 4,
            dice: Some(dice),
            classes: vec![Some(dice)],
        };
        let slices = Slices::new(vec!["LV".into()], vec![slice(0.9), slice(0.1), slice(0.5)]);
        let path = &runs[0].path;
        std::fs::write(path.join(SLICES), serde_json::to_vec(&slices).unwrap()).unwrap();
        std::fs::write(path.join(SHOWN), b"\x89PNG\r\n\x1a\n").unwrap();
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let Block::Gallery(figures) = &section.blocks[1] else { panic!("{:?}", section.blocks) };
        assert_eq!(
            figures[0].caption,
            "best: p1_ed slice 5, Dice 0.900; median: p1_ed slice 5, Dice 0.500; worst: p1_ed slice 5, Dice 0.100."
        );
        std::fs::write(path.join(SLICES), "{").unwrap();
        let error = format!("{:#}", page(&evidence(&runs).unwrap()[0]).unwrap_err());
        assert!(error.contains(SLICES), "{error}");
    }
}
