//! The curve of a training: its loss, averaged over short stretches of steps.

use tch::{Kind, Tensor};
use vesalius_data::run::segmented::Point;

/// Steps of a stretch.
pub const STRETCH: u64 = 20;

/// What is drawn while it goes on. The losses stay on their device until a stretch is over.
#[derive(Debug, Default)]
pub(super) struct Curve {
    pub(super) points: Vec<Point>,
    sum: Option<Tensor>,
    count: u64,
}

impl Curve {
    /// Adds the loss of the step after which `done` steps are done; the point of the stretch that it ends, `last` ending
    /// one in any case.
    pub(super) fn add(&mut self, done: u64, loss: &Tensor, last: bool) -> Option<Point> {
        let loss = loss.detach().to_kind(Kind::Double);
        self.sum = Some(self.sum.take().map_or_else(|| loss.shallow_clone(), |sum| sum + &loss));
        self.count += 1;
        if !(done.is_multiple_of(STRETCH) || last) {
            return None;
        }
        let sum = self.sum.take()?.double_value(&[]);
        let point = Point { step: done, loss: sum / self.count as f64 };
        self.count = 0;
        self.points.push(point);
        Some(point)
    }

    /// As numbers to be kept: of each point its two, then the sum and the count of the stretch that is not over.
    pub(super) fn state(&self) -> Vec<f64> {
        let points = self.points.iter().flat_map(|point| [point.step as f64, point.loss]);
        let sum = self.sum.as_ref().map_or(0.0, |sum| sum.double_value(&[]));
        points.chain([sum, self.count as f64]).collect()
    }

    /// Of [`Curve::state`].
    pub(super) fn of_state(state: &[f64]) -> Self {
        let (pairs, _) = state.as_chunks::<2>();
        let Some((&[sum, count], pairs)) = pairs.split_last() else { return Self::default() };
        let points = pairs.iter().map(|&[step, loss]| Point { step: step as u64, loss });
        Self {
            points: points.collect(),
            sum: (count > 0.0).then(|| Tensor::from(sum)),
            count: count as u64,
        }
    }
}
