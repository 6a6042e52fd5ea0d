//! Which points of a space are tried, and for how long. Every sampler is a function of (seed, GAN and dataset, scores
//! so
//! far): nothing has to be saved to go on after a restart.

mod grid;
mod halving;
mod random;
mod tpe;
mod trial;

use crate::space::Space;
use serde::{Deserialize, Serialize};

use trial::whole;

pub use grid::size as grid_size;
pub use trial::{Known, Proposal, Share, Trial};

/// How points are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampler {
    /// Every combination.
    Grid {},
    /// Independent draws, each point once.
    Random {
        /// Key of the draws.
        #[serde(default = "one")]
        seed: u64,
    },
    /// Tree-structured Parzen estimators (Bergstra et al. 2011), each parameter by itself.
    Tpe {
        /// Key of the draws.
        #[serde(default = "one")]
        seed: u64,
        /// Random points first.
        #[serde(default = "twenty")]
        startup: usize,
        /// Points that are proposed together, from the scores of all earlier generations: what runs at once is at most
        /// this many per GAN and dataset, and the order in which runs end changes nothing.
        #[serde(default = "eight")]
        generation: usize,
        /// Share of the scores that counts as good.
        #[serde(default = "quarter")]
        good_share: f64,
    },
    /// Successive halving (Jamieson and Talwalkar 2016): many short trainings, the best of which go on.
    Halving {
        /// Key of the draws.
        #[serde(default = "one")]
        seed: u64,
        /// Length of the first rung in thousands of images.
        first_kimg: f64,
        /// One in so many goes on, for so many times the length.
        #[serde(default = "three")]
        factor: usize,
    },
}

fn one() -> u64 {
    1
}
fn three() -> usize {
    3
}
fn eight() -> usize {
    8
}
fn twenty() -> usize {
    20
}
fn quarter() -> f64 {
    0.25
}

/// Asks `known` of each trial, by index and content, and goes on from there.
pub fn propose(
    sampler: Sampler,
    space: Space,
    share: Share,
    label: &str,
    known: &mut dyn FnMut(&[Trial], usize) -> Known,
) -> Proposal {
    match sampler {
        Sampler::Grid {} => whole(grid::points(space, share.trials), share.kimg),
        Sampler::Random { seed } => {
            whole(random::points(space, share.trials, seed, label), share.kimg)
        }
        Sampler::Tpe { seed, startup, generation, good_share } => {
            let settings = tpe::Settings { seed, startup, generation, good_share };
            tpe::propose(space, share, settings, label, known)
        }
        Sampler::Halving { seed, first_kimg, factor } => {
            let rungs = halving::Rungs::new(share, first_kimg, factor);
            let points = random::points(space, rungs.counts[0], seed, label);
            rungs.propose(&points, known)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::space::Parameter;

    #[derive(Deserialize)]
    struct File {
        parameter: Vec<Parameter>,
    }

    pub fn parameters(text: &str) -> Vec<Parameter> {
        toml::from_str::<File>(text).unwrap().parameter
    }

    const SPACE: &str = r#"
        [[parameter]]
        paths = ["a"]
        choices = [16, 32]
        [[parameter]]
        paths = ["b", "c"]
        range = [1e-5, 1e-2]
        scale = "log"
        points = 3
        when = { preset = ["x"] }
        [[parameter]]
        paths = ["d"]
        choices = [true, false]
        when = { a = [32] }
    "#;

    fn run(sampler: Sampler, preset: &str, trials: usize, rounds: usize) -> (Proposal, Space<'_>) {
        let parameters = Box::leak(Box::new(parameters(SPACE)));
        let space = Space { parameters, preset };
        let share = Share { trials, kimg: 9.0 };
        // Less is better at a = 32 and at small b; what is asked for first is known first.
        let mut proposal = Proposal::default();
        for round in 0..rounds {
            let seen = proposal.trials.len();
            let next = propose(sampler, space, share, "label", &mut |trials, i| {
                if i >= seen {
                    return Known::Not;
                }
                let point = &trials[i].point;
                Known::Score(point[1].map_or(0.0, |b| (b.ln() + 9.0).abs()) - point[0].unwrap())
            });
            assert_eq!(next.trials[..seen], proposal.trials[..], "round {round} changed the past");
            proposal = next;
        }
        (proposal, space)
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let (proposal, space) = run(Sampler::Grid {}, "x", 99, 1);
        let mut settings: Vec<String> =
            proposal.trials.iter().map(|trial| space.settings(&trial.point).join(" ")).collect();
        assert_eq!(settings.len(), 3 + 3 * 2);
        assert_eq!(grid_size(space, 99), Some(9));
        assert!(settings.iter().all(|text| text.contains("d=") == text.contains("a=32")));
        settings.sort();
        settings.dedup();
        assert_eq!(settings.len(), 9);
        let (other, _) = run(Sampler::Grid {}, "y", 99, 1);
        assert_eq!(other.trials.len(), 3);
        assert!(other.trials.iter().all(|trial| trial.point[1].is_none()));
    }

    #[test]
    fn random_points_stay_inside_and_do_not_repeat() {
        let (proposal, _) = run(Sampler::Random { seed: 1 }, "x", 40, 1);
        assert_eq!(proposal.trials.len(), 40);
        let logs: Vec<f64> =
            proposal.trials.iter().map(|trial| trial.point[1].unwrap().log10()).collect();
        assert!(logs.iter().all(|log| (-5.0..=-2.0).contains(log)));
        assert!(logs.iter().any(|log| *log < -4.0) && logs.iter().any(|log| *log > -3.0));
        let (few, _) = run(Sampler::Random { seed: 1 }, "y", 40, 1);
        assert_eq!(few.trials.len(), 3, "a finite space gives each point once");
    }

    #[test]
    fn tpe_finds_the_good_corner() {
        let sampler = Sampler::Tpe { seed: 3, startup: 16, generation: 8, good_share: 0.25 };
        let (proposal, _) = run(sampler, "x", 64, 8);
        assert_eq!((proposal.trials.len(), proposal.later), (64, 0));
        let off = |trial: &Trial| {
            let wide = (trial.point[1].unwrap().ln() + 9.0).abs();
            wide + 4.0 * f64::from(u8::from(trial.point[0] == Some(0.0)))
        };
        let mean = |trials: &[Trial]| trials.iter().map(off).sum::<f64>() / trials.len() as f64;
        let (early, late) = (mean(&proposal.trials[..16]), mean(&proposal.trials[48..]));
        assert!(late < 0.6 * early, "{early} then {late}");
    }

    #[test]
    fn halving_lets_the_best_third_go_on() {
        let sampler = Sampler::Halving { seed: 1, first_kimg: 1.0, factor: 3 };
        let (proposal, _) = run(sampler, "x", 13, 3);
        let at = |kimg: f64| proposal.trials.iter().filter(|t| t.kimg == kimg).count();
        assert_eq!((at(1.0), at(3.0), at(9.0), proposal.later), (9, 3, 1, 0));
        for trial in proposal.trials.iter().filter(|trial| trial.kimg > 1.0) {
            let from = &proposal.trials[trial.continues.unwrap()];
            assert_eq!((&from.point, from.kimg * 3.0), (&trial.point, trial.kimg));
        }
        let (first, _) = run(sampler, "x", 13, 1);
        assert_eq!((first.trials.len(), first.later), (9, 4));
    }
}
