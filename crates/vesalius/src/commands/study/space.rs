//! What a study says of trainings, checked against the settings that there are before anything starts.

use anyhow::{Error, Result, bail};
use std::path::Path;
use vesalius_study::plan::{Ask, Resolved};
use vesalius_study::study::{Gan, Study};
use vesalius_torch::spec::{TrainSpec, preset_names};

/// Reads a study and tries every value of its space once.
///
/// # Errors
/// One line with file, line and column.
pub fn read(path: &Path) -> Result<Study> {
    let study = Study::read(path)?;
    refuse_what_is_set_elsewhere(&study)?;
    for gan in &study.gan {
        check(&study, gan)?;
    }
    Ok(study)
}

/// A training's spec.
///
/// # Errors
/// An unknown preset or path, a value of the wrong type or range, or a training that measures no distance to rank by.
pub fn resolve(ask: &Ask) -> Result<Resolved> {
    let mut spec = TrainSpec::resolve_saved(ask.preset, ask.settings)?;
    spec.training.kimg = ask.kimg;
    spec.training.seed = ask.seed;
    spec.check()?;
    if spec.training.distance_every_kimg <= 0.0 {
        bail!(
            "training.distance_every_kimg = 0: a study ranks trainings by it, expected a number above 0"
        );
    }
    let paints_masks = spec.needs_masks();
    Ok(Resolved { spec: serde_json::to_value(spec.identity()?)?, paints_masks })
}

/// Settings that the study file has keys of its own for, which win.
const SET_ELSEWHERE: [(&str, &str); 2] =
    [("training.kimg", "kimg of [budget]"), ("training.seed", "seeds")];

fn refuse_what_is_set_elsewhere(study: &Study) -> Result<()> {
    for (path, key) in SET_ELSEWHERE {
        for parameter in &study.search.parameter {
            let paths = &parameter.paths;
            if paths.get_ref().iter().any(|found| found == path) {
                bail!("{}: {path}, expected {key} instead", study.at(&paths.span()));
            }
        }
        for set in study.gan.iter().flat_map(|gan| study.set_of(gan)) {
            if path_of(set.get_ref()) == path {
                bail!("{}: {path}, expected {key} instead", study.at(&set.span()));
            }
        }
    }
    Ok(())
}

fn path_of(setting: &str) -> &str {
    setting.split('=').next().unwrap_or("").trim()
}

fn check(study: &Study, gan: &Gan) -> Result<()> {
    let preset = gan.preset.get_ref();
    let names = preset_names();
    if !names.contains(preset) {
        let at = study.at(&gan.preset.span());
        bail!("{at}: {preset}: no such preset, expected one of {}", names.join(", "));
    }
    let kimg = *study.budget.kimg.get_ref();
    let base = study.settings(gan);
    let attempt = |more: Vec<String>| {
        let settings: Vec<String> = base.iter().cloned().chain(more).collect();
        resolve(&Ask { preset, settings: &settings, kimg, seed: study.seeds[0] })
    };
    let space = study.space(gan);
    let (mut tried, mut paints_masks) = (false, false);
    for (i, parameter) in study.search.parameter.iter().enumerate() {
        let values: Vec<f64> = match parameter.cardinality() {
            Some(count) => (0..count).map(|i| i as f64).collect(),
            None => vec![parameter.along(0.0), parameter.along(1.0)],
        };
        for at in values {
            let Some(point) = space.with(i, at) else { continue };
            tried = true;
            let resolved = attempt(space.settings(&point)).map_err(|error| {
                let own = parameter.paths.get_ref().iter().any(|path| names_it(&error, path));
                let set = if own { None } else { to_blame(study, gan, &error) };
                error.context(format!(
                    "{}: {preset}",
                    set.unwrap_or_else(|| study.at(&Study::span_of(parameter)))
                ))
            })?;
            paints_masks |= resolved.paints_masks;
        }
    }
    // Only where there is no other: a value of the space may be what the settings alone lack.
    if !tried {
        let resolved = attempt(vec![]).map_err(|error| {
            let at = to_blame(study, gan, &error);
            error.context(at.unwrap_or_else(|| study.at(&gan.preset.span())))
        })?;
        paints_masks |= resolved.paints_masks;
    }
    if let Some(masks) = gan.masks.as_ref().filter(|_| !paints_masks) {
        let at = study.at(&masks.span());
        bail!("{at}: masks: preset {preset} makes its own, expected none to be given");
    }
    Ok(())
}

/// Where the setting stands that an error is about, the last of several.
fn to_blame(study: &Study, gan: &Gan, error: &Error) -> Option<String> {
    let set = study.set_of(gan).rev().find(|set| names_it(error, path_of(set.get_ref())))?;
    Some(study.at(&set.span()))
}

fn names_it(error: &Error, path: &str) -> bool {
    !path.is_empty() && format!("{error:#}").contains(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use vesalius_study::task::{PackInput, Stage, Task};

    /// A study that version 0.1 began finds its finished trainings: a task's name is made of its spec.
    #[test]
    fn trainings_are_the_tasks_that_they_were() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/specs-1.json");
        let golden: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let key = |spec: &serde_json::Value| {
            let digest = "0123456789abcdef".to_owned();
            let pack = PackInput { role: "real".to_owned(), path: "packs/real".into(), digest };
            Task::new(Stage::Train, vec![pack], vec![], spec.clone()).key().to_string()
        };
        for (name, golden) in &golden {
            let settings: Vec<String> = serde_json::from_value(golden["settings"].clone()).unwrap();
            let schedule = &golden["task"]["training"];
            let (kimg, seed) = (schedule["kimg"].as_f64(), schedule["seed"].as_u64());
            let resolved = resolve(&Ask {
                preset: golden["preset"].as_str().unwrap(),
                settings: &settings,
                kimg: kimg.unwrap(),
                seed: seed.unwrap(),
            })
            .unwrap();
            assert_eq!(resolved.spec, golden["task"], "{name}");
            assert_eq!(key(&resolved.spec), key(&golden["task"]), "{name}");
            assert_eq!(resolved.paints_masks, name.starts_with("spade"), "{name}");
        }
    }
}
