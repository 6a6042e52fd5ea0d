//! Table 2: one row per training set, the paper's numbers beside ours.

use crate::catalogue::Key;
use crate::document::{Block, Column, Entry, Grid, HIDDEN, Section, fixed};
use crate::evidence::measure::SEED;
use crate::evidence::{Evidence, TrainingSet, key};
use crate::pages::answers::summary::words::thousands;
use crate::paper::{PaperRow, TABLE_2, column};
use anyhow::Result;
use std::collections::BTreeSet;
use vesalius_data::run::TrainedOn;
use vesalius_statistics::rank::spearman;
use vesalius_statistics::resample::interval;

/// The page.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let distance = evidence.distance();
    let title = distance.as_ref().map_or_else(|| "Fréchet distance".to_owned(), Key::title);
    let fid = |row: &PaperRow| column(evidence.dataset).and_then(|i| row.fid[i]);
    let dice = |row: &PaperRow| column(evidence.dataset).and_then(|i| row.dice[i]);
    let mut rows = vec![];
    for set in &evidence.sets {
        // The first of a kind stands beside the paper's: the original data, judged as usual.
        let is_first = evidence
            .sets
            .iter()
            .find(|other| (other.trained_on, &other.gan) == (set.trained_on, &set.gan))
            .is_some_and(|first| std::ptr::eq(first, set));
        let published = TABLE_2
            .iter()
            .filter(|_| is_first)
            .find(|paper| key(paper.row) == (set.trained_on, set.gan.clone()));
        let ours = (distance_entry(evidence, set), dice_entry(evidence, set));
        let paper = (published.and_then(fid), published.and_then(dice));
        if ours == (Entry::Absent, Entry::Absent) && paper == (None, None) {
            continue;
        }
        let name = [set.name().into()];
        let published = [Entry::number(paper.0, 2), Entry::number(paper.1, 2)];
        rows.push(name.into_iter().chain(published).chain([ours.0, ours.1]).collect());
    }
    // The paper says nothing of other datasets: its columns stay in the files alone.
    let group = if column(evidence.dataset).is_some() { "" } else { HIDDEN };
    let of_paper = |key, title| Column { group: group.to_owned(), ..Column::new(key, title) };
    let scale = column(evidence.dataset).map(|_| {
        "The paper's FID uses Inception features: a distance in other features is on another scale and compares with its \
         own column only."
            .to_owned()
    });
    let grid = Grid {
        name: "table2",
        dataset: evidence.dataset.to_owned(),
        caption: "Distance of the images to real ones, and Dice of a U-Net trained on each set and tested on real \
                  patients"
            .to_owned(),
        columns: vec![
            Column::text("training_set", "Training set of the U-Net"),
            of_paper("paper_fid", "FID (paper)"),
            of_paper("paper_dice", "Dice (paper)"),
            Column::new("distance", &title),
            Column { leads: true, ..Column::new("dice", "Dice") },
        ],
        rows,
        remarks: [
            "In brackets: 95 % intervals, of what the notes say; below them least and greatest of repeated runs."
                .to_owned(),
        ]
        .into_iter()
        .chain(scale)
        .chain(repeated(evidence))
        .chain(order(evidence))
        .chain(apart(evidence))
        .collect(),
    };
    Ok(Some(Section {
        id: "table2",
        title: "Table 2: what each training set is worth".to_owned(),
        blocks: vec![Block::Grid(grid)],
        files: vec![],
    }))
}

/// Rows from which on an order is compared with the paper's.
const LEAST_ROWS: usize = 4;

/// Whether our Dice orders the training sets as the paper's does.
fn order(evidence: &Evidence) -> Option<String> {
    let dataset = column(evidence.dataset)?;
    let rows = TABLE_2.iter().filter_map(|paper| {
        let (trained_on, gan) = key(paper.row);
        let ours = evidence.set(trained_on, gan.as_ref())?.value()?;
        Some((paper.dice[dataset]?, ours))
    });
    let (paper, ours): (Vec<f64>, Vec<f64>) = rows.unzip();
    if paper.len() < LEAST_ROWS {
        return None;
    }
    let rho = spearman(&paper, &ours)?;
    let of = |drawn: &[usize]| {
        let [paper, ours] =
            [&paper, &ours].map(|all| drawn.iter().map(|&i| all[i]).collect::<Vec<f64>>());
        spearman(&paper, &ours)
    };
    let interval = interval(paper.len(), SEED, of).map_or_else(String::new, |[low, high]| {
        format!(" (95 % interval {} to {}: bootstrap over the rows)", fixed(low, 2), fixed(high, 2))
    });
    Some(format!(
        "Over the {} rows that both have, our Dice orders the training sets as the paper's does with Spearman's ρ = \
         {}{interval}.",
        paper.len(),
        fixed(rho, 2)
    ))
}

