//! In which order training slices are visited: a new permutation every epoch, a function of (seed, stream, epoch), so
//! that position k of the stream is the same whether or not the training was interrupted before.

use crate::rng::{Purpose, keyed};
use rand::seq::SliceRandom as _;

/// An endless stream of slice indices.
#[derive(Debug)]
pub struct Order {
    seed: u64,
    stream: u64,
    indices: Vec<usize>,
    epoch: Option<(u64, Vec<usize>)>,
    position: u64,
}

impl Order {
    /// Visits `indices` (at least one); `stream` tells apart several orders of one training.
    pub fn new(seed: u64, stream: u64, indices: Vec<usize>) -> Self {
        assert!(!indices.is_empty(), "slices to visit");
        Self { seed, stream, indices, epoch: None, position: 0 }
    }

    /// Goes to a position: the number of slices visited so far.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// The next `count` indices.
    pub fn take(&mut self, count: usize) -> Vec<usize> {
        let n = self.indices.len() as u64;
        (0..count)
            .map(|_| {
                let (epoch, at) = (self.position / n, (self.position % n) as usize);
                self.position += 1;
                if self.epoch.as_ref().is_none_or(|(current, _)| *current != epoch) {
                    let mut shuffled = self.indices.clone();
                    shuffled.shuffle(&mut keyed(
                        self.seed,
                        Purpose::Order,
                        self.stream << 40 | epoch,
                    ));
                    self.epoch = Some((epoch, shuffled));
                }
                self.epoch.as_ref().expect("just set").1[at]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_visits_each_slice_once_and_seeking_continues_exactly() {
        let mut order = Order::new(1, 0, vec![3, 5, 7]);
        let mut all = order.take(9);
        let mut again = Order::new(1, 0, vec![3, 5, 7]);
        again.seek(4);
        assert_eq!(again.take(5), all[4..]);
        for epoch in all.chunks_mut(3) {
            epoch.sort_unstable();
            assert_eq!(epoch, [3, 5, 7]);
        }
    }
}
