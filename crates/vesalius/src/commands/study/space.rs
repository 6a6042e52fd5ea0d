//! What a study says of trainings, checked against the settings that there are before anything starts.

use anyhow::{Context, Result, bail};
use std::path::Path;
use vesalius_study::plan::{Ask, Resolved};
use vesalius_study::study::{Gan, Study};
use vesalius_torch::spec::{Networks, TrainSpec, preset_names};

/// Reads a study and tries every value of its space once.
///
/// # Errors
/// One line with file, line and column.
pub fn read(path: &Path) -> Result<Study> {
    let study = Study::read(path)?;
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
    let mut spec = TrainSpec::resolve(ask.preset, ask.settings)?;
    spec.training.kimg = ask.kimg;
    spec.training.seed = ask.seed;
    spec.check()?;
    if spec.training.distance_every_kimg <= 0.0 {
        bail!(
            "training.distance_every_kimg = 0: a study ranks trainings by it, expected a number above 0"
        );
    }
    let paints_masks = matches!(spec.networks, Networks::Spade { .. });
    Ok(Resolved { spec: serde_json::to_value(&spec)?, paints_masks })
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
    for (i, parameter) in study.search.parameter.iter().enumerate() {
        let values: Vec<f64> = match parameter.cardinality() {
            Some(count) => (0..count).map(|i| i as f64).collect(),
            None => vec![parameter.along(0.0), parameter.along(1.0)],
        };
        for at in values {
            let Some(point) = space.with(i, at) else { continue };
            attempt(space.settings(&point)).with_context(|| {
                let at = study.at(&Study::span_of(parameter));
                format!("{at}: {preset}")
            })?;
        }
    }
    // Last: a value of the space may be what the settings alone lack.
    if study.search.parameter.is_empty() {
        attempt(vec![]).with_context(|| study.at(&gan.preset.span()))?;
    }
    Ok(())
}
