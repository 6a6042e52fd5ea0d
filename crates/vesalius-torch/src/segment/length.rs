//! How long a training goes on being worth it: the loss on training patients that are held back.
//!
//! A training at a constant learning rate, whose averaged weights stand for what annealing would have made of it at any
//! step (Izmailov et al. 2018, arXiv:1803.05407; Hägele et al. 2024, arXiv:2405.18392): one curve shows all lengths. The
//! length found is that of the lowest loss.

use super::input::{self, Scale};
use super::spec::SegmentSpec;
use super::train::{Schedule, Training, Watch};
use super::{Report, Segmenter};
use crate::pairs::batch;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use tch::{Device, Tensor};
use vesalius_data::files::digest;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_data::run::segmented::{Length, Point};

/// Steps from look to look.
const EVERY: u64 = 100;
/// Share of the patients that is held back.
const HELD_BACK: f64 = 0.2;
/// No fewer steps than this are watched after the lowest loss,
const PATIENCE: u64 = 500;
/// nor than this share of the steps that led to it.
const PATIENT_SHARE: f64 = 0.5;
/// A loss counts as lower where it is so by this share of the first looks' fall.
const LOWER: f64 = 0.01;
/// Weight of the new in the average of weights, once many steps are done.
const AVERAGING: f64 = 0.005;
/// Slices that are judged at a time.
const BATCH: usize = 64;

/// Watches a training of `spec` (its steps are not asked for, its seed is) on the training patients of `pack` until the loss
/// on a fifth of them, who do not train, falls no longer; `most` steps at most.
///
/// # Errors
/// Fewer than three training patients, a loss that is no number, a slice that was damaged, or `stop` said so.
pub fn find(
    spec: &SegmentSpec,
    pack: &Pack,
    most: u64,
    device: Device,
    stop: &dyn Fn() -> bool,
    report: Report,
) -> Result<Length> {
    let (held_back, training) = held_back(pack)?;
    // On real images alone.
    let spec = SegmentSpec { steps: most, share: None, ..spec.clone() };
    let indices = |wanted: &[String]| -> Vec<usize> {
        let named = |i: &usize| wanted.contains(&pack.manifest().case(*i).patient);
        (0..pack.len()).filter(named).collect()
    };
    let judged = indices(&held_back);
    let scale = spec.standardise.then(|| Scale::of(pack, &judged)).transpose()?;
    let average = Segmenter::new(&spec, pack, pack.classes(), device)?;
    let mut looks: Vec<Point> = Vec::new();
    let mut watch = |done: u64, segmenter: &Segmenter| {
        // Of few steps the plain mean.
        let weight = AVERAGING.max(1.0 / done as f64);
        tch::no_grad(|| {
            for ((_, mean), (_, new)) in average.params.all().iter().zip(segmenter.params.all()) {
                let new = new.detach();
                if mean.is_floating_point() {
                    let _ = mean.shallow_clone().lerp_(&new, weight);
                } else {
                    mean.shallow_clone().copy_(&new);
                }
            }
        });
        if !done.is_multiple_of(EVERY) {
            return Ok(true);
        }
        let loss = tch::no_grad(|| loss(&average, pack, &judged, scale.as_ref(), device))?;
        if !loss.is_finite() {
            bail!(
                "segmenter: loss {loss} at step {done} on held-back patients, expected a finite number"
            );
        }
        looks.push(Point { step: done, loss });
        Ok(!is_over(&looks))
    };
    Training {
        spec: &spec,
        packs: &[pack],
        slices: vec![indices(&training)],
        schedule: Schedule::Constant,
        watch: Some(&mut watch as Watch),
    }
    .run(device, stop, report, None)?;
    let best = lowest(&looks).expect("a look at least");
    let (steps, falling) = (best.step, !is_over(&looks));
    Ok(Length { steps, falling, patients: held_back, looks })
}

/// Who is held back and who trains: the validation patients, where there are some; else a function of the names alone,
/// the same for every seed and training set.
fn held_back(pack: &Pack) -> Result<(Vec<String>, Vec<String>)> {
    let manifest = pack.manifest();
    let on = |side: Split| -> Vec<String> {
        manifest.patients(side).into_iter().map(str::to_owned).collect()
    };
    let validating = on(Split::Validate);
    if !validating.is_empty() {
        return Ok((validating, on(Split::Train)));
    }
    let mut patients: BTreeMap<String, String> = BTreeMap::new();
    for name in on(Split::Train) {
        let key = digest::of_bytes(format!("held back/{}/{name}", manifest.dataset).as_bytes());
        patients.insert(key, name);
    }
    let names: Vec<String> = patients.into_values().collect();
    if names.len() < 3 {
        bail!(
            "{}: {} training patients, expected at least 3 to hold some back (--steps N)",
            pack.path().display(),
            names.len()
        );
    }
    let count = ((names.len() as f64 * HELD_BACK).round() as usize).max(1);
    let (held, training) = names.split_at(count);
    Ok((held.to_vec(), training.to_vec()))
}

/// Mean loss over slices.
fn loss(
    segmenter: &Segmenter,
    pack: &Pack,
    indices: &[usize],
    scale: Option<&Scale>,
    device: Device,
) -> Result<f64> {
    let mut sum = 0.0;
    for chunk in indices.chunks(BATCH) {
        let image = input::load(pack, chunk, scale, device)?;
        let labels = batch::load(pack, chunk, device)?.labels;
        let loss: Tensor = segmenter.judged_loss(&image, &labels);
        sum += loss.double_value(&[]) * chunk.len() as f64;
    }
    Ok(sum / indices.len() as f64)
}

/// The first look than which none is lower by more than noise.
fn lowest(looks: &[Point]) -> Option<Point> {
    let first = looks.first()?;
    let lowest = looks.iter().map(|look| look.loss).fold(f64::INFINITY, f64::min);
    let margin = LOWER * (first.loss - lowest);
    looks.iter().find(|look| look.loss <= lowest + margin).copied()
}

/// Whether nothing lower came for long enough.
fn is_over(looks: &[Point]) -> bool {
    let (Some(best), Some(last)) = (lowest(looks), looks.last()) else { return false };
    let patience = PATIENCE.max((best.step as f64 * PATIENT_SHARE) as u64);
    last.step - best.step >= patience
}

#[cfg(test)]
mod tests;
