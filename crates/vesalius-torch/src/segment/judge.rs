//! A U-Net's predictions on test patients, counted against their masks.

use super::Segmenter;
use super::dice::{Evaluation, SliceCount, count};
use super::input::{self, Scale};
use crate::pairs::batch;
use crate::pairs::joint::likeliest;
use anyhow::{Result, bail};
use tch::{Device, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;

/// Whether a pack can judge: worth asking before a training.
///
/// # Errors
/// When it has no test patients, a class is in none of their masks (its Dice would say nothing of it, and a mean over
/// the
/// others would pass for one over all), or a slice was damaged.
pub fn check_test(pack: &Pack) -> Result<()> {
    let indices = pack.indices(Split::Test);
    if indices.is_empty() {
        bail!("{}: no test patient, expected some to judge by", pack.path().display());
    }
    // The background's place is never asked for.
    let mut absent: Vec<usize> = (1..pack.classes()).collect();
    for i in indices {
        if absent.is_empty() {
            return Ok(());
        }
        let labels = pack.slice(i)?.labels;
        absent.retain(|&class| labels.iter().all(|&label| usize::from(label) != class));
    }
    if let Some(&class) = absent.first() {
        bail!(
            "{}: `{}` is in no mask of the test patients, expected every class in some",
            pack.path().display(),
            pack.manifest().classes[class]
        );
    }
    Ok(())
}

/// Predicts the test slices of a pack and counts overlaps.
///
/// # Errors
/// When [`check_test`] refuses the pack, or it has another shape than the network was trained on.
pub fn evaluate(segmenter: &Segmenter, pack: &Pack, device: Device) -> Result<Evaluation> {
    check_test(pack)?;
    evaluate_slices(segmenter, pack, &pack.indices(Split::Test), device, &mut |_| {})
}

/// Predicts slices `indices` of a pack and counts overlaps with their masks; `report` is told how many are done.
///
/// # Errors
/// When the pack has other classes than the network was trained on, or a slice was damaged.
pub fn evaluate_slices(
    segmenter: &Segmenter,
    pack: &Pack,
    indices: &[usize],
    device: Device,
    report: &mut dyn FnMut(usize),
) -> Result<Evaluation> {
    let predicted = predict(&[segmenter], pack, indices, device, report)?;
    let count = |(&i, predicted): (&usize, &Vec<u8>)| {
        let case = pack.manifest().case(i);
        let overlaps = count(predicted, pack.slice(i)?.labels, segmenter.classes);
        Ok(SliceCount { patient: case.patient.clone(), case: case.id.clone(), overlaps })
    };
    let slices = indices.iter().zip(&predicted).map(count).collect::<Result<_>>()?;
    Ok(Evaluation::new(slices, segmenter.classes))
}

/// Labels `[H, W]` of slices `indices` of a pack: the likeliest class by the mean of the segmenters' probabilities, which
/// have to be of one training's settings; `report` is told how many are done.
///
/// # Errors
/// When the pack has other classes than the networks were trained on, or a slice was damaged.
///
/// # Panics
/// Without a segmenter.
pub fn predict(
    segmenters: &[&Segmenter],
    pack: &Pack,
    indices: &[usize],
    device: Device,
    report: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<u8>>> {
    const BATCH: usize = 64;
    for segmenter in segmenters {
        if pack.classes() != segmenter.classes {
            bail!(
                "{}: {} classes, expected {} as the training set",
                pack.path().display(),
                pack.classes(),
                segmenter.classes
            );
        }
    }
    let scale = segmenters[0].standardise.then(|| Scale::of(pack, indices)).transpose()?;
    let mut all = Vec::with_capacity(indices.len());
    for chunk in indices.chunks(BATCH) {
        let image = input::load(pack, chunk, scale.as_ref(), device)?;
        all.extend(batch::to_labels(&together(segmenters, &image))?);
        report(all.len());
    }
    Ok(all)
}

/// Label values `[N, H, W]`.
fn together(segmenters: &[&Segmenter], image: &Tensor) -> Tensor {
    if let [segmenter] = segmenters {
        return segmenter.predict(image);
    }
    tch::no_grad(|| {
        let mut sum = segmenters[0].probabilities(image);
        for segmenter in &segmenters[1..] {
            sum += segmenter.probabilities(image);
        }
        likeliest(&sum)
    })
}
