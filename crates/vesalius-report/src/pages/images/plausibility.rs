//! Do image and mask belong together, is the anatomy possible, and does leaving out what is not help?

use crate::document::{Art, Block, Column, Entry, Figure, Grid, Section};
use crate::evidence::Evidence;
use crate::evidence::runs::Run;
use crate::names::slug;
use crate::pages::images::stage;
use anyhow::Result;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;

/// The page; nothing without a run.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let runs: Vec<&Run> = evidence.stage("plausibility").collect();
    if runs.is_empty() {
        return Ok(None);
    }
    let mut blocks = vec![];
    let summaries: Vec<String> = runs
        .iter()
        .filter_map(|run| {
            let text = run.result.settings.get("summary")?.as_str()?;
            Some(format!("{}: {text}", run.gan_name()))
        })
        .collect();
    if !summaries.is_empty() {
        blocks.push(Block::List(summaries));
    }
    blocks.push(Block::Grid(scores(evidence, &runs)));
    if let Some(grid) = filtering(evidence) {
        blocks.push(Block::Heading("Before and after leaving implausible samples out".to_owned()));
        blocks.push(Block::Grid(grid));
    }
    let mut figures = vec![];
    for run in &runs {
        if let Some(png) = run.picture("implausible.png")? {
            let name = run.gan_name();
            figures.push(Figure {
                name: format!("implausible-{}", slug(run)),
                title: name.clone(),
                caption: "samples that broke a rule.".to_owned(),
                alt: format!("samples of {name} with implausible anatomy"),
                art: Art::Png(png),
                link: None,
            });
        }
    }
    if !figures.is_empty() {
        blocks.push(Block::Gallery(figures));
    }
    Ok(Some(Section {
        id: "plausibility",
        title: "Plausibility: do image and mask belong together?".to_owned(),
        blocks,
        files: vec![],
    }))
}

fn scores(evidence: &Evidence, runs: &[&Run]) -> Grid {
    Grid {
        dataset: evidence.dataset.to_owned(),
        caption: "Plausibility of each GAN's samples".to_owned(),
        remarks: vec![
            "Dice of image with mask: between a sample's mask and what a U-Net trained on real patients sees in its \
             image. Rules are learned from the real training masks; held-out real masks break some too, and that share \
             is what a GAN can be expected to reach."
                .to_owned(),
        ],
        ..stage::grid(runs, "plausibility", None)
    }
}

/// Dice of the U-Net on all samples and on the plausible ones; none where no GAN has both.
fn filtering(evidence: &Evidence) -> Option<Grid> {
    let mut rows = vec![];
    for filtered in &evidence.sets {
        let base = filtered.gan.as_ref().and_then(RowId::unfiltered);
        let (Some(base), Some(after)) = (base, filtered.dice.clone()) else { continue };
        // Of all samples, judged in the same way; of several sets of them it cannot be told which one was filtered.
        let mut all = evidence.sets.iter().filter(|set| {
            (set.trained_on, set.gan.as_ref()) == (filtered.trained_on, Some(&base))
                && set.dice.is_some()
                && set.basis.settings == filtered.basis.settings
                && set.basis.foreign == filtered.basis.foreign
        });
        let (Some(before), None) = (all.next(), all.next()) else { continue };
        let change = before.value().map(|value| after.value - value);
        let with_real = filtered.trained_on == TrainedOn::RealAndSynthetic;
        rows.push(vec![
            before.name().into(),
            if with_real { "with real" } else { "alone" }.into(),
            Entry::measured(before.dice.clone(), 3),
            Entry::Measured(after, 3),
            Entry::number(change, 3),
        ]);
    }
    (!rows.is_empty()).then(|| Grid {
        name: "filtering",
        dataset: evidence.dataset.to_owned(),
        caption: "Dice of a U-Net before and after implausible samples were left out".to_owned(),
        columns: vec![
            Column::text("training_set", "Training set"),
            Column::text("use", "Images"),
            Column::new("dice_before", "Dice, all samples"),
            Column::new("dice_after", "Dice, plausible only"),
            Column::new("change", "Change"),
        ],
        rows,
        remarks: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;
    use crate::evidence::fixture::evidence;
    use vesalius_data::run::TrainedOn::{RealAndSynthetic, Synthetic};

    #[test]
    fn dice_stands_before_and_after_filtering() {
        let mut fixture = Fixture::new();
        let share = ("implausible_share", None, 0.4);
        for gan in ["lsgan", "wgan"] {
            fixture.judged("plausibility", gan, &[share]);
        }
        // Of WGAN nothing was filtered; of LSGAN with real images nothing was judged before.
        fixture.unet(Some("wgan"), Synthetic, 1, &[0.3, 0.4]);
        fixture.unet(Some("lsgan"), Synthetic, 1, &[0.5, 0.6]);
        fixture.unet(Some("lsgan, plausible only"), Synthetic, 1, &[0.6, 0.65]);
        fixture.unet(Some("lsgan, plausible only"), RealAndSynthetic, 1, &[0.7, 0.8]);
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let grids = section.blocks.iter().filter_map(|block| match block {
            Block::Grid(grid) => Some(grid),
            _ => None,
        });
        let found: Vec<&Grid> = grids.filter(|grid| grid.name == "filtering").collect();
        let [grid] = found.as_slice() else { panic!("one table of filtering: {found:?}") };
        let keys: Vec<&str> = grid.columns.iter().map(|column| column.key.as_str()).collect();
        assert_eq!(keys, ["training_set", "use", "dice_before", "dice_after", "change"]);
        let lines: Vec<Vec<String>> =
            grid.rows.iter().map(|row| row.iter().map(|entry| entry.lines().0).collect()).collect();
        assert_eq!(lines, [["LSGAN", "alone", "0.550", "0.625", "0.075"]]);
    }

    #[test]
    fn without_a_filtered_set_there_is_no_table_of_filtering() {
        let mut fixture = Fixture::new();
        fixture.judged("plausibility", "lsgan", &[("implausible_share", None, 0.4)]);
        fixture.unet(Some("lsgan"), Synthetic, 1, &[0.5, 0.6]);
        let runs = fixture.runs();
        assert!(filtering(&evidence(&runs).unwrap()[0]).is_none());
    }
}
