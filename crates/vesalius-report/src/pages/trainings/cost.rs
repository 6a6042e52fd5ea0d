//! Cost ledger: what each row of Table 2 took, summed over the runs behind it.

use crate::document::{Block, Column, Entry, Grid, Section};
use crate::evidence::repetition::synthetic_images;
use crate::evidence::runs::Run;
use crate::evidence::{Evidence, TrainingSet};
use anyhow::Result;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;

/// What some runs took together.
#[derive(Debug, Default, Clone, PartialEq)]
struct Sum {
    runs: usize,
    secs: f64,
    images: Option<u64>,
    peak_bytes: Option<u64>,
    joules: Option<f64>,
    /// Runs whose energy could not be read.
    dark: usize,
}

impl Sum {
    fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Self {
        let mut sum = Self::default();
        for run in runs {
            let cost = run.result.cost;
            sum.runs += 1;
            sum.secs += run.result.wall_secs;
            sum.images = plus(sum.images, cost.images, |a, b| a + b);
            sum.peak_bytes = plus(sum.peak_bytes, cost.peak_memory_bytes, u64::max);
            sum.joules = plus(sum.joules, cost.energy_joules, |a, b| a + b);
            sum.dark += usize::from(cost.energy_joules.is_none());
        }
        sum
    }
}

fn plus<T: Copy>(a: Option<T>, b: Option<T>, join: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (one, other) => one.or(other),
    }
}

/// Trainings, judging and U-Nets of a row.
fn behind(evidence: &Evidence, set: &TrainingSet) -> [Sum; 3] {
    let gan = set.gan.as_ref();
    let made_by: Vec<RowId> =
        gan.map(RowId::presets).unwrap_or_default().into_iter().map(RowId::of).collect();
    let trainings =
        evidence.stage("train").filter(|run| run.gan().is_some_and(|g| made_by.contains(g)));
    let alone = set.trained_on == TrainedOn::Synthetic;
    // Of a GAN with several sets of images what judged these.
    let several = gan.is_some_and(|gan| evidence.judged_images(gan).len() > 1);
    let judging = evidence.runs.iter().copied().filter(|run| {
        let judges = !matches!(run.result.stage.as_str(), "train" | "segment");
        let of_set = !several
            || set.judged.is_empty()
            || synthetic_images(&evidence.runs, run) == set.basis.synthetic;
        alone && judges && run.gan() == gan && of_set
    });
    [Sum::of(trainings), Sum::of(judging), Sum::of(set.judged.iter().copied())]
}

