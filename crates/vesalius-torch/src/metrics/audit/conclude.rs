//! Scores, settings and verdict of an audit.

mod alarms;
mod by_features;
mod membership;
mod taken;

pub use by_features::NearestByFeatures;
pub use taken::Features;

use super::run::{Searched, Sides};
use super::verdict::{Evidence, SURE, Verdict, judge};
use super::views::{VIEWS, WORKING_SIDE};
use anyhow::Result;
use serde_json::{Value, json};
use taken::Taken;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::{Missing, Score};

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
        "one_person": searched.persons.shared(),
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
