//! The training loop: batches, steps, averages, measurements, checkpoints; stopped and resumed without a trace.

mod average;
mod resume;
mod window;

pub(crate) use resume::edited;
pub use resume::{check_resumable, spec_digest};
pub use window::WindowState;

use crate::batch;
use crate::checkpoint::{self, State};
use crate::classical;
use crate::families::{self, Moment, Request, StepLosses, Training};
use crate::features::Extractor;
use crate::init;
use crate::layouts::Layouts;
use crate::metrics::features::FeatureSet;
use crate::metrics::frechet::{Divisor, of_sets};
use crate::order::Order;
use crate::rng::{Purpose, reseed_torch};
use crate::sample::{self, latents, pairs};
use crate::spec::TrainSpec;
use crate::stats::{Stat, StatsLog};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use vesalius_data::files::publish::write_file;
use vesalius_data::files::seal::sealed;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_data::pictures::montage::{Tile, montage};
use window::Window;

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

/// Measures the distance of generated to real images while training.
pub struct Probe<'a> {
    /// Network whose features are compared.
    pub extractor: &'a dyn Extractor,
    /// Features of the real training slices `[N, D]`.
    pub real: Tensor,
}

/// What a training leans on.
pub struct Surroundings<'a> {
    /// Real pairs; only training slices are seen.
    pub pack: &'a Pack,
    /// Where the networks live.
    pub device: Device,
    /// Measures the distance; `None`: never.
    pub probe: Option<Probe<'a>>,
    /// Asked after every step.
    pub stop: &'a dyn Fn() -> bool,
    /// Hears every line of `stats.jsonl`.
    pub report: &'a mut dyn FnMut(&Stat),
}

/// Images between two lines of `stats.jsonl`.
const STAT_IMAGES: u64 = 500;
/// Side of the preview grid.
const PREVIEW_SIDE: usize = 6;
/// Measurements in a row at which a spread below this share of the real one counts as collapse.
const COLLAPSED_MEASUREMENTS: u32 = 5;
const COLLAPSED_SHARE: f64 = 0.02;

/// Trains `RUN` to its length, from its newest checkpoint where there is one; the run's `task.toml` is in place.
///
/// # Errors
/// When the checkpoint is of another spec or pack, or a file cannot be written.
pub fn train<'a>(
    run: &'a Path,
    spec: &'a TrainSpec,
    context: Surroundings<'a>,
) -> Result<(Ended, State)> {
    let mut session = Session::start(run, spec, context)?;
    let ended = session.run()?;
    session.log.flush()?;
    Ok((ended, session.state))
}

struct Session<'a> {
    run: &'a Path,
    spec: &'a TrainSpec,
    context: Surroundings<'a>,
    gan: Box<dyn Training>,
    order: Order,
    state: State,
    log: StatsLog,
    started: Instant,
    earlier_secs: f64,
    window: Window,
}

impl<'a> Session<'a> {
    fn start(run: &'a Path, spec: &'a TrainSpec, context: Surroundings<'a>) -> Result<Self> {
        let pack = context.pack;
        let indices = pack.indices(Split::Train);
        if indices.is_empty() {
            bail!("{}: no training slice, expected some", pack.path().display());
        }
        let mut gan = families::training(spec, pack.layout(), pack.classes(), context.device)?;
        let found = checkpoint::newest_whole(run)?;
        let state = if let Some((folder, _)) = &found.whole {
            let state = resume::restore(folder, gan.as_mut(), spec, pack)?;
            checkpoint::set_aside(&found)?;
            state
        } else {
            if let Some(source) = &spec.init {
                init::load(gan.as_ref(), source, spec, pack.layout())?;
            }
            State::new(spec_digest(spec)?, pack.digest().to_owned())
        };
        let mut order = Order::new(spec.training.seed, 0, indices);
        order.seek(state.images);
        let log = StatsLog::open(run, state.images)?;
        let earlier_secs = state.wall_secs;
        let window = state.window.map_or_else(|| Window::start(state.images), Window::resume);
        Ok(Self {
            run,
            spec,
            context,
            gan,
            order,
            state,
            log,
            started: Instant::now(),
            earlier_secs,
            window,
        })
    }

