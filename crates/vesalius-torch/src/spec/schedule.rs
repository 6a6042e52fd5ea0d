//! What the schedules of all families have.

use super::check;
use crate::precision::Precision;
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// The part of the table `training` that every family has. Durations are in thousands of real images seen (kimg).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Key of all randomness.
    pub seed: u64,
    /// Length.
    pub kimg: f64,
    /// Batch N.
    pub batch: i64,
    /// Half-life of the averaged generator (StyleGAN2: batch × 10 / 32 kimg). 0: no averaging.
    pub ema_half_life_kimg: f64,
    /// The half-life is at most this share of the images seen so far (StyleGAN2-ADA: 0.05).
    pub ema_ramp: f64,
    /// Distance between checkpoints.
    pub checkpoint_every_kimg: f64,
    /// Distance between measurements of the Fréchet distance and previews. 0: never.
    pub distance_every_kimg: f64,
    /// Samples per measurement.
    pub distance_images: usize,
    /// In what arithmetic it trains; f32 where it is not said.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

impl Schedule {
    /// Names of its fields; those of the table `training` that are not among them are the family's.
    pub const FIELDS: &[&str] = &[
        "seed",
        "kimg",
        "batch",
        "ema_half_life_kimg",
        "ema_ramp",
        "checkpoint_every_kimg",
        "distance_every_kimg",
        "distance_images",
        "precision",
    ];

    /// Refuses values that can only be mistakes.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        check::count("training.batch", self.batch, 2)?;
        check::count("training.distance_images", self.distance_images as i64, 2)?;
        check::positive("training.kimg", self.kimg)?;
        check::positive("training.checkpoint_every_kimg", self.checkpoint_every_kimg)?;
        check::number("training.distance_every_kimg", self.distance_every_kimg)?;
        check::number("training.ema_half_life_kimg", self.ema_half_life_kimg)?;
        check::number("training.ema_ramp", self.ema_ramp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_fields() {
        let schedule = Schedule {
            seed: 1,
            kimg: 1.0,
            batch: 2,
            ema_half_life_kimg: 0.0,
            ema_ramp: 0.0,
            checkpoint_every_kimg: 1.0,
            distance_every_kimg: 0.0,
            distance_images: 2,
            precision: Precision::Bf16,
        };
        let table = toml::Table::try_from(schedule).unwrap();
        let mut names = Schedule::FIELDS.to_vec();
        names.sort_unstable();
        assert_eq!(table.keys().map(String::as_str).collect::<Vec<_>>(), names);
    }
}
