//! Slices as nnU-Net's 2-D loader draws them: a volume, each as likely as the others, then one of its slices; at the end of
//! each batch, slices with foreground.
//!
//! Source: `nnUNetDataLoader` of nnU-Net v2 (`get_bbox`, `_oversample_last_XX_percent`).

use crate::rng::{Purpose, keyed};
use anyhow::Result;
use rand::{Rng, RngExt as _};
use vesalius_data::pack::Pack;

/// Share of a batch that has foreground.
const FOREGROUND: f64 = 0.33;

/// An endless stream of batches of one pack.
#[derive(Debug)]
pub struct CaseDraw {
    seed: u64,
    stream: u64,
    step: u64,
    cases: Vec<Case>,
}

#[derive(Debug, Default, Clone)]
struct Case {
    slices: Vec<usize>,
    /// Of each foreground class that it has: its slices, each with the pixels of those up to it.
    classes: Vec<Vec<(usize, u64)>>,
}

impl Case {
    fn add(&mut self, slice: usize, labels: &[u8], classes: usize) {
        self.slices.push(slice);
        self.classes.resize(classes, Vec::new());
        let mut counts = vec![0_u64; classes];
        for &label in labels {
            counts[usize::from(label)] += 1;
        }
        for (class, &count) in counts.iter().enumerate().skip(1).filter(|(_, count)| **count > 0) {
            let up_to = self.classes[class].last().map_or(0, |&(_, pixels)| pixels);
            self.classes[class].push((slice, up_to + count));
        }
    }

    fn any(&self, rng: &mut impl Rng) -> usize {
        self.slices[rng.random_range(0..self.slices.len())]
    }

    /// Of a class that the volume has, as likely as it has pixels of it; any slice of a volume without foreground.
    fn with_foreground(&self, rng: &mut impl Rng) -> usize {
        let there: Vec<&Vec<(usize, u64)>> =
            self.classes.iter().filter(|class| !class.is_empty()).collect();
        if there.is_empty() {
            return self.any(rng);
        }
        let class = there[rng.random_range(0..there.len())];
        let (_, pixels) = *class.last().expect("a class with slices");
        let pixel = rng.random_range(0..pixels);
        class[class.partition_point(|&(_, up_to)| up_to <= pixel)].0
    }
}

impl CaseDraw {
    /// Draws from slices `indices` (at least one) of a pack; `stream` tells apart several packs of one training.
    ///
    /// # Errors
    /// When a slice was damaged.
    pub fn new(seed: u64, stream: u64, pack: &Pack, indices: &[usize]) -> Result<Self> {
        assert!(!indices.is_empty(), "slices to draw from");
        let mut cases = std::collections::BTreeMap::<usize, Case>::new();
        for &i in indices {
            let labels = pack.slice(i)?.labels;
            let case = pack.manifest().slices[i].case;
            cases.entry(case).or_default().add(i, labels, pack.classes());
        }
        Ok(Self { seed, stream, step: 0, cases: cases.into_values().collect() })
    }

    /// Goes to a batch: the number of those drawn so far.
    pub fn seek(&mut self, step: u64) {
        self.step = step;
    }

    /// The next batch: `count` slices.
    pub fn take(&mut self, count: usize) -> Vec<usize> {
        let rng = &mut keyed(self.seed, Purpose::Order, self.stream << 40 | self.step);
        self.step += 1;
        let plain = (count as f64 * (1.0 - FOREGROUND)).round_ties_even() as usize;
        (0..count)
            .map(|i| {
                let case = &self.cases[rng.random_range(0..self.cases.len())];
                if i < plain { case.any(rng) } else { case.with_foreground(rng) }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_drawn_alike_and_foreground_by_its_pixels() {
        // One volume of a slice without foreground, one of three: nothing, one pixel of class 1, three of class 1 and
        // some of class 2.
        let mut cases = vec![Case::default(), Case::default()];
        cases[0].add(0, &[0; 4], 3);
        for (slice, labels) in [(1, [0, 0, 0, 0]), (2, [0, 0, 0, 1]), (3, [1, 1, 1, 2])] {
            cases[1].add(slice, &labels, 3);
        }
        let mut draw = CaseDraw { seed: 1, stream: 0, step: 0, cases };
        let (mut plain, mut foreground) = ([0.0; 4], [0.0; 4]);
        for _ in 0..4000 {
            let batch = draw.take(12);
            // 12 · 0.67 = 8.04.
            batch[..8].iter().for_each(|&slice| plain[slice] += 1.0 / 32_000.0);
            batch[8..].iter().for_each(|&slice| foreground[slice] += 1.0 / 16_000.0);
        }
        let sixth = 1.0 / 6.0;
        // Of the second volume's class 1 a quarter of the pixels are in slice 2; class 2 is in slice 3 only.
        for (found, expected) in
            [(plain, [0.5, sixth, sixth, sixth]), (foreground, [0.5, 0.0, 0.0625, 0.4375])]
        {
            for (found, expected) in found.iter().zip(expected as [f64; 4]) {
                assert!((found - expected).abs() < 0.015, "{found} {expected}");
            }
        }
    }
}