    fn run(&mut self) -> Result<Ended> {
        let training = &self.spec.training;
        let target = kimg_images(training.kimg);
        while self.state.images < target {
            let before = self.state.images;
            let losses = self.step()?;
            self.window.add(losses);
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
                stat.augment_p = self.gan.augment_p();
                if !(stat.loss_d.is_finite() && stat.loss_g.is_finite()) {
                    return Ok(Ended::Diverged(format!(
                        "losses {} (D) and {} (G) at {:.1} kimg",
                        stat.loss_d, stat.loss_g, stat.kimg
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

    /// One generator step.
    fn step(&mut self) -> Result<StepLosses> {
        let training = &self.spec.training;
        let device = self.context.device;
        reseed_torch(training.seed, Purpose::Step, self.state.step);
        let critic_steps = if training.critic_boost
            && (self.state.step < 25 || self.state.step.is_multiple_of(500))
        {
            100 // the authors' code: WassersteinGAN/main.py
        } else {
            training.critic_steps
        };
        let mut batches = Vec::with_capacity(critic_steps as usize);
        for _ in 0..critic_steps {
            let indices = self.order.take(training.batch as usize);
            let mut pair = batch::load(self.context.pack, &indices, device)?;
            if self.spec.augment.classical {
                pair = tch::no_grad(|| classical::augment(&pair));
            }
            batches.push(pair);
        }
        let shown = critic_steps * training.batch as u64;
        self.state.images += shown;
        let ema_decay = average::ema_decay(
            training.ema_half_life_kimg,
            training.ema_ramp,
            shown,
            self.state.images,
        );
        let moment = Moment { step: self.state.step, images: self.state.images, ema_decay };
        let losses = self.gan.step(&batches, moment);
        self.state.step += 1;
        Ok(losses)
    }

    /// Writes the preview grid; returns the spread of generated images as a share of the real ones' and counts how
    /// often in a row it was next to nothing. Images that are not finite have no finite spread, and no picture is written.
    fn preview(&mut self) -> Result<f64> {
        let count = PREVIEW_SIDE * PREVIEW_SIDE;
        let generator = self.gan.parts().averaged();
        let z = latents(self.spec.training.seed, Purpose::Preview, 0, count, generator.latent());
        let labels = self.layout(0, count)?;
        let request = Request { latents: &z, layout: labels.as_ref(), truncation: 1.0 };
        let pair = pairs(generator, &request);
        let real = self.context.pack.indices(Split::Train);
        let some: Vec<usize> = (0..count.min(real.len()))
            .map(|i| real[i * real.len() / count.min(real.len())])
            .collect();
        let real = batch::load(self.context.pack, &some, self.context.device)?.image;
        let spread =
            |x: &Tensor| x.std_dim(&[0_i64][..], true, false).mean(Kind::Float).double_value(&[]);
        let share = spread(&pair.image) / spread(&real).max(1e-9);
        if !share.is_finite() {
            return Ok(share);
        }
        self.state.collapsed = if share < COLLAPSED_SHARE { self.state.collapsed + 1 } else { 0 };
        let png = grid(&pair, self.context.pack)?;
        let name = format!("previews/{}.png", checkpoint::name(self.state.images));
        write_file(&self.run.join(name), &png)?;
        write_file(&self.run.join("samples.png"), &png)?;
        Ok(share)
    }

    /// Training masks for a generator that paints some.
    fn layout(&self, first: usize, count: usize) -> Result<Option<Tensor>> {
        if !self.gan.parts().averaged().needs_layout() {
            return Ok(None);
        }
        let layouts = Layouts::new(self.context.pack, false, self.spec.training.seed)?;
        layouts.labels(first, count, self.context.device).map(Some)
    }

    /// `None` where none is defined: for features that no metric takes: not finite, or all the same.
    fn distance(&self) -> Result<Option<f64>> {
        let Some(probe) = &self.context.probe else { return Ok(None) };
        let generator = self.gan.parts().averaged();
        let training = &self.spec.training;
        let mut parts = Vec::new();
        let mut done = 0;
        while done < training.distance_images {
            let n = 64.min(training.distance_images - done);
            let z = latents(training.seed, Purpose::Latent, done as u64, n, generator.latent());
            let labels = self.layout(done, n)?;
            let request = Request { latents: &z, layout: labels.as_ref(), truncation: 1.0 };
            let image = pairs(generator, &request).image;
            parts.push(tch::no_grad(|| probe.extractor.features(&image))?);
            done += n;
        }
        let synthetic = Tensor::cat(&parts, 0);
        // Diverged, or collapsed to one image, which the previews count: not an error of the user's.
        let Ok(synthetic) = FeatureSet::new("synthetic", &synthetic.to_device(Device::Cpu)) else {
            return Ok(None);
        };
        of_sets(&FeatureSet::new("real", &probe.real)?, &synthetic, Divisor::Unbiased).map(Some)
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
        checkpoint::save(&folder, self.gan.as_ref(), &self.state, &self.spec.to_toml()?)
            .with_context(|| format!("checkpoint at {:.3} kimg", self.state.images as f64 / 1e3))?;
        checkpoint::prune(self.run, self.state.best.map(|(_, images)| images))
    }
}

/// Pairs as a PNG grid with mask outlines.
///
/// # Errors
/// When the images hold NaN.
pub fn grid(pair: &batch::Pair, pack: &Pack) -> Result<Vec<u8>> {
    let layout = pack.layout();
    let pixels = batch::to_pixels(&pair.image, layout.depth)?;
    let labels = batch::to_labels(&pair.labels)?;
    let tiles: Vec<Tile> =
        pixels.iter().zip(&labels).map(|(pixels, labels)| Tile { pixels, labels }).collect();
    montage(&tiles, layout, PREVIEW_SIDE)
}

fn kimg_images(kimg: f64) -> u64 {
    (kimg * 1000.0).round() as u64
}

/// Writes what a run needs before its first step: the resolved spec and the pack's shape. The networks are built once
/// before, so that what cannot be trained leaves nothing behind.
///
/// # Errors
/// When the family cannot take the pack's size or classes, weights to start from do not fit, or the folder cannot be
/// written.
pub fn begin(run: &Path, spec: &TrainSpec, pack: &Pack) -> Result<()> {
    let gan = families::training(spec, pack.layout(), pack.classes(), Device::Cpu)
        .with_context(|| format!("{}", pack.path().display()))?;
    if let Some(source) = &spec.init {
        init::load(gan.as_ref(), source, spec, pack.layout())?;
    }
    drop(gan);
    write_file(&run.join(sample::TEMPLATE), &sealed(&sample::template(pack))?)?;
    write_file(&run.join("task.toml"), spec.to_toml()?.as_bytes())
}
