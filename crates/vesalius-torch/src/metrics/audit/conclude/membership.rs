//! Whether the distance to the nearest synthetic image tells who trained the GAN.

use super::taken::{Features, Taken};
use crate::features::images::ImageSet;
use crate::metrics::audit::run::Sides;
use crate::metrics::numerics::neighbours::{Between, nearest};
use crate::rng::{Purpose, keyed};
use rand::seq::SliceRandom as _;
use std::collections::BTreeMap;
use tch::Tensor;
use vesalius_data::run::part::Part;
use vesalius_statistics::alarm::auc_of_smaller;
use vesalius_statistics::resample::{interval, quantile};

/// Halvings of the training patients that the control's range is of.
const HALVINGS: u64 = 1000;
/// Fewest training patients that can be halved.
const LEAST_MEMBERS: usize = 4;

impl Taken<'_> {
    /// Can a real image's distance to the nearest synthetic one tell whether it trained the GAN?
    pub(super) fn membership(&mut self, features: Option<&Features>) -> Option<(f64, [f64; 2])> {
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
            self.members(&distances[..split], Some(features));
            if let Some((auc, interval)) = auc(&distances, &groups) {
                let score = self.push("membership_auc", auc, how("features"));
                score.of = Some(Part::Features);
                score.interval = interval;
                score.extractor = Some(features.extractor.clone());
                score.dialect.clone_from(&features.dialect);
            }
        }
        self.members(&self.searched.nearest_synthetic[..split], None);
        let (auc, interval) = auc(&self.searched.nearest_synthetic, &groups)?;
        self.push("membership_auc", auc, how("pixels, over all views and shifts")).interval =
            interval;
        Some((auc, interval?))
    }

    /// The control: the same attack on training patients alone, one half of them against the other. All are members, so
    /// that what it finds is chance, and how far patients differ.
    fn members(&mut self, distances: &[f64], features: Option<&Features>) {
        let training = &self.sides.training;
        let mut patients: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (i, distance) in distances.iter().enumerate() {
            patients.entry(training.group(i)).or_default().push(*distance);
        }
        let patients: Vec<Vec<f64>> = patients.into_values().collect();
        let Some([value, low, high]) = halved(&patients, self.searched.settings.seed) else {
            let reason = format!(
                "{} training patients, expected at least {LEAST_MEMBERS} to halve",
                patients.len()
            );
            return self.lacks("membership_auc_members", reason);
        };
        let space =
            if features.is_some() { "features" } else { "pixels, over all views and shifts" };
        let protocol = format!(
            "control, members only: the same of one half of the training patients against the other, by {space}; all of \
             them trained, so 0.5 is expected; interval: what 95 of 100 halvings find ({HALVINGS} drawn)"
        );
        let score = self.push("membership_auc_members", value, protocol);
        score.interval = Some([low, high]);
        if let Some(features) = features {
            score.of = Some(Part::Features);
            score.extractor = Some(features.extractor.clone());
            score.dialect.clone_from(&features.dialect);
        }
    }
}

/// AUC of one half of the patients against the other: of the first drawn halving, and the 95 % range over all drawn ones.
fn halved(patients: &[Vec<f64>], seed: u64) -> Option<[f64; 3]> {
    if patients.len() < LEAST_MEMBERS {
        return None;
    }
    let of = |halving: u64| {
        let mut order: Vec<usize> = (0..patients.len()).collect();
        order.shuffle(&mut keyed(seed, Purpose::Subset, halving));
        let (one, other) = order.split_at(order.len() / 2);
        let side = |side: &[usize]| -> Vec<f64> {
            side.iter().flat_map(|&i| patients[i].iter().copied()).collect()
        };
        auc_of_smaller(&side(one), &side(other))
    };
    let mut found = (0..HALVINGS).map(of).collect::<Option<Vec<f64>>>()?;
    let first = found[0];
    found.sort_by(f64::total_cmp);
    Some([first, quantile(&found, 0.025), quantile(&found, 0.975)])
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

    #[test]
    fn among_members_alone_the_attack_finds_what_patients_differ_by() {
        // Patients whose images are at one distance each: a halving finds what its patients are.
        let patients: Vec<Vec<f64>> = (0..12).map(|i| vec![f64::from(i); 3]).collect();
        let [first, low, high] = halved(&patients, 1).unwrap();
        assert_eq!([first, low, high], halved(&patients, 1).unwrap());
        assert!(low < 0.3 && high > 0.7 && (low + high - 1.0).abs() < 0.1, "{low} {high}");
        // Patients who do not differ: no halving finds anything.
        assert_eq!(halved(&vec![vec![1.0, 2.0]; 12], 1).unwrap(), [0.5; 3]);
        assert!(halved(&patients[..3], 1).is_none());
    }
}
