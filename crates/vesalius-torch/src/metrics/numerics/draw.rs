//! Subsets as NumPy's `RandomState(seed)` draws them, so that a score that depends on a draw (KID, Inception Score) has
//! the very draws of torch-fidelity.

use rand_mt::Mt;

/// torch-fidelity's seed.
pub const SEED: u32 = 2020;

/// NumPy's legacy generator (MT19937 with Knuth's seeding).
#[derive(Debug)]
pub struct Draw(Mt);

impl Draw {
    /// `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        Self(Mt::new(seed))
    }

    /// Uniform in 0…`max`: masked rejection, as NumPy's `random_interval`.
    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.0.next_u32() & mask;
            if value <= max {
                return value;
            }
        }
    }

    /// `permutation(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<i64> {
        let mut order: Vec<i64> = (0..n as i64).collect();
        for i in (1..n).rev() {
            order.swap(i, self.up_to(i as u32) as usize);
        }
        order
    }

    /// `choice(n, count, replace=False)`.
    pub fn choice(&mut self, n: usize, count: usize) -> Vec<i64> {
        let mut order = self.permutation(n);
        order.truncate(count);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_are_numpys() {
        // numpy.random.RandomState(2020): permutation(10), then choice(7, 3, replace=False)
        let mut draw = Draw::new(SEED);
        assert_eq!(draw.permutation(10), PERMUTATION);
        assert_eq!(draw.choice(7, 3), CHOICE);
    }

    const PERMUTATION: [i64; 10] = [2, 4, 9, 1, 5, 7, 6, 3, 8, 0];
    const CHOICE: [i64; 3] = [4, 3, 1];
}
