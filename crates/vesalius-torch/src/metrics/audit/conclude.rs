//! Scores, settings and verdict of an audit.

use super::run::{Searched, Sides, patients};
use super::search::{CHUNK, Match};
use super::verdict::{Calibration, Evidence, Recall, SURE, Verdict, judge, patient_interval};
use super::views::{Prepared, VIEWS, WORKING_SIDE};
use crate::features::images::{ImageSet, PackImages};
use crate::metrics::copying::authenticity;
use crate::metrics::features::FeatureSet;
use crate::metrics::frechet::Divisor;
use crate::metrics::kernel::Subset;
use crate::metrics::neighbours::{Between, nearest};
use crate::metrics::suite::Comparison;
use anyhow::Result;
use serde_json::{Value, json};
use tch::Tensor;
use vesalius_data::run::part::{Part, Quantile};
use vesalius_data::run::score::{Missing, Score};
use vesalius_statistics::alarm::{Alarm, auc_of_smaller, share_interval};
use vesalius_statistics::resample::{interval, quantile};

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

/// Nearest training image by features of each image of a set.
#[derive(Debug, Default)]
pub struct NearestByFeatures {
    rows: Vec<i64>,
    distance: Vec<f64>,
    ssim: Vec<f64>,
}

impl NearestByFeatures {
    /// Training row, distance and SSIM of image `i`.
    pub fn of(&self, i: usize) -> Option<(usize, f64, f64)> {
        Some((*self.rows.get(i)? as usize, self.distance[i], self.ssim[i]))
    }

    fn find(
        training: &FeatureSet,
        set: &FeatureSet,
        images: &PackImages,
        searched: &Searched,
    ) -> Result<Self> {
        let found = authenticity(training, set)?;
        let rows: Vec<i64> = Vec::try_from(&found.nearest)?;
        let indices: Vec<usize> = (0..images.len()).collect();
        let mut ssim = Vec::with_capacity(rows.len());
        for chunk in indices.chunks(CHUNK) {
            let queries = Prepared::of_set(images, chunk)?;
            ssim.extend(
                searched
                    .references
                    .ssim_as_it_is(&queries, &rows[chunk[0]..chunk[0] + chunk.len()])?,
            );
        }
        Ok(Self { rows, distance: Vec::try_from(&found.distance)?, ssim })
    }
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

    /// Rate of false alarms as it was set, and as held-out images show it.
    fn calibration(&mut self) -> Calibration {
        let Searched { alarm, held_out, left_out, .. } = self.searched;
        let hits =
            held_out.iter().chain(left_out).filter(|found| alarm.goes_off(found.ratio)).count();
        let calibration = Calibration {
            rate: alarm.rate(),
            hits,
            images: held_out.len() + left_out.len(),
            patients: patients(&self.sides.held_out) + patients(&self.sides.training),
        };
        let protocol = format!(
            "threshold {:.4} on the ratio of distances, set on {} real images of {} patients (held out, or training images \
             with their own patient left out), of which {hits} lie below it; the finest rate they allow is {:.4}; interval: \
             exact, as if each patient had given one image",
            alarm.threshold(),
            calibration.images,
            calibration.patients,
            1.0 / (calibration.images + 1) as f64
        );
        let interval = calibration.interval_of_patients();
        self.push("false_alarm_rate", alarm.rate(), protocol).interval = Some(interval);
        if let Some(reason) = self.no_held_out() {
            self.lacks("false_alarm_rate (held_out)", reason);
        } else {
            let own: Vec<f64> = left_out.iter().map(|found| found.ratio).collect();
            let alarm =
                Alarm::set(&own, self.searched.settings.false_alarm_rate).expect("training images");
            let hits = held_out.iter().filter(|found| alarm.goes_off(found.ratio)).count();
            let (images, patients) = (held_out.len(), patients(&self.sides.held_out));
            let protocol = format!(
                "share of {images} held-out images of {patients} patients that are flagged where the alarm is set on training \
                 images alone (at {:.4}); interval: exact, as if each patient had given one image",
                alarm.rate()
            );
            let score = self.push("false_alarm_rate", hits as f64 / images as f64, protocol);
            score.of = Some(Part::HeldOut);
            score.interval = Some(patient_interval(hits, images, patients));
        }
        calibration
    }

