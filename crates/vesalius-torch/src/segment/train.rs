//! One training of a segmenter.

use super::check_training;
use super::curve::Curve;
use super::input::Scale;
use super::kept::Kept;
use super::network::Segmenter;
use super::spec::{Augmentation, Draw, SegmentSpec};
use crate::augment::{classical, nnunet};
use crate::optim::Optimiser;
use crate::pairs::ahead::{Ahead, Request};
use crate::pairs::batch::{Pair, Values};
use crate::pairs::cases::CaseDraw;
use crate::pairs::order::Order;
use crate::rng::{Purpose, keyed, reseed_torch};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use tch::{Device, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_data::run::segmented::Point;

/// A training's progress: steps done, loss.
pub type Report<'a> = &'a mut dyn FnMut(u64, f64);

/// Is shown the network after each step, and says whether to go on.
pub(super) type Watch<'a> = &'a mut dyn FnMut(u64, &Segmenter) -> Result<bool>;

/// A network that was trained.
#[derive(Debug)]
pub struct Trained {
    /// It.
    pub segmenter: Segmenter,
    /// The curve of its loss.
    pub curve: Vec<Point>,
}

/// Trains on the training slices of `packs`, each of which fills an equal share of every batch. `stop` is asked after
/// every step.
///
/// `kept`: a file that the training's state is written to every minute and when it is stopped, and from which it goes on;
/// removed at the end.
///
/// # Errors
/// When packs differ in shape or classes, one has no training slice, the loss is no longer finite, or `stop` said so.
pub fn train(
    spec: &SegmentSpec,
    packs: &[&Pack],
    device: Device,
    stop: &dyn Fn() -> bool,
    report: Report,
    kept: Option<&Path>,
) -> Result<Trained> {
    let slices = packs.iter().map(|pack| pack.indices(Split::Train)).collect();
    Training { spec, packs, slices, schedule: Schedule::Annealed, watch: None }
        .run(device, stop, report, kept)
}

/// How the learning rate goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    /// As the rule has it, to 0 at the last step.
    Annealed,
    /// As it begins.
    Constant,
}

/// One training.
pub(super) struct Training<'a> {
    pub(super) spec: &'a SegmentSpec,
    pub(super) packs: &'a [&'a Pack],
    /// Slices of each pack that train.
    pub(super) slices: Vec<Vec<usize>>,
    pub(super) schedule: Schedule,
    pub(super) watch: Option<Watch<'a>>,
}

impl Training<'_> {
    pub(super) fn run(
        self,
        device: Device,
        stop: &dyn Fn() -> bool,
        report: Report,
        kept: Option<&Path>,
    ) -> Result<Trained> {
        let Self { spec, packs, slices, schedule, mut watch } = self;
        let first = packs.first().context("no pack to train on, expected at least one")?;
        check_training(spec, packs)?;
        let segmenter = Segmenter::new(spec, first.slice_shape(), first.classes(), device)?;
        let mut sources = Sources::new(spec, packs, slices)?;
        let at = |step| {
            let step = if schedule == Schedule::Constant { 0 } else { step };
            spec.rule.at(spec.learning_rate, step, spec.steps)
        };
        let mut optimiser = Optimiser::new(at(0), segmenter.params.trained());
        let mut kept = kept.map(|path| Kept::new(path, spec, packs)).transpose()?;
        let (done, mut curve) = match &kept {
            Some(kept) => kept.restore(&segmenter, &mut optimiser)?,
            None => (0, Curve::default()),
        };
        sources.seek(done);
        std::thread::scope(|scope| {
            let mut ahead = Ahead::start(scope, packs);
            let mut next = sources.request();
            ahead.ask(next.clone());
            for step in done..spec.steps {
                reseed_torch(spec.seed, Purpose::Step, step);
                let read = ahead.next()?;
                let asked = std::mem::replace(&mut next, sources.request());
                ahead.ask(next.clone());
                let pair = tch::no_grad(|| sources.pair(&read, &asked, step, device));
                optimiser.set_spec(at(step));
                optimiser.zero_grad();
                let loss = segmenter.loss(&pair);
                loss.backward();
                match spec.rule.clip() {
                    Some(norm) => drop(optimiser.step_clipped(norm)),
                    None => optimiser.step(),
                }
                if let Some(Point { step, loss }) =
                    curve.add(step + 1, &loss, step + 1 == spec.steps)
                {
                    if !loss.is_finite() {
                        bail!("segmenter: loss {loss} at step {step}, expected a finite number");
                    }
                    report(step, loss);
                }
                let asked = stop();
                if let Some(kept) = kept.as_mut().filter(|kept| asked || kept.is_due()) {
                    kept.write(step + 1, &segmenter, &optimiser, &curve)?;
                }
                if asked {
                    bail!("segmenter: stopped at step {step} of {}", spec.steps);
                }
                if let Some(watch) = &mut watch
                    && !watch(step + 1, &segmenter)?
                {
                    break;
                }
            }
            Ok(())
        })?;
        if let Some(kept) = kept {
            kept.remove();
        }
        segmenter.params.set_trainable(false);
        Ok(Trained { segmenter, curve: curve.points })
    }
}

