//! What a study of this size could show, before it costs anything.

use super::manage::question;
use super::open::Open;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use vesalius_data::pack::manifest::Split;
use vesalius_data::pack::{Pack, view};
use vesalius_data::{say, show};
use vesalius_report::power::{DEFAULT, FEWEST_PATIENTS, POWER, Spread, Study, pilot};

/// The smallest difference that each dataset's patients and the study's seeds show, and what more of either would do;
/// nothing of a study that asks no question.
pub fn print(open: &Open) -> Result<()> {
    let study = &open.study;
    if !study.best.as_ref().is_some_and(|best| best.unet_with_real) {
        return Ok(());
    }
    if !study.baselines.real && !study.baselines.real_augmented {
        say!("warning: [baselines] has neither real nor real_augmented: nothing to compare with");
        return Ok(());
    }
    let baselines = [study.baselines.real, study.baselines.real_augmented];
    let sets = study.gan.len() + baselines.iter().filter(|wanted| **wanted).count();
    let runs = study.unet.seeds.len();
    let asked = question(study);
    let (spread, whence) = if let Some(spread) = pilot(&open.finished_runs(), &asked)? {
        (spread, "from this study's finished runs".to_owned())
    } else {
        let [differences, trainings] = DEFAULT;
        let text = format!(
            "assumed, as measured on ACDC: patients' differences {differences} apart, trainings {trainings}"
        );
        (Spread::from_deviations(differences, trainings), text)
    };
    for (dataset, patients) in patients(open) {
        show!(
            "question on {dataset}: {patients} test patients, {runs} run{} of each of {sets} training sets ({whence})",
            if runs == 1 { "" } else { "s" }
        );
        let size = Study { patients, runs, sets };
        let shows = |size: Study| spread.detectable(size, asked.level, POWER);
        let Some(found) = shows(size).filter(|_| patients >= FEWEST_PATIENTS) else {
            let why = if runs < 2 {
                "one run of each tells no effect from chance in training: seeds = [1, 2, 3] in [unet]".to_owned()
            } else {
                format!(
                    "fewer than {FEWEST_PATIENTS} patients: prepare --folds lets all of them test"
                )
            };
            say!("warning: no answer can come of it; {why}");
            continue;
        };
        let more =
            |size: Study| shows(size).map_or_else(String::new, |found| format!("{found:.3}"));
        show!(
            "  shows a true difference of {found:.3} Dice in {} of 100 studies; twice the patients {}, twice the seeds {}",
            (100.0 * POWER).round(),
            more(Study { patients: 2 * patients, ..size }),
            more(Study { runs: 2 * runs, ..size })
        );
        if found > asked.margin {
            let enough = [
                spread
                    .patients_for(asked.margin, size, asked.level, POWER)
                    .map(|n| format!("{n} patients")),
                spread
                    .runs_for(asked.margin, size, asked.level, POWER)
                    .map(|n| format!("{n} seeds")),
            ];
            let enough: Vec<String> = enough.into_iter().flatten().collect();
            let enough = match enough.as_slice() {
                [] => "neither more patients nor more seeds alone reach it".to_owned(),
                ways => format!("{} would reach it", ways.join(", or ")),
            };
            say!(
                "warning: a difference of {} (the margin) is out of reach; {enough}",
                asked.margin
            );
        }
    }
    Ok(())
}

/// Test patients of each dataset, those of all its folds together; of packs that are there.
fn patients(open: &Open) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for dataset in &open.study.dataset {
        let path: PathBuf = open.study.resolve(dataset.pack.get_ref());
        let Ok(pack) = Pack::open(&path) else { continue };
        let name = match view::fold(&path) {
            Some(number) => dataset.name().trim_end_matches(&format!("-fold-{number}")).to_owned(),
            None => dataset.name(),
        };
        let tests = pack.manifest().patients(Split::Test).into_iter().map(str::to_owned);
        found.entry(name).or_default().extend(tests);
    }
    found.into_iter().map(|(name, patients)| (name, patients.len())).collect()
}
