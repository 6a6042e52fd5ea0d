//! What a search tells beyond its figures: which hyperparameters matter, how often trainings diverged, and which of
//! them
//! no other one beats.

use crate::document::{Block, Column, Entry, Grid, Section};
use crate::evidence::Evidence;
use crate::evidence::trials::{Trial, trials, varying};
use crate::inference::importance::{FEWEST, ranked};
use crate::paper::display_name;
use anyhow::Result;
use vesalius_data::pack::row::RowId;
use vesalius_statistics::proportion::wilson;

/// The page; nothing where no GAN has several trainings.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let trials = trials(evidence);
    let gans = evidence.gans();
    let of = |gan: &RowId| trials.iter().filter(move |trial| trial.gan == gan).collect::<Vec<_>>();
    if !gans.iter().any(|gan| of(gan).len() > 1) {
        return Ok(None);
    }
    let dataset = evidence.dataset;
    let mut blocks = vec![Block::Grid(divergence(dataset, &gans, &trials))];
    blocks.push(importances(dataset, &gans, &trials));
    blocks.push(Block::Grid(pareto(dataset, &trials)));
    Ok(Some(Section {
        id: "search",
        title: "What the search tells".to_owned(),
        blocks,
        files: vec![],
    }))
}

fn divergence(dataset: &str, gans: &[&RowId], trials: &[Trial]) -> Grid {
    let row = |gan: &&RowId| {
        let of_gan = || trials.iter().filter(|trial| trial.gan == *gan);
        let (count, diverged) = (of_gan().count(), of_gan().filter(|trial| trial.diverged).count());
        let [low, high] = wilson(diverged, count)?;
        let percent = |share: f64| Entry::Number(100.0 * share, 1);
        Some(vec![
            display_name(gan).into(),
            Entry::Number(count as f64, 0),
            Entry::Number(diverged as f64, 0),
            percent(diverged as f64 / count as f64),
            percent(low),
            percent(high),
        ])
    };
    Grid {
        name: "divergence",
        dataset: dataset.to_owned(),
        caption: "Trainings that diverged".to_owned(),
        columns: vec![
            Column::text("gan", "GAN"),
            Column::new("trainings", "Trainings"),
            Column::new("diverged", "Diverged"),
            Column::new("percent", "Share, %"),
            Column::new("low", "from, %"),
            Column::new("high", "to, %"),
        ],
        rows: gans.iter().filter_map(row).collect(),
        remarks: vec![
            "Interval: Wilson's, 95 %. It speaks of settings drawn as the search drew them."
                .to_owned(),
        ],
    }
}

/// Measures that settings may explain.
const MEASURES: [(&str, Of); 2] = [
    // Distances of failed and good trainings differ by orders of magnitude: raw, the failed ones would be all that
    // counts.
    ("log Fréchet distance", |trial| trial.distance.filter(|d| *d > 0.0).map(f64::ln)),
    ("Dice", |trial| trial.dice),
];
type Of = fn(&Trial) -> Option<f64>;

fn importances(dataset: &str, gans: &[&RowId], trials: &[Trial]) -> Block {
    let mut groups: Vec<(String, Vec<&Trial>, bool)> = vec![];
    if gans.len() > 1 {
        groups.push(("all GANs".to_owned(), trials.iter().collect(), true));
    }
    for gan in gans {
        let of_gan = trials.iter().filter(|trial| trial.gan == *gan).collect();
        groups.push((display_name(gan), of_gan, false));
    }
    let mut rows = vec![];
    for (group, members, gan_too) in &groups {
        for (measure, of) in MEASURES {
            for (name, importance) in ranked(members, of, *gan_too).into_iter().flatten() {
                rows.push(vec![
                    group.clone().into(),
                    measure.to_owned().into(),
                    name.into(),
                    Entry::Number(importance.share, 3),
                    Entry::Number(importance.deviation, 3),
                    Entry::Number(
                        members.iter().filter(|trial| of(trial).is_some()).count() as f64,
                        0,
                    ),
                ]);
            }
        }
    }
    if rows.is_empty() {
        return Block::Text(format!(
            "Which hyperparameters matter cannot be told yet: that needs {FEWEST} trainings of a GAN with a number."
        ));
    }
    Block::Grid(Grid {
        name: "importance",
        dataset: dataset.to_owned(),
        caption: "Hyperparameter importance".to_owned(),
        columns: vec![
            Column::text("group", "Trainings of"),
            Column::text("measure", "Explains"),
            Column::text("setting", "Hyperparameter"),
            Column::new("share", "Share of variance"),
            Column::new("deviation", "±"),
            Column::new("trainings", "Trainings"),
        ],
        rows,
        remarks: vec![
            "Functional ANOVA over a random forest of 64 trees (Hutter, Hoos, Leyton-Brown 2014): the share of the \
             variance over all combinations of the values tried that a setting explains alone; ± is the standard \
             deviation over the trees, each of another bootstrap sample of the trainings. Shares do not add up to 1: \
             the rest is interaction. Diverged trainings have no number and are left out. Settings that always changed \
             together stand together."
                .to_owned(),
        ],
    })
}