/// Where batches come from.
struct Sources<'a> {
    spec: &'a SegmentSpec,
    classes: i64,
    orders: Vec<Stream>,
    scales: Vec<Option<Scale>>,
    table: nnunet::Table,
}

enum Stream {
    Epochs(Order),
    Cases(CaseDraw),
}

impl<'a> Sources<'a> {
    fn new(spec: &'a SegmentSpec, packs: &[&Pack], slices: Vec<Vec<usize>>) -> Result<Self> {
        let (mut orders, mut scales) = (Vec::new(), Vec::new());
        for (i, (pack, indices)) in packs.iter().zip(slices).enumerate() {
            scales.push(spec.standardise.then(|| Scale::of(pack, &indices)).transpose()?);
            orders.push(match spec.draw {
                Draw::Epochs => Stream::Epochs(Order::new(spec.seed, i as u64, indices)),
                Draw::Cases => Stream::Cases(CaseDraw::new(spec.seed, i as u64, pack, &indices)?),
            });
        }
        let shape = packs[0].slice_shape();
        let table = nnunet::Table::nnunet([shape.height as i64, shape.width as i64]);
        Ok(Self { spec, classes: packs[0].classes() as i64, orders, scales, table })
    }

    /// Goes to the batch of a step.
    fn seek(&mut self, step: u64) {
        let share = self.share();
        for (i, order) in self.orders.iter_mut().enumerate() {
            match order {
                Stream::Epochs(order) => order.seek(step * share(i) as u64),
                Stream::Cases(draw) => draw.seek(step),
            }
        }
    }

    /// Of a batch, of each pack.
    fn share(&self) -> impl Fn(usize) -> usize + use<> {
        let (batch, packs) = (self.spec.batch, self.orders.len());
        move |i| batch / packs + usize::from(i < batch % packs)
    }

    /// The next batch: of each pack an equal share.
    fn request(&mut self) -> Request {
        let share = self.share();
        let take = |(i, order): (usize, &mut Stream)| {
            let slices = match order {
                Stream::Epochs(order) => order.take(share(i)),
                Stream::Cases(draw) => draw.take(share(i)),
            };
            (i, slices)
        };
        self.orders.iter_mut().enumerate().map(take).collect()
    }

    /// What was read for a request, as the network is given it.
    fn pair(&self, read: &[Values], asked: &Request, step: u64, device: Device) -> Pair {
        let pairs = read.iter().zip(asked).map(|(values, (pack, slices))| {
            let mut pair = values.to(device);
            if self.spec.classical {
                pair = classical::augment(&pair);
            }
            let Pair { image, labels } = pair;
            let scale = self.scales[*pack].as_ref();
            let image = scale.map_or_else(|| image.shallow_clone(), |s| s.apply(&image, slices));
            Pair { image, labels }
        });
        let pair = joined(&pairs.collect::<Vec<_>>());
        match self.spec.augmentation {
            Augmentation::None => pair,
            Augmentation::Nnunet => {
                let rng = &mut keyed(self.spec.seed, Purpose::Augment, step);
                self.table.apply(&pair, self.classes, rng)
            }
        }
    }
}

fn joined(pairs: &[Pair]) -> Pair {
    let images: Vec<&Tensor> = pairs.iter().map(|pair| &pair.image).collect();
    let labels: Vec<&Tensor> = pairs.iter().map(|pair| &pair.labels).collect();
    Pair { image: Tensor::cat(&images, 0), labels: Tensor::cat(&labels, 0) }
}
