//! Usefulness: a U-Net trained on one set of pairs and judged by Dice on real test patients.
//!
//! Loss: cross-entropy + soft Dice (nnU-Net, Isensee et al. 2021, arXiv:1809.10486, batch Dice over the foreground
//! classes). Adam, learning rate annealed to 0 along half a cosine. The number of steps is the same whatever the set:
//! more data must not mean more training.

pub mod deep;
pub mod dice;
mod file;
mod judge;
mod loss;

pub use file::{load, save, write};
pub use judge::{check_test, evaluate, evaluate_slices};
pub use loss::loss;

use crate::augment::classical;
use crate::layers::params::Params;
use crate::nets::unet::{Unet, UnetSpec};
use crate::optim::{Optimiser, OptimiserSpec};
use crate::pairs::ahead::{Ahead, Request};
use crate::pairs::batch::{Pair, Values};
use crate::pairs::joint::likeliest;
use crate::pairs::order::Order;
use crate::precision::{Precision, resolve};
use crate::rng::{Purpose, reseed_torch};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{SliceShape, Split};

/// Settings of one segmentation training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentSpec {
    /// Network.
    pub unet: UnetSpec,
    /// Optimiser steps.
    pub steps: u64,
    /// Batch N.
    pub batch: usize,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// Classical augmentation: rotations, shifts, flips.
    pub augment: bool,
    /// Key of all randomness.
    pub seed: u64,
    /// In what arithmetic it trains; f32 where it is not said.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

impl SegmentSpec {
    /// Refuses numbers with which nothing can be learned.
    ///
    /// # Errors
    /// Names the number and what was expected.
    pub fn check(&self) -> Result<()> {
        let Self { unet, steps, batch, learning_rate, .. } = self;
        if *steps == 0 || *batch == 0 {
            bail!("{steps} steps of batch {batch}: expected at least 1 of each");
        }
        if !(learning_rate.is_finite() && *learning_rate > 0.0) {
            bail!("learning rate {learning_rate}: expected a number above 0");
        }
        if unet.filters < 1 {
            bail!("{} filters: expected at least 1", unet.filters);
        }
        Ok(())
    }
}

impl Default for SegmentSpec {
    fn default() -> Self {
        Self {
            unet: UnetSpec::default(),
            steps: 2000,
            batch: 16,
            learning_rate: 1e-3,
            augment: false,
            seed: 1,
            precision: Precision::F32,
        }
    }
}

/// A U-Net with its parameters.
#[derive(Debug)]
pub struct Segmenter {
    /// Named tensors.
    pub params: Params,
    unet: Unet,
    classes: usize,
}

impl Segmenter {
    /// Builds it; the weights are a function of the seed.
    ///
    /// # Errors
    /// When the size cannot be halved as often as the depth asks.
    pub fn new(
        spec: &SegmentSpec,
        slice_shape: SliceShape,
        classes: usize,
        device: Device,
    ) -> Result<Self> {
        reseed_torch(spec.seed, Purpose::Weights, 0);
        let mut params = Params::new(device).computing(resolve(spec.precision, device));
        let size = [slice_shape.height as i64, slice_shape.width as i64];
        let (channels, outputs) = (slice_shape.channels as i64, classes as i64);
        let unet = Unet::new(&mut params, &spec.unet, channels, outputs, size)?;
        Ok(Self { params, unet, classes })
    }

    /// `[N, C, H, W]` in [-1, 1] → label values `[N, H, W]`; evaluation mode.
    pub fn predict(&self, image: &Tensor) -> Tensor {
        tch::no_grad(|| likeliest(&self.unet.forward(image, false)))
    }

    /// `[N, C, H, W]` in [-1, 1] → bottleneck features `[N, D]`; evaluation mode.
    pub fn features(&self, image: &Tensor) -> Tensor {
        tch::no_grad(|| self.unet.features(image))
    }
}

/// A U-Net's progress: steps done, loss.
pub type Report<'a> = &'a mut dyn FnMut(u64, f64);

