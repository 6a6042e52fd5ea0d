//! One training of a segmenter.

use super::curve::Curve;
use super::input::Scale;
use super::kept::Kept;
use super::network::Segmenter;
use super::spec::{Augmentation, Draw, SegmentSpec};
use super::{check_training, is_synthetic};
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

/// Trains on the training slices of `packs`, which fill every batch by the settings' shares. `stop` is asked after every
/// step.
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
        let segmenter = Segmenter::new(spec, *first, first.classes(), device)?;
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
    /// Which packs a generator made.
    synthetic: Vec<bool>,
    /// The step whose batch comes next.
    next: u64,
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
        let [planes, height, width] =
            [shape.planes, shape.height, shape.width].map(|side| side as i64);
        let table = if shape.is_volume() {
            nnunet::Table::nnunet_of_volumes([planes, height, width])
        } else {
            nnunet::Table::nnunet([height, width])
        };
        let synthetic = packs.iter().map(|pack| is_synthetic(pack)).collect();
        let classes = packs[0].classes() as i64;
        Ok(Self { spec, classes, orders, synthetic, next: 0, scales, table })
    }

    /// Goes to the batch of a step.
    fn seek(&mut self, step: u64) {
        let mut done = vec![0; self.orders.len()];
        for earlier in 0..step {
            let taken = shares(self.spec, &self.synthetic, earlier);
            done.iter_mut().zip(taken).for_each(|(done, taken)| *done += taken as u64);
        }
        for (order, done) in self.orders.iter_mut().zip(done) {
            match order {
                Stream::Epochs(order) => order.seek(done),
                Stream::Cases(draw) => draw.seek(step),
            }
        }
        self.next = step;
    }

    /// The next batch.
    fn request(&mut self) -> Request {
        let shares = shares(self.spec, &self.synthetic, self.next);
        self.next += 1;
        let take = |((i, order), count): ((usize, &mut Stream), usize)| {
            let slices = match order {
                Stream::Epochs(order) => order.take(count),
                Stream::Cases(draw) => draw.take(count),
            };
            (i, slices)
        };
        let all = self.orders.iter_mut().enumerate().zip(shares).map(take);
        all.filter(|(_, slices)| !slices.is_empty()).collect()
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

/// Slices that each pack gives to the batch of a step: an equal share, or of synthetic packs together what the settings
/// say, on average over the steps where that is no whole number.
fn shares(spec: &SegmentSpec, synthetic: &[bool], step: u64) -> Vec<usize> {
    let equal =
        |total: usize, packs: usize, at: usize| total / packs + usize::from(at < total % packs);
    let Some(share) = spec.share else {
        return (0..synthetic.len()).map(|i| equal(spec.batch, synthetic.len(), i)).collect();
    };
    let until = |step: u64| (step as f64 * spec.batch as f64 * share).floor() as usize;
    let made = until(step + 1) - until(step);
    let of_kind = |kind: bool| synthetic.iter().filter(|other| **other == kind).count();
    let mut seen = [0, 0];
    let each = synthetic.iter().map(|&kind| {
        let total = if kind { made } else { spec.batch - made };
        let at = seen[usize::from(kind)];
        seen[usize::from(kind)] += 1;
        equal(total, of_kind(kind), at)
    });
    each.collect()
}

fn joined(pairs: &[Pair]) -> Pair {
    let images: Vec<&Tensor> = pairs.iter().map(|pair| &pair.image).collect();
    let labels: Vec<&Tensor> = pairs.iter().map(|pair| &pair.labels).collect();
    Pair { image: Tensor::cat(&images, 0), labels: Tensor::cat(&labels, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_shared_out_as_asked_and_seeking_takes_up_where_it_was() {
        let plain = SegmentSpec { batch: 16, ..SegmentSpec::default() };
        assert_eq!(shares(&plain, &[false, true, true], 0), [6, 5, 5]);
        let quarter = SegmentSpec { share: Some(0.25), ..plain.clone() };
        assert_eq!(shares(&quarter, &[false, true], 3), [12, 4]);
        assert_eq!(shares(&quarter, &[true, false, true], 3), [2, 12, 2]);
        // A tenth of 16 is no whole number: 1.6 on average.
        let tenth = SegmentSpec { share: Some(0.1), ..plain };
        let taken: Vec<usize> =
            (0..10).map(|step| shares(&tenth, &[false, true], step)[1]).collect();
        assert_eq!((taken.iter().sum::<usize>(), taken.iter().max()), (16, Some(&2)));
        for step in 0..50 {
            assert_eq!(shares(&tenth, &[false, true, false], step).iter().sum::<usize>(), 16);
        }
    }
}
