//! The training loop: batches, steps, averages, measurements, checkpoints.

use super::average;
use super::look::{Look, Probe};
use super::prepared::Prepared;
use crate::checkpoint::{self, State};
use crate::families::trainer::{Losses, StepContext, Trainer};
use crate::pairs::ahead::{Ahead, Request};
use crate::pairs::batch::Values;
use crate::pairs::order::Order;
use crate::rng::{Purpose, reseed_torch};
use crate::spec::TrainSpec;
use crate::stats::{Stat, StatsLog, Window};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::Instant;
use tch::Device;
use vesalius_data::files::publish::write_file;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// All images seen.
    Finished,
    /// Broke down, with when and how.
    Diverged(String),
    /// Asked to stop; a checkpoint was written.
    Stopped,
}

/// What a training leans on while it runs.
pub struct TrainContext<'a> {
    /// Measures the distance; `None`: never.
    pub probe: Option<Probe<'a>>,
    /// Asked after every step.
    pub stop: &'a dyn Fn() -> bool,
    /// Hears every line of `stats.jsonl`.
    pub report: &'a mut dyn FnMut(&Stat),
    /// Hears after every step how many images were seen.
    pub moved: &'a dyn Fn(u64),
}

/// Images between two lines of `stats.jsonl`.
const STAT_IMAGES: u64 = 500;
/// Measurements in a row at which a spread below this share of the real one counts as collapse.
const COLLAPSED_MEASUREMENTS: u32 = 5;
const COLLAPSED_SHARE: f64 = 0.02;

impl<'a> Prepared<'a> {
    /// Trains to the spec's length; the run's `task.toml` is in place. Damaged checkpoints are set aside first.
    ///
    /// # Errors
    /// When the pack has no training slice, or a file cannot be written.
    pub fn train(self, context: TrainContext<'a>) -> Result<(Ended, State)> {
        let mut session = Session::start(self, context)?;
        let packs = [session.pack];
        let ended = std::thread::scope(|scope| session.run(&mut Ahead::start(scope, &packs)))?;
        session.log.flush()?;
        Ok((ended, session.state))
    }
}

/// [`Prepared::open`] and [`Prepared::train`].
///
/// # Errors
/// Those of both.
pub fn train<'a>(
    run: &'a Path,
    spec: &'a TrainSpec,
    pack: &'a Pack,
    device: Device,
    context: TrainContext<'a>,
) -> Result<(Ended, State)> {
    Prepared::open(run, spec, pack, device)?.train(context)
}

struct Session<'a> {
    run: &'a Path,
    spec: &'a TrainSpec,
    pack: &'a Pack,
    device: Device,
    context: TrainContext<'a>,
    trainer: Box<dyn Trainer>,
    order: Order,
    state: State,
    log: StatsLog,
    started: Instant,
    earlier_secs: f64,
    window: Window,
}

impl<'a> Session<'a> {
    fn start(prepared: Prepared<'a>, context: TrainContext<'a>) -> Result<Self> {
        let Prepared { run, spec, pack, device, trainer, state, found } = prepared;
        let indices = pack.indices(Split::Train);
        if indices.is_empty() {
            bail!("{}: no training slice, expected some", pack.path().display());
        }
        checkpoint::set_aside(&found)?;
        let mut order = Order::new(spec.training.seed, 0, indices);
        order.seek(state.images);
        let log = StatsLog::open(run, state.images)?;
        let earlier_secs = state.wall_secs;
        let window = state.window.clone();
        let window = window.map_or_else(|| Window::start(state.images), Window::resume);
        Ok(Self {
            run,
            spec,
            pack,
            device,
            context,
            trainer,
            order,
            state,
            log,
            started: Instant::now(),
            earlier_secs,
            window,
        })
    }

