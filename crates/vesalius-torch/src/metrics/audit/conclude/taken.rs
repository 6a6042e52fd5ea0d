//! Scores of an audit in the making.

use crate::features::images::ImageSet;
use crate::metrics::audit::run::{Searched, Sides, patients};
use crate::metrics::audit::search::Match;
use crate::metrics::features::FeatureSet;
use vesalius_data::run::part::{Part, Quantile};
use vesalius_data::run::score::{Missing, Score};
use vesalius_statistics::resample::quantile;

/// Fewest held-out patients of which membership inference can be said.
const LEAST_HELD_OUT: usize = 2;

/// Features of the sides, where a network was asked.
#[derive(Debug)]
pub struct Features {
    /// Of the training images.
    pub training: FeatureSet,
    /// Of the synthetic images.
    pub synthetic: FeatureSet,
    /// Of the held-out images; `Err`: why there are none.
    pub held_out: Result<FeatureSet, String>,
    /// Name of the network with its digest.
    pub extractor: String,
    /// Whose input treatment, where there are several.
    pub dialect: Option<String>,
    /// What happened to images.
    pub treatment: String,
}

/// Scores in the making.
pub(super) struct Taken<'a> {
    pub sides: &'a Sides<'a>,
    pub searched: &'a Searched,
    pub scores: Vec<Score>,
    pub missing: Vec<Missing>,
}

impl Taken<'_> {
    pub fn push(&mut self, metric: &str, value: f64, protocol: String) -> &mut Score {
        self.scores.push(Score {
            real_count: Some(self.sides.training.len()),
            synthetic_count: Some(self.sides.synthetic.len()),
            ..Score::new(metric, value, protocol)
        });
        self.scores.last_mut().expect("just pushed")
    }

    pub fn lacks(&mut self, metric: &str, reason: impl Into<String>) {
        self.missing.push(Missing { metric: metric.to_owned(), reason: reason.into() });
    }

    pub fn no_held_out(&self) -> Option<String> {
        let held_out = patients(&self.sides.held_out);
        (held_out < LEAST_HELD_OUT).then(|| {
            format!(
                "{held_out} test patients in {}, expected at least {LEAST_HELD_OUT} whose images trained nothing",
                self.sides.held_out.pack.path().display()
            )
        })
    }

    /// SSIM with the nearest training image.
    pub fn likeness(&mut self) {
        let protocol = "SSIM with the nearest training image in the view and at the shift where it is nearest, at the working size";
        for (held_out, matches) in
            [(false, &self.searched.synthetic), (true, &self.searched.held_out)]
        {
            if matches.is_empty() {
                self.lacks("nearest_ssim (held_out)", "no test patients in the real pack");
                continue;
            }
            let mut values: Vec<f64> = matches.iter().map(|found: &Match| found.ssim).collect();
            values.sort_by(f64::total_cmp);
            for at in Quantile::ALL {
                let value = quantile(&values, at.q());
                let score = self.push("nearest_ssim", value, protocol.to_owned());
                score.of = Some(Part::Quantile { at, held_out });
                score.synthetic_count = Some(values.len());
            }
        }
    }
}