    /// AuthPct and C_T, and who is nearest by features.
    fn features(&mut self, features: Option<&Features>) -> Result<Option<[NearestByFeatures; 2]>> {
        let Some(features) = features else {
            for metric in ["auth_pct", "c_t", "membership_auc (features)"] {
                self.lacks(metric, "needs a network's features, which --pixels-only leaves out");
            }
            return Ok(None);
        };
        let held_out = &self.sides.held_out;
        let groups: Vec<String> = (0..held_out.len()).map(|i| held_out.group(i)).collect();
        let comparison = |judged| Comparison {
            real: &features.training,
            synthetic: judged,
            held_out: features.held_out.as_ref().ok(),
            logits: None,
            real_groups: None,
            held_out_groups: Some(&groups),
            extractor: &features.extractor,
            dialect: features.dialect.as_deref(),
            treatment: &features.treatment,
            is_fid: false,
            kid_subset: Subset::Ours,
            divisor: Divisor::Unbiased,
            intervals: false,
        };
        let made = comparison(&features.synthetic);
        self.scores.extend(made.auth_pct()?);
        let mut by_features = [
            NearestByFeatures::find(
                &features.training,
                &features.synthetic,
                &self.sides.synthetic,
                self.searched,
            )?,
            NearestByFeatures::default(),
        ];
        match &features.held_out {
            Err(reason) => {
                self.lacks("auth_pct (held_out)", reason);
                self.lacks("c_t", reason);
            }
            Ok(held_out) => {
                let real = comparison(held_out).auth_pct()?;
                self.scores.extend(
                    real.into_iter().map(|score| Score { of: Some(Part::HeldOut), ..score }),
                );
                match made.c_t() {
                    Ok(found) => self.scores.extend(found),
                    Err(error) => self.lacks("c_t", format!("{error:#}")),
                }
                by_features[1] = NearestByFeatures::find(
                    &features.training,
                    held_out,
                    &self.sides.held_out,
                    self.searched,
                )?;
            }
        }
        Ok(Some(by_features))
    }

    fn flagged(&mut self) -> (usize, usize) {
        let Searched { alarm, synthetic, .. } = self.searched;
        let flagged = synthetic.iter().filter(|found| alarm.goes_off(found.ratio)).count();
        let sure = synthetic.iter().filter(|found| found.ratio < SURE * alarm.least()).count();
        let protocol = format!(
            "share of synthetic images whose distance to the nearest training image, over the mean distance to the nearest \
             images of the next {} patients, is below {:.4}; {VIEWS} views and all shifts up to 1/16 of the side; {sure} below \
             half of the smallest ratio of a real image; interval: exact, images independent",
            self.searched.references.others(),
            alarm.threshold()
        );
        let count = synthetic.len();
        self.push("flagged_share", flagged as f64 / count as f64, protocol).interval =
            Some(share_interval(flagged, count));
        (flagged, sure)
    }

    fn recall(&mut self) -> Vec<Recall> {
        let alarm = &self.searched.alarm;
        let mut recall: Vec<Recall> = self
            .searched
            .planted
            .iter()
            .map(|(kind, matches)| Recall {
                kind: kind.name(),
                found: matches.iter().filter(|found| alarm.goes_off(found.ratio)).count(),
                planted: matches.len(),
            })
            .collect();
        let total = |of: &dyn Fn(&Recall) -> usize| recall.iter().map(of).sum();
        recall.push(Recall {
            kind: "all",
            found: total(&|recall| recall.found),
            planted: total(&|recall| recall.planted),
        });
        for (i, found) in recall.iter().enumerate() {
            let change = self
                .searched
                .planted
                .get(i)
                .map_or("all kinds together", |(kind, _)| kind.describe());
            let protocol = format!(
                "share of {} planted copies of training images ({change}) that are flagged at a false-alarm rate of {:.4}; \
                 interval: exact, copies independent",
                found.planted,
                alarm.rate()
            );
            let score = self.push("planted_recall", found.share(), protocol);
            score.of = Some(Part::Named(found.kind.to_owned()));
            score.synthetic_count = Some(found.planted);
            score.interval = Some(share_interval(found.found, found.planted));
        }
        recall
    }