/// The control that needs no run: real images as often as a mixed set shows images.
fn repeated(evidence: &Evidence) -> Option<String> {
    let set = evidence.set(TrainedOn::Real, None)?;
    let number = |name: &str| evidence.usual.get(name)?.parse::<u64>().ok();
    let (steps, batch) = (number("steps")?, number("batch")?);
    Some(format!(
        "\"{}\" is also the control \"original, repeated\": every set is trained for the same {steps} steps of {batch} \
         slices, so that real images alone are shown {} times, as often as images of a mixed set are.",
        set.name(),
        thousands(steps * batch)
    ))
}

/// Why some rows are of their own.
fn apart(evidence: &Evidence) -> Vec<String> {
    let judged: Vec<&TrainingSet> = evidence.sets.iter().filter(|s| s.dice.is_some()).collect();
    let mut remarks = vec![];
    if judged.iter().any(|set| !set.words.is_empty() || !set.is_original()) {
        remarks.push(
            "Runs are repetitions where all training packs and every setting but the seed agree, or where these results \
             show that only seeds of the GAN's training or sampling differ; what differs otherwise is a row of its own, \
             named after it."
                .to_owned(),
        );
    }
    if judged.iter().any(|set| !set.is_usual) {
        let usual: Vec<String> =
            evidence.usual.iter().map(|(path, value)| format!("{path} {value}")).collect();
        remarks.push(format!(
            "Where a row names no setting: {}. Rows that do are compared with real images judged in the same way only.",
            usual.join(", ")
        ));
    }
    let foreign: BTreeSet<&str> =
        judged.iter().flat_map(|set| &set.basis.foreign).map(String::as_str).collect();
    for digest in foreign {
        let inputs = evidence.runs.iter().flat_map(|run| &run.result.inputs);
        let path = inputs.filter(|input| input.sha256 == digest).map(|i| i.path.display()).next();
        let path = path.map_or_else(String::new, |path| format!("{path}, "));
        remarks.push(format!(
            "Other real data ({path}digest {digest:.8}): not the training side of the pack whose test patients judge, so \
             they answer none of the questions below."
        ));
    }
    remarks
}

fn diverged(evidence: &Evidence, set: &TrainingSet) -> Entry {
    let gan = set.gan.as_ref().filter(|_| set.trained_on == TrainedOn::Synthetic);
    if gan.is_some_and(|gan| evidence.diverged(gan).is_some()) {
        Entry::Diverged
    } else {
        Entry::Absent
    }
}

fn distance_entry(evidence: &Evidence, set: &TrainingSet) -> Entry {
    let alone = set.trained_on == TrainedOn::Synthetic;
    let key = evidence.distance().filter(|_| alone);
    let found = key.and_then(|key| evidence.measure_for(set, &key));
    found.map_or_else(|| diverged(evidence, set), |measure| Entry::Measured(measure, 2))
}

fn dice_entry(evidence: &Evidence, set: &TrainingSet) -> Entry {
    let found = set.dice.clone();
    found.map_or_else(|| diverged(evidence, set), |measure| Entry::Measured(measure, 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;
    use crate::evidence::fixture::evidence;

    #[test]
    fn the_distance_may_come_from_either_stage_and_counts_once() {
        let mut fixture = Fixture::new();
        fixture.judged("distance", "lsgan", &[("frechet_distance", None, 2.5)]);
        fixture.judged("metrics", "lsgan", &[("frechet_distance", None, 2.5)]);
        fixture.judged("metrics", "wgan", &[("frechet_distance", None, 4.0)]);
        fixture.training("hinge", serde_json::Value::Null, None);
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let Block::Grid(grid) = &section.blocks[0] else { panic!("a table") };
        let cell = |name: &str| {
            let row = grid.rows.iter().find(|row| row[0] == name.into()).unwrap();
            row[3].line()
        };
        assert_eq!(cell("LSGAN"), "2.50");
        assert_eq!(cell("WGAN"), "4.00");
        assert_eq!(cell("HingeGAN"), "diverged");
        assert_eq!(cell("DCGAN"), "–");
    }

    #[test]
    fn our_order_is_compared_with_the_papers_over_the_rows_that_both_have() {
        let mut fixture = Fixture::new();
        fixture.unet(None, TrainedOn::Real, 1, &[0.8, 0.82]);
        // The paper's order on ACDC: StyleGAN before SPADE before HingeGAN.
        for (gan, dice) in [("stylegan", 0.7), ("spade", 0.6), ("hinge", 0.1)] {
            fixture.unet(Some(gan), TrainedOn::Synthetic, 1, &[dice, dice + 0.02]);
        }
        let runs = fixture.runs();
        let said = order(&evidence(&runs).unwrap()[0]).unwrap();
        assert!(said.contains("the 4 rows that both have") && said.contains("ρ = 1.00"), "{said}");
    }
}
