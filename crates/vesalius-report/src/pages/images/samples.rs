//! Fig. 5: samples of each GAN, of its best training.

use crate::document::{Art, Block, Figure, Section};
use crate::evidence::Evidence;
use crate::evidence::runs::Run;
use crate::names::slug;
use anyhow::Result;
use vesalius_data::run::Outcome;

/// The training of each GAN that came closest to the real images; a diverged one where there is no other.
pub fn best_trainings<'a>(evidence: &Evidence<'a>) -> Vec<&'a Run> {
    let distance = |run: &Run| {
        let score = run.result.scores.iter().find(|score| score.metric == "frechet_distance");
        let diverged = matches!(run.result.outcome, Outcome::Diverged { .. });
        (diverged, score.map_or(f64::INFINITY, |score| score.value))
    };
    evidence
        .gans()
        .into_iter()
        .filter_map(|gan| {
            evidence.stage("train").filter(|run| run.gan() == Some(gan)).min_by(|a, b| {
                let (a, b) = (distance(a), distance(b));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
            })
        })
        .collect()
}

/// How a training went, in a few words.
///
/// # Errors
/// When its statistics are damaged.
pub fn describe(run: &Run) -> Result<String> {
    let ended = match &run.result.outcome {
        Outcome::Finished => String::new(),
        Outcome::Diverged { reason } => format!(" Diverged: {reason}."),
    };
    let length = run.stats()?.last().map_or(0.0, |point| point.kimg);
    Ok(format!("{length:.1} kimg in {:.0} minutes.{ended}", run.result.wall_secs / 60.0))
}

/// The page; nothing without samples.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let mut figures = vec![];
    for run in best_trainings(evidence) {
        if let Some(png) = run.picture("samples.png")? {
            let name = run.gan_name();
            figures.push(Figure {
                name: format!("samples-{}", slug(run)),
                title: name.clone(),
                caption: describe(run)?,
                alt: format!("samples of {name}, each plain and with the outlines of its mask"),
                art: Art::Png(png),
                link: None,
            });
        }
    }
    if figures.is_empty() {
        return Ok(None);
    }
    Ok(Some(Section {
        id: "samples",
        title: "Fig. 5: samples".to_owned(),
        blocks: vec![
            Block::Text(
                "Not chosen by hand. Each sample stands twice: plain, and with the outlines of its mask. Of several \
                 trainings of a GAN the one closest to the real images is shown."
                    .to_owned(),
            ),
            Block::Gallery(figures),
        ],
        files: vec![],
    }))
}