/// Trainings that no other one of the dataset beats: at most equal in all of distance, cost and Dice, better in one. A
/// training without Dice is compared with those without, and is beaten by none for that.
fn pareto(dataset: &str, trials: &[Trial]) -> Grid {
    let mut best: Vec<&Trial> = trials
        .iter()
        .filter(|trial| trial.distance.is_some())
        .filter(|trial| !trials.iter().any(|other| beats(other, trial)))
        .collect();
    best.sort_by(|a, b| a.distance.partial_cmp(&b.distance).unwrap_or(std::cmp::Ordering::Equal));
    let (within, _) = varying(trials);
    let settings = |trial: &Trial| {
        let chosen =
            within.iter().filter_map(|path| Some(format!("{path}={}", trial.settings.get(path)?)));
        chosen.collect::<Vec<_>>().join(" ")
    };
    let row = |trial: &&Trial| {
        vec![
            display_name(trial.gan).into(),
            Entry::number(trial.distance, 3),
            Entry::number(trial.dice, 3),
            Entry::Number(trial.secs / 60.0, 1),
            settings(trial).into(),
        ]
    };
    Grid {
        name: "pareto",
        dataset: dataset.to_owned(),
        caption: "Trainings that no other one beats in distance, Dice and cost".to_owned(),
        columns: vec![
            Column::text("gan", "GAN"),
            Column::new("distance", "Fréchet distance"),
            Column::new("dice", "Dice"),
            Column::new("minutes", "Training, min"),
            Column::text("settings", "Settings that varied"),
        ],
        rows: best.iter().map(row).collect(),
        remarks: vec![
            "Dice of U-Nets trained on its images alone, where it was measured; a training without one is compared by \
             distance and cost. Minutes are of the machine that ran it."
                .to_owned(),
        ],
    }
}

fn beats(a: &Trial, b: &Trial) -> bool {
    let (Some(distance_a), Some(distance_b)) = (a.distance, b.distance) else { return false };
    let dice = match (a.dice, b.dice) {
        (Some(a), Some(b)) => b - a,
        (None, Some(_)) => return false,
        (_, None) => 0.0,
    };
    let worse = [distance_a - distance_b, a.secs - b.secs, dice];
    worse.iter().all(|by| *by <= 0.0) && worse.iter().any(|by| *by < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::Fixture;
    use crate::evidence::fixture::evidence;
    use serde_json::json;

    fn trial(gan: &RowId, distance: Option<f64>, dice: Option<f64>, secs: f64) -> Trial<'_> {
        let (settings, diverged) = (std::collections::BTreeMap::new(), distance.is_none());
        Trial { gan, settings, distance, dice, diverged, secs }
    }

    #[test]
    fn only_what_no_other_training_beats_is_on_the_front() {
        let gan = RowId::of("wgan");
        let trial = |distance, dice, secs| trial(&gan, distance, dice, secs);
        let trials = [
            trial(Some(1.0), Some(0.5), 100.0), // nearest
            trial(Some(2.0), None, 10.0),       // cheapest
            trial(Some(3.0), Some(0.9), 200.0), // most useful
            trial(Some(2.5), Some(0.4), 150.0), // beaten by the first
            trial(Some(3.0), None, 10.0),       // beaten by the second
            trial(None, None, 1.0),             // diverged: no distance to compare
        ];
        let rows = pareto("acdc", &trials).rows;
        let distances: Vec<&Entry> = rows.iter().map(|row| &row[1]).collect();
        assert_eq!(
            distances,
            [1.0, 2.0, 3.0].map(|d| Entry::Number(d, 3)).iter().collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_search_has_its_shares_of_diverged_trainings_and_importances() {
        let mut fixture = Fixture::new();
        for i in 0..12 {
            let settings =
                json!({ "rate": (if i % 2 == 0 { 1e-4 } else { 1e-3 }), "filters": 16 + i });
            fixture.training("wgan", settings, Some(1.0 + (i % 2) as f64 * 9.0));
        }
        for i in 0..3 {
            fixture.training("wgan", json!({ "rate": 0.1, "filters": i }), None);
        }
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let grids: Vec<&Grid> = section
            .blocks
            .iter()
            .filter_map(|block| if let Block::Grid(grid) = block { Some(grid) } else { None })
            .collect();
        let names: Vec<&str> = grids.iter().map(|grid| grid.name).collect();
        assert_eq!(names, ["divergence", "importance", "pareto"]);
        assert_eq!(
            grids[0].rows[0][1..4],
            [15.0, 3.0, 20.0].map(|n| Entry::Number(n, (n == 20.0).into()))
        );
        assert_eq!(grids[1].rows[0][2], Entry::Text("rate".to_owned()));
    }

    #[test]
    fn single_trainings_are_no_search() {
        let mut fixture = Fixture::new();
        fixture.training("wgan", json!({ "rate": 1 }), Some(1.0));
        fixture.training("lsgan", json!({ "rate": 2 }), Some(1.0));
        let runs = fixture.runs();
        assert!(page(&evidence(&runs).unwrap()[0]).unwrap().is_none());
    }
}
