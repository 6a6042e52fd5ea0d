//! One line of `stats.jsonl`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One line of `stats.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Line", into = "Line")]
pub struct Stat {
    /// Thousands of real images seen.
    pub kimg: f64,
    /// Means of the losses since the line before, by name.
    pub losses: BTreeMap<String, f64>,
    /// Real images per second since the line before.
    pub images_per_sec: f64,
    /// Seconds of training, over all attempts.
    pub wall_secs: f64,
    /// Fréchet distance to the real training images, where it was measured.
    pub frechet_distance: Option<f64>,
    /// What else the family shows, by name.
    pub gauges: BTreeMap<String, f64>,
}

/// As it is written: a GAN's two losses have fields of their own, and so has each gauge.
#[derive(Serialize, Deserialize)]
struct Line {
    kimg: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loss_d: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loss_g: Option<f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    losses: BTreeMap<String, f64>,
    images_per_sec: f64,
    wall_secs: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frechet_distance: Option<f64>,
    #[serde(flatten)]
    gauges: BTreeMap<String, Value>,
}

/// Names of a GAN's losses.
const ADVERSARIAL: [&str; 2] = ["discriminator", "generator"];

impl From<Line> for Stat {
    fn from(line: Line) -> Self {
        let mut losses = line.losses;
        let own = ADVERSARIAL.into_iter().zip([line.loss_d, line.loss_g]);
        losses.extend(own.filter_map(|(name, loss)| Some((name.to_owned(), loss?))));
        // What is no number came from a later version.
        let number = |(name, value): (String, Value)| Some((name, value.as_f64()?));
        Self {
            kimg: line.kimg,
            losses,
            images_per_sec: line.images_per_sec,
            wall_secs: line.wall_secs,
            frechet_distance: line.frechet_distance,
            gauges: line.gauges.into_iter().filter_map(number).collect(),
        }
    }
}

impl From<Stat> for Line {
    fn from(stat: Stat) -> Self {
        let mut losses = stat.losses;
        let [mut loss_d, mut loss_g] = [None; 2];
        if ADVERSARIAL.iter().all(|name| losses.contains_key(*name)) {
            [loss_d, loss_g] = ADVERSARIAL.map(|name| losses.remove(name));
        }
        Self {
            kimg: stat.kimg,
            loss_d,
            loss_g,
            losses,
            images_per_sec: stat.images_per_sec,
            wall_secs: stat.wall_secs,
            frechet_distance: stat.frechet_distance,
            gauges: stat.gauges.into_iter().map(|(name, value)| (name, value.into())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(values: &[(&str, f64)]) -> BTreeMap<String, f64> {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn a_gans_line_is_that_of_version_0_1_and_others_name_their_losses() {
        let gan = Stat {
            kimg: 0.5,
            losses: named(&[("discriminator", 1.25), ("generator", -2.0)]),
            images_per_sec: 3.0,
            wall_secs: 4.0,
            frechet_distance: Some(7.0),
            gauges: named(&[("augment_p", 0.25)]),
        };
        let denoiser = Stat {
            losses: named(&[("denoiser", 0.5)]),
            frechet_distance: None,
            gauges: named(&[]),
            ..gan.clone()
        };
        for (stat, line) in [
            (
                gan,
                r#"{"kimg":0.5,"loss_d":1.25,"loss_g":-2.0,"images_per_sec":3.0,"wall_secs":4.0,"frechet_distance":7.0,"augment_p":0.25}"#,
            ),
            (
                denoiser,
                r#"{"kimg":0.5,"losses":{"denoiser":0.5},"images_per_sec":3.0,"wall_secs":4.0}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&stat).unwrap(), line);
            assert_eq!(serde_json::from_str::<Stat>(line).unwrap(), stat);
        }
    }
}
