//! What a study will take on this machine, before anything of it has run.

use super::estimate::Measured;
use anyhow::{Context, Result};
use std::collections::HashSet;
use std::path::Path;
use vesalius_data::pack::Pack;
use vesalius_data::say;
use vesalius_stages::segment;
use vesalius_study::plan::Plan;
use vesalius_study::study::Study;
use vesalius_study::task::{Stage, Task};
use vesalius_torch::features::unet::default_spec;
use vesalius_torch::spec::TrainSpec;
use vesalius_torch::trial;

/// Seconds and bytes of a task of each stage and GAN.
#[derive(Debug, Default)]
pub struct Trial<'a> {
    pub secs: Measured<'a>,
    pub bytes: Measured<'a>,
}

/// Checkpoints that a finished training keeps: the newest two and the best.
const KEPT: f64 = 3.0;
/// Of a training's time per image, what a generator's pass alone takes, about.
pub const SAMPLING: f64 = 0.25;

impl<'a> Trial<'a> {
    /// Tries one training of each GAN, and the U-Net, on the CPU. What judges images
    /// otherwise is not tried and counts nothing.
    ///
    /// # Errors
    /// When a pack cannot be opened, or a network not be built.
    pub fn run(study: &Study, plan: &'a Plan) -> Result<Self> {
        let mut measured = Self::default();
        let mut tried = HashSet::new();
        for planned in plan.tasks.iter().filter(|planned| planned.task.stage == Stage::Train) {
            let gan = planned.gan.as_deref();
            if tried.insert(gan) {
                say!("timing {}", gan.unwrap_or("a training"));
                let pack = Pack::open_any(&planned.task.pack("real")?.path)?;
                measured
                    .gan(study, gan, &planned.task, &pack)
                    .with_context(|| format!("{} {}", planned.dataset, planned.what))?;
            }
        }
        if let Some(dataset) = study.dataset.first().filter(|_| !tried.is_empty()) {
            measured.unets(study, &study.resolve(dataset.pack.get_ref()))?;
        }
        let tried = [Stage::Judge, Stage::Train, Stage::Sample, Stage::Segment];
        for &stage in Stage::ALL.iter().filter(|stage| !tried.contains(stage)) {
            measured.secs.add(stage, None, 0.0);
            measured.bytes.add(stage, None, 0.0);
        }
        Ok(measured)
    }

    fn gan(&mut self, study: &Study, gan: Option<&'a str>, task: &Task, pack: &Pack) -> Result<()> {
        let spec: TrainSpec = serde_json::from_value(task.spec.clone())?;
        let cost = trial::gan(&spec, pack)?;
        // Of the whole length, whatever the rung of this training.
        let own = gan.and_then(|gan| study.gan_named(gan));
        let kimg = own.map_or(*study.budget.kimg.get_ref(), |own| study.kimg(own));
        self.secs.add(Stage::Train, gan, cost.secs * kimg * 1000.0);
        self.bytes.add(Stage::Train, gan, cost.bytes * KEPT);
        if let Some(best) = &study.best {
            let count = *best.count.get_ref() as f64;
            let stacked = own.is_some_and(|own| own.slices);
            let count = if stacked { count * pack.stored().planes as f64 } else { count };
            let pair = pack.slice_shape().pixel_bytes() + pack.slice_shape().label_bytes();
            self.secs.add(Stage::Sample, gan, cost.secs * count * SAMPLING);
            self.bytes.add(Stage::Sample, gan, count * pair as f64);
        }
        Ok(())
    }

    /// Judges look at slices, segmenters at what the pack is of.
    fn unets(&mut self, study: &Study, pack: &Path) -> Result<()> {
        let said = serde_json::to_value(study.unet.settings())?;
        let task: segment::Task = serde_json::from_value(said)?;
        let segment = task.spec()?;
        let judge = (Stage::Judge, default_spec(), Pack::open_planes(pack)?);
        for (stage, spec, pack) in [judge, (Stage::Segment, segment, Pack::open_any(pack)?)] {
            let cost = trial::unet(&spec, &pack)?;
            self.secs.add(stage, None, cost.secs * spec.steps as f64);
            self.bytes.add(stage, None, cost.bytes);
        }
        Ok(())
    }
}