/// The page; nothing without runs.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let mut rows = vec![];
    let mut unread = false;
    for set in &evidence.sets {
        let [training, judging, unet] = behind(evidence, set);
        let counts = if set.dice.is_some() || set.trained_on == TrainedOn::Synthetic {
            training.runs + judging.runs + unet.runs
        } else {
            0
        };
        if counts == 0 {
            continue;
        }
        let all = [&training, &judging, &unet];
        let images = all.iter().fold(None, |sum, part| plus(sum, part.images, |a, b| a + b));
        let peak = all.iter().fold(None, |sum, part| plus(sum, part.peak_bytes, u64::max));
        let joules = all.iter().fold(None, |sum, part| plus(sum, part.joules, |a, b| a + b));
        let dark = all.iter().map(|part| part.dark).sum::<usize>();
        unread |= dark > 0;
        let minutes = |sum: &Sum| {
            if sum.runs == 0 { Entry::Absent } else { Entry::Number(sum.secs / 60.0, 1) }
        };
        let energy = joules.filter(|_| dark == 0).map(|joules| joules / 3.6e6);
        rows.push(vec![
            set.name().into(),
            minutes(&training),
            minutes(&judging),
            minutes(&unet),
            Entry::Number(all.iter().map(|sum| sum.secs).sum::<f64>() / 60.0, 1),
            Entry::number(images.map(|images| images as f64 / 1000.0), 0),
            Entry::number(peak.map(|bytes| bytes as f64 / (1_u64 << 30) as f64), 2),
            Entry::number(energy, 3),
            format!("{}, {}, {}", training.runs, judging.runs, unet.runs).into(),
        ]);
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let mut remarks = vec![
        "A GAN's trainings are counted in every row that uses its images, judging where its images stand alone; do not \
         add rows up. Sampling leaves no run and is not counted. Images: shown to a discriminator or a U-Net, or judged. \
         Memory: greatest resident memory of any one run."
            .to_owned(),
    ];
    if unread {
        remarks.push(
            "Energy is left out of rows with a run whose processor did not let it be read."
                .to_owned(),
        );
    }
    let grid = Grid {
        name: "cost",
        dataset: evidence.dataset.to_owned(),
        caption: "What each training set took".to_owned(),
        columns: vec![
            Column::text("training_set", "Training set"),
            Column::new("training_minutes", "GAN trainings, min"),
            Column::new("judging_minutes", "Judging, min"),
            Column::new("unet_minutes", "U-Nets, min"),
            Column::new("total_minutes", "Together, min"),
            Column::new("thousand_images", "Images, thousands"),
            Column::new("peak_memory_gib", "Peak memory, GiB"),
            Column::new("energy_kwh", "Energy, kWh"),
            Column::new("runs", "Runs of each"),
        ],
        rows,
        remarks,
    };
    Ok(Some(Section {
        id: "cost",
        title: "What it cost".to_owned(),
        blocks: vec![Block::Grid(grid)],
        files: vec![],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::evidence;
    use crate::evidence::fixture::{Fixture, result};
    use vesalius_data::run::TrainedOn::{RealAndSynthetic, Synthetic};

    #[test]
    fn a_row_sums_the_runs_behind_it() {
        let mut fixture = Fixture::new();
        fixture.training("lsgan", serde_json::json!({"a": 1}), Some(1.0));
        fixture.training("lsgan", serde_json::json!({"a": 2}), Some(2.0));
        fixture.judged("metrics", "lsgan", &[("fid", None, 1.0)]);
        fixture.unet(Some("lsgan"), Synthetic, 1, &[0.5, 0.6]);
        fixture.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.5, 0.7]);
        // Of all runs one takes more memory than the rest, and one did not say how much.
        let mut large = result("copying", Some("lsgan"), vec![]);
        large.cost.peak_memory_bytes = Some(5 << 30);
        fixture.add(&large);
        let mut silent = result("plausibility", Some("lsgan"), vec![]);
        silent.cost.peak_memory_bytes = None;
        fixture.add(&silent);
        let runs = fixture.runs();
        let evidence = &evidence(&runs).unwrap()[0];
        let of = |trained_on| {
            behind(evidence, evidence.set(trained_on, Some(&RowId::of("lsgan"))).unwrap())
        };
        let sums = |kind| of(kind).map(|sum| (sum.runs, sum.secs, sum.images));
        let [training, judging, unet] = sums(Synthetic);
        assert_eq!(training, (2, 120.0, Some(2000)));
        assert_eq!((judging, unet), ((3, 180.0, Some(3000)), (1, 60.0, Some(1000))));
        assert_eq!(sums(RealAndSynthetic)[1].0, 0);
        // Memory is not summed.
        let peaks = of(Synthetic).map(|sum| sum.peak_bytes);
        assert_eq!(peaks, [1_u64, 5, 1].map(|gib| Some(gib << 30)));
        let section = page(evidence).unwrap().unwrap();
        let [Block::Grid(grid)] = section.blocks.as_slice() else { panic!("one table") };
        let column = grid.columns.iter().position(|c| c.key == "peak_memory_gib").unwrap();
        let shown: Vec<String> = grid.rows.iter().map(|row| row[column].line()).collect();
        assert_eq!(shown, ["5.00", "1.00"]);
    }
}
