//! Successive halving: rung by rung, the best of each go on from their checkpoints for `factor` times the length.

use super::trial::{Known, Proposal, Share, Trial};
use crate::space::Point;

/// Lengths of the rungs and how many trials each has.
#[derive(Debug, Clone, PartialEq)]
pub struct Rungs {
    pub kimg: Vec<f64>,
    pub counts: Vec<usize>,
}

impl Rungs {
    /// As many first trials as the share pays for, all rungs counted.
    pub fn new(share: Share, first_kimg: f64, factor: usize) -> Self {
        let factor = factor.max(2);
        let mut kimg = vec![first_kimg.min(share.kimg)];
        while *kimg.last().expect("never empty") < share.kimg {
            let next = kimg[kimg.len() - 1] * factor as f64;
            // Within rounding of the full length is the full length.
            kimg.push(if next > share.kimg * 0.999 { share.kimg } else { next });
        }
        let counts = |first: usize| -> Vec<usize> {
            std::iter::successors(Some(first), |n| Some((n / factor).max(1)))
                .take(kimg.len())
                .collect()
        };
        let first =
            (1..=share.trials).rev().find(|&n| counts(n).iter().sum::<usize>() <= share.trials);
        let counts = counts(first.unwrap_or(1));
        Self { kimg, counts }
    }

    pub fn propose(
        &self,
        points: &[Point],
        known: &mut dyn FnMut(&[Trial], usize) -> Known,
    ) -> Proposal {
        let mut trials: Vec<Trial> = points
            .iter()
            .map(|point| Trial { point: point.clone(), kimg: self.kimg[0], continues: None })
            .collect();
        let mut rung = 0..trials.len();
        for (level, &kimg) in self.kimg.iter().enumerate().skip(1) {
            let scores: Vec<(usize, Known)> =
                rung.clone().map(|i| (i, known(&trials, i))).collect();
            if scores.iter().any(|(_, known)| *known == Known::Not) {
                return Proposal { trials, later: self.counts[level..].iter().sum() };
            }
            let mut numbers: Vec<(usize, f64)> = scores
                .into_iter()
                .filter_map(|(i, known)| match known {
                    Known::Score(score) => Some((i, score)),
                    _ => None,
                })
                .collect();
            numbers.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            let start = trials.len();
            for &(i, _) in numbers.iter().take(self.counts[level]) {
                let point = trials[i].point.clone();
                trials.push(Trial { point, kimg, continues: Some(i) });
            }
            rung = start..trials.len();
        }
        Proposal { trials, later: 0 }
    }
}
