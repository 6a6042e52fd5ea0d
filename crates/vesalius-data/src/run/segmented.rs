//! What a segmenter's run says beside its scores: how its loss fell, and how it did slice by slice.

use serde::{Deserialize, Serialize};

/// Name of [`Curves`] in a run.
pub const CURVES: &str = "curves.json";
/// Name of [`Slices`] in a run.
pub const SLICES: &str = "slices.json";
/// Picture of the slices of [`Slices::shown`], a row each: plain, outlines of the reference, outlines of the prediction.
pub const SHOWN: &str = "shown.png";

/// Steps and a loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Mean loss, over the steps since the last point or over slices that do not train.
    pub loss: f64,
}

/// How long a training was found to be worth it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// Steps: those of the lowest loss.
    pub steps: u64,
    /// Whether the loss was still falling when the most steps were done.
    pub falling: bool,
    /// Training patients who were held back.
    pub patients: Vec<String>,
    /// Loss on their slices, look by look.
    pub looks: Vec<Point>,
}

/// How a segmenter's loss fell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// On the batches that trained it.
    pub training: Vec<Point>,
    /// On patients who were held back when its length was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Length>,
}

/// Share of the steps at the end that tells whether a loss still falls, and the same before it.
const END: f64 = 0.1;
/// Falling is what falls by more than this share from the one to the other: a choice, not a test.
const FALLING: f64 = 0.03;

impl Curves {
    /// By what share the loss fell from the last but one tenth of the training to the last, where it fell enough to be told
    /// from chance; of few steps nothing is said.
    pub fn falling(&self) -> Option<f64> {
        let last = self.training.last()?.step as f64;
        let mean = |from: f64, to: f64| {
            let within = |point: &&Point| {
                let done = point.step as f64 / last;
                done > from && done <= to
            };
            let losses: Vec<f64> =
                self.training.iter().filter(within).map(|point| point.loss).collect();
            (losses.len() > 2).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
        };
        let (before, end) = (mean(1.0 - 2.0 * END, 1.0 - END)?, mean(1.0 - END, 1.0)?);
        // Losses with a Dice in them may be below 0: the fall is compared with what there was to fall.
        let first = mean(0.0, END)?;
        let fell = (before - end) / (first - end);
        (end < first && fell > FALLING).then_some(fell)
    }
}

/// A test slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceDice {
    /// The volume that it is of.
    pub case: String,
    /// Its place there, from 0.
    pub position: usize,
    /// Mean over the classes; none where all are empty on both sides.
    pub dice: Option<f64>,
    /// Of each class but the background.
    pub classes: Vec<Option<f64>>,
}

/// How a segmenter did on each test slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slices {
    /// Names of the classes but the background.
    pub classes: Vec<String>,
    /// All test slices.
    pub slices: Vec<SliceDice>,
    /// Best, median and worst of those with a Dice, by their place in `slices`.
    pub shown: Vec<usize>,
}

impl Slices {
    /// Chooses what is shown.
    pub fn new(classes: Vec<String>, slices: Vec<SliceDice>) -> Self {
        let mut order: Vec<(f64, usize)> =
            slices.iter().enumerate().filter_map(|(i, slice)| Some((slice.dice?, i))).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let at = |i: usize| order.get(i).map(|(_, i)| *i);
        let shown = match order.len() {
            0 => vec![],
            count => [0, count / 2, count - 1].into_iter().filter_map(at).collect(),
        };
        Self { classes, slices, shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(loss: impl Fn(f64) -> f64) -> Curves {
        let point = |i: u64| Point { step: i * 20, loss: loss(i as f64 / 100.0) };
        Curves { training: (1..=100).map(point).collect(), length: None }
    }

    #[test]
    fn a_loss_that_still_falls_is_told_from_one_that_is_at_its_end() {
        assert!(curve(|done| 1.0 - done).falling().is_some());
        assert!(curve(|done| -0.5 * done).falling().is_some());
        assert_eq!(curve(|done| (-10.0 * done).exp()).falling(), None);
        assert_eq!(curve(|_| 0.5).falling(), None, "there was nothing to fall");
        assert_eq!(curve(|done| done).falling(), None);
        let short =
            Curves { training: curve(|done| 1.0 - done).training[..10].to_vec(), length: None };
        assert_eq!(short.falling(), None);
    }

    #[test]
    fn best_median_and_worst_are_chosen_among_slices_that_have_a_dice() {
        let slice = |dice: Option<f64>| SliceDice {
            case: "a".into(),
            position: 0,
            dice,
            classes: vec![dice],
        };
        let slices = [None, Some(0.2), Some(0.9), None, Some(0.5)].map(slice).to_vec();
        assert_eq!(Slices::new(vec!["x".into()], slices).shown, [2, 4, 1]);
        assert!(Slices::new(vec![], vec![slice(None)]).shown.is_empty());
    }
}
