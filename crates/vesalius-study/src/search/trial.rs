//! Trials of a search, and what is known of them.

use crate::space::Point;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use vesalius_data::files::digest;

/// One training (per seed) that the search asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Where in the space.
    pub point: Point,
    /// Length, thousands of images.
    pub kimg: f64,
    /// The trial, by index, whose training this one makes longer.
    pub continues: Option<usize>,
}

/// What is known of a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    /// Not finished.
    Not,
    /// Over, without a number: diverged, failed or cancelled.
    NoScore,
    /// Over; less is better.
    Score(f64),
}

/// What a search asks for, given what is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposal {
    /// In order; earlier ones never change when more is known.
    pub trials: Vec<Trial>,
    /// Trials that follow once these are over.
    pub later: usize,
}

/// Budget of one GAN on one dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Trials.
    pub trials: usize,
    /// Length of each.
    pub kimg: f64,
}

/// All points at full length.
pub(super) fn whole(points: Vec<Point>, kimg: f64) -> Proposal {
    let trials = points.into_iter().map(|point| Trial { point, kimg, continues: None }).collect();
    Proposal { trials, later: 0 }
}

/// Randomness of draw `index` for one GAN and dataset.
pub(super) fn keyed(seed: u64, label: &str, purpose: &str, index: usize) -> ChaCha8Rng {
    let text = digest::of_bytes(format!("search/1/{seed}/{label}/{purpose}/{index}").as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(&text.as_bytes()[..32]);
    ChaCha8Rng::from_seed(key)
}
