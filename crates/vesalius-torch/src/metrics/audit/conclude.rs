//! Scores, settings and verdict of an audit.

mod alarms;
mod by_features;
mod membership;

pub use by_features::NearestByFeatures;

use super::run::{Searched, Sides, patients};
use super::search::Match;
use super::verdict::{Evidence, SURE, Verdict, judge};
use super::views::{VIEWS, WORKING_SIDE};
use crate::features::images::ImageSet;
use crate::metrics::features::FeatureSet;
use anyhow::Result;
use serde_json::{Value, json};
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

/// The end of an audit.
#[derive(Debug)]
pub struct Concluded {
    /// What was measured.
    pub scores: Vec<Score>,
    /// What could not be.
    pub missing: Vec<Missing>,
    /// The protocol's settings with the verdict.
    pub settings: Value,
    /// The verdict.
    pub verdict: Verdict,
    /// Nearest by features of synthetic and held-out images.
    pub by_features: Option<[NearestByFeatures; 2]>,
}

/// Makes scores and a verdict.
///
/// # Errors
/// When the features do not fit each other.
pub fn conclude(
    sides: &Sides,
    searched: &Searched,
    features: Option<&Features>,
) -> Result<Concluded> {
    let mut taken = Taken { sides, searched, scores: Vec::new(), missing: Vec::new() };
    let calibration = taken.calibration();
    let by_features = taken.features(features)?;
    let (flagged, sure) = taken.flagged();
    let recall = taken.recall();
    let membership = taken.membership(features);
    taken.likeness();
    let Taken { scores, missing, .. } = taken;
    let value = |name: &str, of: Option<Part>| {
        scores.iter().find(|score| score.metric == name && score.of == of)
    };
    let auth = |of: Option<Part>| value("auth_pct", of).and_then(|score| score.interval);
    let evidence = Evidence {
        synthetic: searched.synthetic.len(),
        flagged,
        sure,
        calibration,
        c_t: value("c_t", None).map(|score| (score.value, score.interval)),
        auth_pct: auth(None).zip(auth(Some(Part::HeldOut))).map(|(made, real)| [made, real]),
        membership,
        recall,
    };
    let verdict = judge(&evidence);
    let alarm = &searched.alarm;
    let settings = json!({
        "level": verdict.level.name(),
        "verdict": verdict.text,
        "limits": verdict.limits,
        "missing": missing,
        "false_alarm_rate_asked": searched.settings.false_alarm_rate,
        "false_alarm_rate": alarm.rate(),
        "false_alarm_interval_by_patients": calibration.interval_of_patients(),
        "ratio_threshold": alarm.threshold(),
        "ratio_least_real": alarm.least(),
        "ratio_sure": SURE * alarm.least(),
        "sure_images": sure,
        "flagged_images": flagged,
        "constant_synthetic_images": searched.constant,
        "calibration_images": alarm.calibration(),
        "calibration_patients": calibration.patients,
        "training_patients": searched.references.patients(),
        "patients_in_ratio": searched.references.others(),
        "views": VIEWS,
        "working_side_px": WORKING_SIDE,
        "seed": searched.settings.seed,
        "planted_kinds": searched.planted.iter()
            .map(|(kind, _)| (kind.name().to_owned(), Value::from(kind.describe())))
            .collect::<serde_json::Map<_, _>>(),
    });
    Ok(Concluded { scores, missing, settings, verdict, by_features })
}

/// Scores in the making.
struct Taken<'a> {
    sides: &'a Sides<'a>,
    searched: &'a Searched,
    scores: Vec<Score>,
    missing: Vec<Missing>,
}

impl Taken<'_> {
    fn push(&mut self, metric: &str, value: f64, protocol: String) -> &mut Score {
        self.scores.push(Score {
            real_count: Some(self.sides.training.len()),
            synthetic_count: Some(self.sides.synthetic.len()),
            ..Score::new(metric, value, protocol)
        });
        self.scores.last_mut().expect("just pushed")
    }

    fn lacks(&mut self, metric: &str, reason: impl Into<String>) {
        self.missing.push(Missing { metric: metric.to_owned(), reason: reason.into() });
    }

    fn no_held_out(&self) -> Option<String> {
        let held_out = patients(&self.sides.held_out);
        (held_out < LEAST_HELD_OUT).then(|| {
            format!(
                "{held_out} test patients in {}, expected at least {LEAST_HELD_OUT} whose images trained nothing",
                self.sides.held_out.pack.path().display()
            )
        })
    }

    /// SSIM with the nearest training image.
    fn likeness(&mut self) {
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
