//! What happened between two lines of `stats.jsonl`.

use crate::families::StepLosses;
use crate::stats::Stat;
use std::time::Instant;
use tch::Tensor;

/// Losses since the last line of the log.
pub struct Window {
    losses: Vec<StepLosses>,
    images: u64,
    started: Instant,
}

impl Window {
    /// From now on, after `images` images.
    pub fn start(images: u64) -> Self {
        Self { losses: Vec::new(), images, started: Instant::now() }
    }

    /// Takes a step's losses.
    pub fn add(&mut self, losses: StepLosses) {
        self.losses.push(losses);
    }

    /// The line for what happened since.
    pub fn finish(&self, images: u64, wall_secs: f64) -> Stat {
        let n = self.losses.len().max(1) as f64;
        let mean = |pick: fn(&StepLosses) -> &Tensor| {
            self.losses.iter().map(|losses| pick(losses).double_value(&[])).sum::<f64>() / n
        };
        let (loss_d, loss_g) = (mean(|losses| &losses.discriminator), mean(|l| &l.generator));
        Stat {
            kimg: images as f64 / 1000.0,
            loss_d,
            loss_g,
            images_per_sec: (images - self.images) as f64 / self.started.elapsed().as_secs_f64(),
            wall_secs,
            frechet_distance: None,
            augment_p: None,
        }
    }
}