    fn run(&mut self, ahead: &mut Ahead<'_>) -> Result<Ended> {
        let training = &self.spec.training;
        let target = kimg_images(training.kimg);
        while self.state.images < target {
            let before = self.state.images;
            let losses = self.step(ahead)?;
            self.window.add(losses);
            (self.context.moved)(self.state.images);
            let passed = |every_kimg: f64| {
                let every = kimg_images(every_kimg).max(1);
                every_kimg > 0.0 && before / every != self.state.images / every
            };
            let last = self.state.images >= target;
            let measure = passed(training.distance_every_kimg)
                || (last && training.distance_every_kimg > 0.0);
            let save = passed(training.checkpoint_every_kimg) || last;
            if measure || save || before / STAT_IMAGES != self.state.images / STAT_IMAGES {
                let mut stat = self.window.finish(self.state.images, self.secs());
                let gauges = self.trainer.gauges().into_iter();
                stat.gauges = gauges.map(|(name, value)| (name.to_owned(), value)).collect();
                if stat.losses.values().any(|loss| !loss.is_finite()) {
                    let losses = stat.losses.iter();
                    let losses: Vec<String> =
                        losses.map(|(name, loss)| format!("{loss} ({name})")).collect();
                    return Ok(Ended::Diverged(format!(
                        "losses {} at {:.1} kimg",
                        losses.join(" and "),
                        stat.kimg
                    )));
                }
                let mut improved = false;
                if measure || last {
                    let spread = self.preview()?;
                    if !spread.is_finite() {
                        return Ok(Ended::Diverged(format!(
                            "generated images hold NaN or infinity at {:.1} kimg",
                            stat.kimg
                        )));
                    }
                    if self.state.collapsed >= COLLAPSED_MEASUREMENTS {
                        return Ok(Ended::Diverged(format!(
                            "collapse: images differ by {spread:.4} of what real ones do, at {:.1} kimg",
                            stat.kimg
                        )));
                    }
                }
                if measure {
                    stat.frechet_distance = self.distance()?;
                    improved = self.note_best(stat.frechet_distance);
                }
                self.log.push(&stat)?;
                (self.context.report)(&stat);
                self.window = Window::start(self.state.images);
                if save || improved {
                    self.save()?;
                }
            }
            if (self.context.stop)() && !last {
                self.save()?;
                return Ok(Ended::Stopped);
            }
        }
        Ok(Ended::Finished)
    }

    fn secs(&self) -> f64 {
        self.earlier_secs + self.started.elapsed().as_secs_f64()
    }

    /// One step of the family, on as many real pairs as it asks for. Those of the next one are read meanwhile.
    fn step(&mut self, ahead: &mut Ahead<'_>) -> Result<Losses> {
        let spec = self.spec;
        let training = &spec.training;
        reseed_torch(training.seed, Purpose::Step, self.state.step);
        if !ahead.is_asked() {
            ahead.ask(self.request(self.state.step));
        }
        let read = ahead.next()?;
        ahead.ask(self.request(self.state.step + 1));
        let batches: Vec<_> = read.iter().map(|values| values.to(self.device)).collect();
        let shown = read.iter().map(Values::count).sum::<usize>() as u64;
        if shown == 0 {
            let name = self.spec.family.name();
            bail!("{name}: step {} takes no real pair, expected at least one", self.state.step);
        }
        self.state.images += shown;
        let ema_decay = average::ema_decay(
            training.ema_half_life_kimg,
            training.ema_ramp,
            shown,
            self.state.images,
        );
        let at = StepContext { step: self.state.step, images: self.state.images, ema_decay };
        let losses = self.trainer.step(&batches, at);
        self.state.step += 1;
        Ok(losses)
    }

    /// The real pairs of a step, in the order of the training.
    fn request(&mut self, step: u64) -> Request {
        let sizes = self.trainer.batches(step);
        sizes.into_iter().map(|size| (0, self.order.take(size as usize))).collect()
    }

    /// Writes the preview grid; returns the spread of generated images as a share of the real ones' and counts how
    /// often in a row it was next to nothing. Images that are not finite have no finite spread, and no picture is
    /// written.
    fn preview(&mut self) -> Result<f64> {
        let (share, png) = self.look().preview()?;
        let Some(png) = png else { return Ok(share) };
        self.state.collapsed = if share < COLLAPSED_SHARE { self.state.collapsed + 1 } else { 0 };
        let name = format!("previews/{}.png", checkpoint::name(self.state.images));
        write_file(&self.run.join(name), &png)?;
        write_file(&self.run.join("samples.png"), &png)?;
        Ok(share)
    }

    /// `None` where none is asked for, or none is defined.
    fn distance(&self) -> Result<Option<f64>> {
        self.context.probe.as_ref().map_or(Ok(None), |probe| self.look().distance(probe))
    }

    fn look(&self) -> Look<'_> {
        let (_, generator) = self.trainer.parts().averaged;
        Look { generator, spec: self.spec, pack: self.pack, device: self.device }
    }

    fn note_best(&mut self, distance: Option<f64>) -> bool {
        let Some(distance) = distance else { return false };
        let better = self.state.best.is_none_or(|(best, _)| distance < best);
        if better {
            self.state.best = Some((distance, self.state.images));
        }
        better
    }

    fn save(&mut self) -> Result<()> {
        self.state.wall_secs = self.secs();
        self.state.window = self.window.state();
        self.log.sync()?;
        let folder = self.run.join("checkpoints").join(checkpoint::name(self.state.images));
        checkpoint::save(&folder, self.trainer.as_ref(), &self.state, &self.spec.to_toml()?)
            .with_context(|| format!("checkpoint at {:.3} kimg", self.state.images as f64 / 1e3))?;
        checkpoint::prune(self.run, self.state.best.map(|(_, images)| images))
    }
}

fn kimg_images(kimg: f64) -> u64 {
    (kimg * 1000.0).round() as u64
}