/// Trains on the training slices of `packs`, each of which fills an equal share of every batch. `stop` is asked after
/// every step.
///
/// # Errors
/// When packs differ in shape or classes, one has no training slice, the loss is no longer finite, or `stop` said so.
pub fn train(
    spec: &SegmentSpec,
    packs: &[&Pack],
    device: Device,
    stop: &dyn Fn() -> bool,
    report: Report,
) -> Result<Segmenter> {
    let first = packs.first().context("no pack to train on, expected at least one")?;
    check_training(spec, packs)?;
    let segmenter = Segmenter::new(spec, first.slice_shape(), first.classes(), device)?;
    let mut orders: Vec<Order> = packs
        .iter()
        .enumerate()
        .map(|(i, pack)| Order::new(spec.seed, i as u64, pack.indices(Split::Train)))
        .collect();
    let rate = |learning_rate| OptimiserSpec::Adam { learning_rate, beta1: 0.9, beta2: 0.999 };
    let mut optimiser = Optimiser::new(rate(spec.learning_rate), segmenter.params.trained());
    let mut request = || -> Request {
        let share = |i| spec.batch / packs.len() + usize::from(i < spec.batch % packs.len());
        orders.iter_mut().enumerate().map(|(i, order)| (i, order.take(share(i)))).collect()
    };
    std::thread::scope(|scope| {
        let mut ahead = Ahead::start(scope, packs);
        for step in 0..spec.steps {
            reseed_torch(spec.seed, Purpose::Step, step);
            if !ahead.is_asked() {
                ahead.ask(request());
            }
            let read = ahead.next()?;
            ahead.ask(request());
            let mut pair = joined(&read, device);
            if spec.augment {
                pair = tch::no_grad(|| classical::augment(&pair));
            }
            let cosine = (std::f64::consts::PI * step as f64 / spec.steps as f64).cos();
            optimiser.set_spec(rate(spec.learning_rate * 0.5 * (1.0 + cosine)));
            optimiser.zero_grad();
            let loss = loss(&segmenter.unet.forward(&pair.image, true), &pair.labels);
            loss.backward();
            optimiser.step();
            if step % 20 == 0 || step + 1 == spec.steps {
                let value = loss.double_value(&[]);
                if !value.is_finite() {
                    bail!("U-Net: loss {value} at step {step}, expected a finite number");
                }
                report(step + 1, value);
            }
            if stop() {
                bail!("U-Net: stopped at step {step} of {}", spec.steps);
            }
        }
        Ok(())
    })?;
    segmenter.params.set_trainable(false);
    Ok(segmenter)
}

/// What would go wrong after the training, before it: packs of other sizes, channels, pixel types or classes, by name
/// and
/// order; a network that does not fit them.
///
/// # Errors
/// Names the pack, and what it has instead of the first one's.
pub fn check(spec: &SegmentSpec, packs: &[&Pack], test: &Pack) -> Result<()> {
    check_training(spec, packs)?;
    alike(test, packs[0])?;
    Ok(())
}

fn alike(pack: &Pack, first: &Pack) -> Result<()> {
    if pack.slice_shape() == first.slice_shape()
        && pack.manifest().classes == first.manifest().classes
    {
        return Ok(());
    }
    let text = |pack: &Pack| {
        let SliceShape { channels, height, width, pixel_type: depth } = pack.slice_shape();
        format!(
            "{height}x{width} pixels, {channels} channels, {depth:?}, classes {}",
            pack.manifest().classes.join(", ")
        )
    };
    bail!(
        "{}: {}; expected those of {}: {}",
        pack.path().display(),
        text(pack),
        first.path().display(),
        text(first)
    )
}

fn check_training(spec: &SegmentSpec, packs: &[&Pack]) -> Result<()> {
    let first = packs.first().context("no pack to train on, expected at least one")?;
    for pack in packs {
        alike(pack, first)?;
        if pack.indices(Split::Train).is_empty() {
            bail!("{}: no training slice, expected some", pack.path().display());
        }
    }
    spec.check()?;
    if spec.batch < packs.len() {
        bail!(
            "batch {}: expected at least one slice for each of {} packs",
            spec.batch,
            packs.len()
        );
    }
    Ok(())
}

