//! What a step takes on this machine, measured by doing a few: for estimates before anything has run.

use crate::families::domain::Domain;
use crate::families::trainer::StepContext;
use crate::layers::params::Params;
use crate::pairs::batch::Pair;
use crate::precision::resolve;
use crate::segment::{self, SegmentSpec};
use crate::spec::TrainSpec;
use anyhow::Result;
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::SliceShape;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Seconds of a real image of a GAN's training, or of an optimiser step of a U-Net's.
    pub secs: f64,
    /// Bytes of a checkpoint, or of the U-Net's weights.
    pub bytes: f64,
}

/// Steps that are timed, after one that is not.
const STEPS: u64 = 3;
/// Where one takes long, fewer are enough: a plan is to take seconds.
const ENOUGH_SECS: f64 = 3.0;
/// The first of them: of those in between, when nothing of the start and no rare update is due.
const LATE: u64 = 1601;

/// A GAN's training on the CPU, on random pairs of a pack's shape. Regularisation that is not due at every step is not
/// in it,
/// and one that grows is timed at the resolution of its end.
///
/// # Errors
/// When the family cannot make this size, or weights are missing.
pub fn gan(spec: &TrainSpec, pack: &Pack) -> Result<Cost> {
    let device = Device::Cpu;
    let arithmetic = resolve(spec.training.precision, device);
    let (shape, classes) = (pack.slice_shape(), pack.classes());
    let mut trainer = spec.trainer(Domain::of(pack, device, arithmetic))?;
    let mut images = 0;
    let mut started = Instant::now();
    for step in LATE..=LATE + STEPS {
        let sizes = trainer.batches(step);
        let real: Vec<Pair> = sizes.iter().map(|n| noise(*n, shape, classes)).collect();
        // As at its end: one that grows is at its largest by then.
        let shown = (spec.training.kimg * 1000.0) as u64;
        let at = StepContext { step, images: shown, ema_decay: 0.999 };
        // Read, so that it is done when the time is taken.
        for (_, loss) in trainer.step(&real, at).0 {
            let _ = loss.double_value(&[]);
        }
        if step == LATE {
            started = Instant::now();
        } else {
            images += sizes.iter().sum::<i64>();
            if started.elapsed().as_secs_f64() > ENOUGH_SECS {
                break;
            }
        }
    }
    let secs = started.elapsed().as_secs_f64() / images as f64;
    let numbers = |params: &Params| params.all().iter().map(|(_, t)| t.numel()).sum::<usize>();
    let parts = trainer.parts();
    let trained: usize = parts.networks.iter().map(|(_, params)| numbers(params)).sum();
    // The networks with two moments of each weight, and the averaged generator.
    let bytes = 4.0 * (3 * trained + numbers(parts.averaged.1.params())) as f64;
    Ok(Cost { secs, bytes })
}

/// A U-Net's training on the CPU.
///
/// # Errors
/// When the size cannot be halved as often as the depth asks, or the pack has no training slice.
pub fn unet(spec: &SegmentSpec, pack: &Pack) -> Result<Cost> {
    let few = SegmentSpec { steps: 1 + STEPS, ..spec.clone() };
    // Asked after each step: time counts from the end of the first.
    let started = std::cell::OnceCell::new();
    let stop = || {
        started.get_or_init(Instant::now);
        false
    };
    let trained = segment::train(&few, &[pack], Device::Cpu, &stop, &mut |_, _| {}, None)?;
    let secs = started.get().map_or(0.0, |started: &Instant| started.elapsed().as_secs_f64());
    let weights: usize = trained.segmenter.params.all().iter().map(|(_, t)| t.numel()).sum();
    Ok(Cost { secs: secs / STEPS as f64, bytes: 4.0 * weights as f64 })
}

fn noise(n: i64, shape: SliceShape, classes: usize) -> Pair {
    let sides = [shape.planes, shape.height, shape.width].map(|side| side as i64);
    let sides = if shape.is_volume() { &sides[..] } else { &sides[1..] };
    let image = [&[n, shape.channels as i64], sides].concat();
    let labels = [&[n], sides].concat();
    Pair {
        image: Tensor::rand(image, (Kind::Float, Device::Cpu)) * 2.0 - 1.0,
        labels: Tensor::randint(classes as i64, labels, (Kind::Int64, Device::Cpu)),
    }
}
