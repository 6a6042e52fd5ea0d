//! How the real-data U-Net's outlines of images agree with their masks.

use crate::context::Context;
use crate::judge;
use anyhow::{Result, bail};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::Score;
use vesalius_torch::features::Extractor as _;
use vesalius_torch::metrics::dice::{Evaluation, Unit};
use vesalius_torch::segment::evaluate_slices;

/// Draws for an interval.
const RESAMPLES: u64 = 1000;
/// Their seed.
pub const SEED: u64 = 1;

/// What the real-data U-Net outlines, against the masks.
pub struct Agreement {
    extractor: String,
    /// Of the synthetic pairs.
    pub synthetic: Evaluation,
    /// Of the real test patients, where there are any.
    real: Option<Evaluation>,
}

impl Agreement {
    /// Outlines both packs.
    ///
    /// # Errors
    /// When the U-Net cannot be had or a slice does not fit it.
    pub fn measure(real: &Pack, synthetic: &Pack, context: &Context) -> Result<Self> {
        let unet = judge::unet(real, context)?;
        let evaluate = |pack: &Pack, indices: &[usize], what: &str| {
            let mut bar = (context.progress)(what, indices.len() as u64, "images");
            evaluate_slices(unet.segmenter(), pack, indices, context.device, &mut |done| {
                bar.set(done as u64, "");
            })
        };
        let test = real.indices(Split::Test);
        let all: Vec<usize> = (0..synthetic.len()).collect();
        Ok(Self {
            extractor: unet.name(),
            synthetic: evaluate(synthetic, &all, "outlining synthetic images")?,
            real: if test.is_empty() {
                None
            } else {
                Some(evaluate(real, &test, "outlining real test images")?)
            },
        })
    }

    /// Mean Dice of the real test slices.
    pub fn real_dice(&self) -> Option<f64> {
        self.real.as_ref().and_then(|real| real.per_slice().mean)
    }

    /// The per-slice mean first.
    ///
    /// # Errors
    /// When no pixel is labelled or outlined.
    pub fn scores(&self, synthetic: &Pack) -> Result<Vec<Score>> {
        const RULE: &str = "empty on both sides not counted, mean over units, then over classes";
        let count = synthetic.len();
        let mut scores = Vec::new();
        for (unit, called, words) in [
            (Unit::Slice, DiceUnit::Pair, "each pair a unit"),
            (Unit::Pooled, DiceUnit::Pooled, "all pairs together one unit"),
        ] {
            let summary = self.synthetic.per(unit);
            let (mean_interval, class_intervals) = self.synthetic.intervals(unit, SEED, RESAMPLES);
            let classes = synthetic.manifest().classes[1..].iter();
            let classes = classes.map(|class| Part::Class(called, class.clone()));
            let parts = std::iter::once(Part::Mean(called)).chain(classes);
            let values = std::iter::once(summary.mean).chain(summary.classes);
            let spans = std::iter::once(mean_interval).chain(class_intervals);
            for ((part, value), interval) in parts.zip(values).zip(spans) {
                let Some(value) = value else { continue };
                scores.push(Score {
                    of: Some(part),
                    interval,
                    extractor: Some(self.extractor.clone()),
                    synthetic_count: Some(count),
                    ..Score::new(
                        "pair_dice",
                        value,
                        format!(
                            "Dice of the real-data U-Net's outlines with the synthetic masks, {words}; {RULE}; interval: \
                             bootstrap over samples"
                        ),
                    )
                });
            }
        }
        if scores.is_empty() {
            bail!("{}: no pixel is labelled or outlined", synthetic.path().display());
        }
        if let (Some(real), Some(value)) = (&self.real, self.real_dice()) {
            scores.push(Score {
                of: Some(Part::RealTestMean),
                interval: real.intervals(Unit::Slice, SEED, RESAMPLES).0,
                extractor: Some(self.extractor.clone()),
                real_count: Some(real.slice_count()),
                ..Score::new(
                    "pair_dice",
                    value,
                    format!(
                        "Dice of the same U-Net with the masks of the real test patients, each slice a unit; {RULE}; interval: \
                         bootstrap over patients"
                    ),
                )
            });
        }
        Ok(scores)
    }
}
