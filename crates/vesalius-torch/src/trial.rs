//! What a step takes on this machine, measured by doing a few: for estimates before anything has run.

use crate::batch::Pair;
use crate::families::{self, Moment};
use crate::segment::{self, SegmentSpec};
use crate::spec::TrainSpec;
use anyhow::Result;
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Layout;

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

/// A GAN's training on the CPU, on random pairs of a pack's shape. Regularisation that is not due at every step is not in it,
/// and one that grows is timed at the resolution of its end.
///
/// # Errors
/// When the family cannot make this size, or weights are missing.
pub fn gan(spec: &TrainSpec, layout: Layout, classes: usize) -> Result<Cost> {
    let mut training = families::training(spec, layout, classes, Device::Cpu)?;
    let batches = spec.training.critic_steps.max(1);
    let images = batches * spec.training.batch as u64;
    let real: Vec<Pair> =
        (0..batches).map(|_| noise(spec.training.batch, layout, classes)).collect();
    let mut started = Instant::now();
    for step in 1..=1 + STEPS {
        // As at its end: one that grows is at its largest by then.
        let shown = (spec.training.kimg * 1000.0) as u64;
        let moment = Moment { step, images: shown, ema_decay: 0.999 };
        // Read, so that it is done when the time is taken.
        let _ = training.step(&real, moment).generator.double_value(&[]);
        if step == 1 {
            started = Instant::now();
        }
    }
    let secs = started.elapsed().as_secs_f64() / (STEPS * images) as f64;
    let networks = training.parts().networks();
    let numbers = networks.map(|params| params.all().iter().map(|(_, t)| t.numel()).sum::<usize>());
    // Both networks with two moments of each weight, and the averaged generator.
    let bytes = 4.0 * (3 * (numbers[0] + numbers[1]) + numbers[2]) as f64;
    Ok(Cost { secs, bytes })
}

/// A U-Net's training on the CPU.
///
/// # Errors
/// When the size cannot be halved as often as the depth asks, or the pack has no training slice.
pub fn unet(spec: &SegmentSpec, pack: &Pack) -> Result<Cost> {
    let few = SegmentSpec { steps: 1 + STEPS, ..spec.clone() };
    let mut started = None;
    let network = segment::train(&few, &[pack], Device::Cpu, &|| false, &mut |_, _| {
        started.get_or_insert_with(Instant::now);
    })?;
    let secs = started.map_or(0.0, |started: Instant| started.elapsed().as_secs_f64());
    let weights: usize = network.params.all().iter().map(|(_, t)| t.numel()).sum();
    Ok(Cost { secs: secs / STEPS as f64, bytes: 4.0 * weights as f64 })
}

fn noise(n: i64, layout: Layout, classes: usize) -> Pair {
    let (channels, h, w) = (layout.channels as i64, layout.height as i64, layout.width as i64);
    Pair {
        image: Tensor::rand([n, channels, h, w], (Kind::Float, Device::Cpu)) * 2.0 - 1.0,
        labels: Tensor::randint(classes as i64, [n, h, w], (Kind::Int64, Device::Cpu)),
    }
}
