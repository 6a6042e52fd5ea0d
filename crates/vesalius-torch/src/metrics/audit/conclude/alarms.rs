//! Whom the alarm goes off for: real images, synthetic ones, and planted copies.

use super::taken::Taken;
use crate::metrics::audit::run::{Searched, patients};
use crate::metrics::audit::verdict::{Calibration, Recall, SURE, patient_interval};
use crate::metrics::audit::views::VIEWS;
use vesalius_data::run::part::Part;
use vesalius_statistics::alarm::{Alarm, share_interval};

impl Taken<'_> {
    /// Rate of false alarms as it was set, and as held-out images show it.
    pub(super) fn calibration(&mut self) -> Calibration {
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

    pub(super) fn flagged(&mut self) -> (usize, usize) {
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

    pub(super) fn recall(&mut self) -> Vec<Recall> {
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
}