    /// Can a real image's distance to the nearest synthetic one tell whether it trained the GAN?
    fn membership(&mut self, features: Option<&Features>) -> Option<(f64, [f64; 2])> {
        if let Some(reason) = self.no_held_out() {
            self.lacks("membership_auc", reason);
            return None;
        }
        let Sides { training, held_out, .. } = self.sides;
        let split = training.len();
        let mut groups: Vec<(String, bool)> = Vec::new();
        groups.extend((0..split).map(|i| (training.group(i), true)));
        groups.extend((0..held_out.len()).map(|i| (held_out.group(i), false)));
        let how = |space: &str| {
            format!(
                "chance that a training image is nearer to its nearest synthetic image than one of {} held-out images is, by \
                 {space}; 0.5: nothing leaks; interval: bootstrap over patients",
                held_out.len()
            )
        };
        if let Some(Ok(held_out)) = features.map(|features| features.held_out.as_ref()) {
            let features = features.expect("there are some");
            let mut distances = Vec::new();
            for set in [&features.training, held_out] {
                let found =
                    nearest(&set.matrix(), &features.synthetic.matrix(), 1, Between::TwoSets);
                distances.extend(to_vec(&found.radius()));
            }
            if let Some((auc, interval)) = auc(&distances, &groups) {
                let score = self.push("membership_auc", auc, how("features"));
                score.of = Some(Part::Features);
                score.interval = interval;
                score.extractor = Some(features.extractor.clone());
                score.dialect.clone_from(&features.dialect);
            }
        }
        let (auc, interval) = auc(&self.searched.nearest_synthetic, &groups)?;
        self.push("membership_auc", auc, how("pixels, over all views and shifts")).interval =
            interval;
        Some((auc, interval?))
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

fn to_vec(values: &Tensor) -> Vec<f64> {
    Vec::try_from(values.contiguous()).expect("a dense tensor")
}

/// AUC of "smaller distance, so it trained the GAN" with its interval over patients; `groups`: patient of each image,
/// and
/// whether it trained the GAN.
fn auc(distances: &[f64], groups: &[(String, bool)]) -> Option<(f64, Option<[f64; 2]>)> {
    let mut members: std::collections::BTreeMap<&(String, bool), Vec<f64>> =
        std::collections::BTreeMap::new();
    for (distance, group) in distances.iter().zip(groups) {
        members.entry(group).or_default().push(*distance);
    }
    let patients: Vec<(bool, Vec<f64>)> =
        members.into_iter().map(|((_, trained), distances)| (*trained, distances)).collect();
    let of = |drawn: &[usize]| {
        let side = |wanted: bool| -> Vec<f64> {
            let chosen = drawn.iter().filter(|&&i| patients[i].0 == wanted);
            chosen.flat_map(|&i| patients[i].1.iter().copied()).collect()
        };
        auc_of_smaller(&side(true), &side(false))
    };
    let all: Vec<usize> = (0..patients.len()).collect();
    Some((of(&all)?, interval(patients.len(), 0, of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_is_certain_where_training_images_are_all_nearer() {
        let groups: Vec<(String, bool)> =
            (0..20).map(|i| (format!("p{}", i / 2), i < 12)).collect();
        let distances: Vec<f64> = (0..20).map(f64::from).collect();
        let (value, interval) = auc(&distances, &groups).unwrap();
        assert_eq!((value, interval), (1.0, Some([1.0, 1.0])));
        let even = vec![1.0; 20];
        assert_eq!(auc(&even, &groups).unwrap().0, 0.5);
        assert!(auc(&even, &groups[..12]).is_none());
    }
}