fn joined(read: &[Values], device: Device) -> Pair {
    let pairs: Vec<Pair> = read.iter().map(|values| values.to(device)).collect();
    let images: Vec<&Tensor> = pairs.iter().map(|pair| &pair.image).collect();
    let labels: Vec<&Tensor> = pairs.iter().map(|pair| &pair.labels).collect();
    Pair { image: Tensor::cat(&images, 0), labels: Tensor::cat(&labels, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use vesalius_data::pack::PackWriter;
    use vesalius_data::pack::manifest::{CaseRecord, Manifest, PixelType, Provenance, SliceRecord};

    const LAYOUT: SliceShape =
        SliceShape { channels: 1, height: 4, width: 4, pixel_type: PixelType::U8 };

    /// A training patient with all three classes, and a test patient with a slice for each of `masks`, which hold these
    /// two labels.
    fn pack(path: &Path, masks: &[[u8; 2]]) -> Pack {
        let mut writer = PackWriter::create(path, LAYOUT).unwrap();
        let slices = [(0, [1, 2])].into_iter().chain(masks.iter().map(|&mask| (1, mask)));
        for (position, (case, [first, last])) in slices.enumerate() {
            let mut labels = [0; 16];
            (labels[5], labels[6]) = (first, last);
            writer.push(&[7; 16], &labels, SliceRecord { case, position }).unwrap();
        }
        let case = |name: &str, split| CaseRecord::new(name, name, split);
        let manifest = Manifest {
            dataset: "test".into(),
            vesalius: "0".into(),
            classes: ["background", "myocardium", "LV cavity"].map(str::to_owned).to_vec(),
            slice_shape: LAYOUT,
            provenance: Provenance::Real {
                source: "folder".into(),
                preprocess: serde_json::Value::Null,
                split: "seed 1".into(),
                files: vec![],
            },
            cases: vec![case("a", Split::Train), case("b", Split::Test)],
            slices: vec![],
            command: String::new(),
            data_sha256: String::new(),
        };
        writer.finish(manifest).unwrap();
        Pack::open(path).unwrap()
    }

    #[test]
    fn a_class_may_be_absent_from_test_slices_but_not_from_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let unet = UnetSpec { filters: 2, depth: 1, ..UnetSpec::default() };
        let spec = SegmentSpec { unet, ..SegmentSpec::default() };
        let segmenter = Segmenter::new(&spec, LAYOUT, 3, Device::Cpu).unwrap();
        let judged = |name: &str, masks: &[[u8; 2]]| {
            evaluate(&segmenter, &pack(&folder.path().join(name), masks), Device::Cpu)
        };
        assert_eq!(judged("whole", &[[1, 1], [2, 0]]).unwrap().slice_count(), 2);
        for (name, masks, absent) in [
            ("lacking", &[[1, 1], [0, 1]][..], "`LV cavity` is in no mask"),
            ("empty", &[[0, 0]][..], "`myocardium` is in no mask"),
            ("nobody", &[][..], "no test patient"),
        ] {
            let error = judged(name, masks).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(absent), "{error}");
        }
    }

    #[test]
    fn a_slice_that_the_reading_thread_finds_damaged_ends_the_training() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let pack = pack(&path, &[[1, 2]]);
        let file = path.join("slices.bin");
        let mut bytes = std::fs::read(&file).unwrap();
        let pixel = bytes.iter().position(|&byte| byte == 7).unwrap();
        bytes[pixel] = 8;
        std::fs::write(&file, bytes).unwrap();
        let unet = UnetSpec { filters: 2, depth: 1, ..UnetSpec::default() };
        let spec = SegmentSpec { unet, steps: 3, batch: 2, ..SegmentSpec::default() };
        let found = train(&spec, &[&pack], Device::Cpu, &|| false, &mut |_, _| {});
        let error = found.unwrap_err().to_string();
        assert!(error.contains("slice 0: checksum does not match"), "{error}");
    }
}
