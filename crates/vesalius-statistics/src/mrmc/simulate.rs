//! Dice of studies whose truth is known: what error rates, intervals and power are checked with.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1, StandardNormal};

/// The sources of chance of a study, each a standard deviation of Dice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chances {
    /// Between patients, whatever trained the segmenter.
    pub patients: f64,
    /// Of a patient's difference between two training sets, each with one run, apart from that of the trainings.
    pub differences: f64,
    /// Of that variance the part which is another one in each training.
    pub fresh: f64,
    /// Between trainings of one training set: all patients alike.
    pub trainings: f64,
    /// Whether differences are skewed (an exponential's: skewness 2, most patients a little worse and some much better)
    /// or normal.
    pub skewed: bool,
}

impl Default for Chances {
    /// As measured on ACDC: differences of patients 0.06, trainings 0.015.
    fn default() -> Self {
        Self { patients: 0.1, differences: 0.06, fresh: 0.5, trainings: 0.015, skewed: false }
    }
}

/// Dice tables `[runs][patients]`, one per entry of `effects`: what that training set truly adds. Values are not kept
/// within 0 and 1.
pub fn study(
    chances: &Chances,
    effects: &[f64],
    runs: usize,
    patients: usize,
    seed: u64,
) -> Vec<Vec<Vec<f64>>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = |deviation: f64| {
        let drawn: f64 = StandardNormal.sample(&mut rng);
        deviation * drawn
    };
    let level: Vec<f64> = (0..patients).map(|_| 0.8 + normal(chances.patients)).collect();
    let fresh = chances.differences * (chances.fresh / 2.0).sqrt();
    let lasting = chances.differences * ((1.0 - chances.fresh) / 2.0).sqrt();
    let mut skews = ChaCha8Rng::seed_from_u64(seed ^ 0x736b_6577); // a stream of its own
    effects
        .iter()
        .enumerate()
        .map(|(set, effect)| {
            let of_patients: Vec<f64> = (0..patients)
                .map(|_| {
                    if !chances.skewed {
                        return normal(lasting);
                    }
                    // The first set has none, so that differences to it are as skewed as one set.
                    let drawn: f64 = Exp1.sample(&mut skews);
                    if set == 0 { 0.0 } else { lasting * std::f64::consts::SQRT_2 * (drawn - 1.0) }
                })
                .collect();
            (0..runs)
                .map(|_| {
                    let run = normal(chances.trainings);
                    let of = |k: usize| level[k] + effect + of_patients[k] + run + normal(fresh);
                    (0..patients).map(of).collect()
                })
                .collect()
        })
        .collect()
}
