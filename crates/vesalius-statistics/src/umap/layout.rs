//! The layout: edges pull their ends together, points drawn at random push each other apart.
//!
//! umap-learn's forces, schedule and annealing (McInnes et al. 2018, algorithm 5). There one point moves at a time,
//! which is either sequential or a race. Here points move in waves: those of a wave (a random eighth of all) move at
//! the
//! same time, each by itself through all its edges and draws, while it sees the others where they were before. So a
//! wave
//! needs no lock, and its outcome does not depend on who computes it.
//!
//! Each step of a point needs the one before, and waits for two divisions and a power: nearly 200 cycles. So sixteen
//! points
//! of a wave take their steps side by side, in the lanes of vector instructions.

use super::curve::Curve;
use super::fuzzy::Graph;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Groups that move one after the other in an epoch.
const WAVES: usize = 8;
/// Points that take their steps side by side: four vectors of four, about as many as fit into the time of one step.
const LANES: usize = 16;
/// Draws that push, for each edge that pulls.
const PUSHES: usize = 5;
/// No force moves a point by more than this in each coordinate.
const LARGEST_STEP: f32 = 4.0;
/// Keeps the push of points that nearly coincide finite.
const SOFTENING: f32 = 1e-3;

/// Moves `start` for `epochs`.
pub fn optimise(
    graph: &Graph,
    start: Vec<[f32; 2]>,
    curve: Curve,
    epochs: usize,
    seed: u64,
) -> Vec<[f32; 2]> {
    let n = start.len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1);
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.shuffle(&mut rng);
    let key: u64 = rng.random();
    let wave = n.div_ceil(WAVES);
    // Who is in which wave is chance; within one, points with about as many turns go side by side, lest lanes idle.
    let turns: Vec<f32> =
        graph.starts.windows(2).map(|row| graph.weights[row[0]..row[1]].iter().sum()).collect();
    for wave in order.chunks_mut(wave) {
        wave.sort_by(|&i, &j| turns[j as usize].total_cmp(&turns[i as usize]));
    }
    let edges = Edges::new(graph, &order, epochs);
    let forces = Forces { a: curve.a as f32, b: curve.b as f32 };
    let mut places: Vec<[f32; 2]> = order.iter().map(|&i| start[i as usize]).collect();
    // All on the pool: thousands of waves, each of which would wake it from outside and sleep until it is done.
    rayon::scope(|_| {
        let mut moved = vec![[0.0; 2]; wave];
        for epoch in 0..epochs {
            let rate = 1.0 - epoch as f32 / epochs as f32;
            for first in (0..n).step_by(wave) {
                let moved = &mut moved[..wave.min(n - first)];
                let now = Moment { places: &places, edges: &edges, forces, epoch, rate, key };
                moved.par_chunks_mut(LANES).enumerate().with_max_len(2).for_each_init(
                    Vec::new,
                    |ends, (group, moved)| {
                        now.move_together(first + group * LANES, moved, ends);
                    },
                );
                places[first..first + moved.len()].copy_from_slice(moved);
            }
        }
    });
    let mut found = vec![[0.0; 2]; n];
    for (&i, place) in order.iter().zip(places) {
        found[i as usize] = place;
    }
    found
}

/// The graph by places in the order of moving, with how often each edge acts.
struct Edges {
    starts: Vec<usize>,
    /// The other end, and the share of epochs in which the edge acts, in units of [`EVERY`].
    rows: Vec<(u32, u32)>,
}

/// The share of an edge that acts in every epoch.
const EVERY: u32 = 1 << 31;

impl Edges {
    /// Edges too weak to act in any epoch are left out.
    fn new(graph: &Graph, order: &[u32], epochs: usize) -> Self {
        let most = graph.weights.iter().copied().fold(0.0, f32::max);
        let least = most / epochs as f32;
        let mut place = vec![0_u32; order.len()];
        for (at, &i) in order.iter().enumerate() {
            place[i as usize] = at as u32;
        }
        // Up, so that the weakest acts in the last epoch.
        let share =
            |weight: f32| (f64::from(weight) / f64::from(most) * f64::from(EVERY)).ceil() as u32;
        let mut edges = Self { starts: vec![0], rows: Vec::with_capacity(graph.ends.len()) };
        for &i in order {
            let row = graph.starts[i as usize]..graph.starts[i as usize + 1];
            let kept = graph.ends[row.clone()].iter().zip(&graph.weights[row]);
            let kept = kept.filter(|&(_, &weight)| weight >= least);
            edges.rows.extend(kept.map(|(&j, &weight)| (place[j as usize], share(weight))));
            edges.starts.push(edges.rows.len());
        }
        edges
    }
}

/// Whether an edge acts: when its count of turns, share times epochs, passes a whole number. [`EVERY`] is the highest
/// bit,
/// which then changes.
fn acts(share: u32, epoch: usize) -> bool {
    let before = share.wrapping_mul(epoch as u32);
    (before ^ before.wrapping_add(share)) >= EVERY
}

/// What the points of a wave see.
#[derive(Clone, Copy)]
struct Moment<'a> {
    places: &'a [[f32; 2]],
    edges: &'a Edges,
    forces: Forces,
    epoch: usize,
    rate: f32,
    key: u64,
}

impl Moment<'_> {
    /// Moves the points from `first` on to `moved`, at most [`LANES`] of them, one in each lane. `ends` is scratch.
    fn move_together(&self, first: usize, moved: &mut [[f32; 2]], ends: &mut Vec<u32>) {
        let starts = &self.edges.starts[first..=first + moved.len()];
        // The other ends of the edges that act, point after point.
        ends.clear();
        ends.resize(starts[moved.len()] - starts[0], 0);
        let mut turns = [(0, 0); LANES];
        let mut filled = 0;
        for (turns, row) in turns.iter_mut().zip(starts.windows(2)) {
            turns.0 = filled;
            for &(other, share) in &self.edges.rows[row[0]..row[1]] {
                // Without a branch: whether it acts cannot be foreseen.
                ends[filled] = other;
                filled += usize::from(acts(share, self.epoch));
            }
            turns.1 = filled;
        }
        let mut at = Lanes::default();
        for (lane, &place) in self.places[first..first + moved.len()].iter().enumerate() {
            at.set(lane, place);
        }
        let mut draws: [Draws; LANES] =
            std::array::from_fn(|lane| Draws::new(self.key, self.epoch, first + lane));
        let most = turns.iter().map(|&(begin, end)| end - begin).max().unwrap_or(0);
        for turn in 0..most {
            let mut others = Lanes::default();
            // Points without a turn stay where they are.
            let mut rates = [0.0; LANES];
            for lane in 0..LANES {
                let (begin, end) = turns[lane];
                if begin + turn < end {
                    others.set(lane, self.places[ends[begin + turn] as usize]);
                    rates[lane] = self.rate;
                }
            }
            // Once as this point's edge and once as the other's: umap-learn visits each edge from both ends, and moves
            // both.
            for _ in 0..2 {
                at.step(&others, &rates, |squared| self.forces.pull(squared));
            }
            let mut words = [0; LANES];
            for push in 0..PUSHES {
                let mut pushed = rates;
                for lane in 0..LANES {
                    // The upper half of a word, then its lower half.
                    words[lane] =
                        if push % 2 == 0 { draws[lane].next() } else { words[lane] << 32 };
                    let other = below(words[lane], self.places.len());
                    others.set(lane, self.places[other]);
                    if other == first + lane {
                        pushed[lane] = 0.0;
                    }
                }
                at.step(&others, &pushed, |squared| self.forces.push(squared));
            }
        }
        for (lane, place) in moved.iter_mut().enumerate() {
            *place = [at.x[lane], at.y[lane]];
        }
    }
}

/// Places of points that move together.
#[derive(Default)]
struct Lanes {
    x: [f32; LANES],
    y: [f32; LANES],
}

impl Lanes {
    fn set(&mut self, lane: usize, place: [f32; 2]) {
        [self.x[lane], self.y[lane]] = place;
    }

    /// Moves each along its difference to its other by `force` of the squared distance. No branch: all lanes do the
    /// same.
    #[expect(
        clippy::inline_always,
        reason = "a call in the loop would keep it from being one of vectors"
    )]
    #[expect(clippy::needless_range_loop, reason = "several arrays with an entry for each lane")]
    #[inline(always)]
    fn step(&mut self, others: &Self, rates: &[f32; LANES], force: impl Fn(f32) -> f32) {
        for lane in 0..LANES {
            let (x, y) = (self.x[lane] - others.x[lane], self.y[lane] - others.y[lane]);
            let squared = x * x + y * y;
            let found = force(squared);
            let force = if squared > 0.0 { found } else { 0.0 };
            self.x[lane] += rates[lane] * (force * x).clamp(-LARGEST_STEP, LARGEST_STEP);
            self.y[lane] += rates[lane] * (force * y).clamp(-LARGEST_STEP, LARGEST_STEP);
        }
    }
}

/// Derivatives of the curve's cross-entropy.
#[derive(Debug, Clone, Copy)]
struct Forces {
    a: f32,
    b: f32,
}

impl Forces {
    #[expect(clippy::inline_always, reason = "see Lanes::step")]
    #[inline(always)]
    fn pull(self, squared: f32) -> f32 {
        let power = power(squared, self.b);
        -2.0 * self.a * self.b * power / (squared * (1.0 + self.a * power))
    }

    #[expect(clippy::inline_always, reason = "see Lanes::step")]
    #[inline(always)]
    fn push(self, squared: f32) -> f32 {
        2.0 * self.b / ((SOFTENING + squared) * (1.0 + self.a * power(squared, self.b)))
    }
}

/// x^y of a positive x, to about 1e-6: a few products instead of the system's function, whose last digit is another
/// on other systems.
#[inline(always)]
fn power(x: f32, y: f32) -> f32 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    const ROUND: f32 = 12_582_912.0;
    // x = m·2^e with m in [√½, √2): log₂ x = e + 2/ln 2 · artanh((m − 1) / (m + 1)).
    let bits = x.to_bits();
    let shifted = bits.wrapping_sub(ROOT_HALF);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let artanh = s * (1.0 + s2 * (1.0 / 3.0 + s2 * (0.2 + s2 * (1.0 / 7.0))));
    let log = exponent as f32 + 2.0 * std::f32::consts::LOG2_E * artanh;
    // 2^z = 2^whole · e^(rest·ln 2), rest within ±½; adding and taking 1.5·2²³ rounds.
    let z = (log * y).clamp(-126.0, 126.0);
    let rounded = z + ROUND;
    let r = (z - (rounded - ROUND)) * std::f32::consts::LN_2;
    let exp = 1.0
        + r * (1.0
            + r * (0.5
                + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    // The whole number is in the last bits of `rounded`; those above leave at the top.
    exp * f32::from_bits((rounded.to_bits() + 127) << 23)
}

/// Numbers that are a function of (key, epoch, point): SplitMix64 (Steele, Lea and Flood 2014), because a ChaCha stream
/// for each point and epoch would cost more than what is drawn from it.
struct Draws(u64);

impl Draws {
    fn new(key: u64, epoch: usize, point: usize) -> Self {
        let mut own = Self(key ^ ((epoch as u64) << 32 | point as u64));
        Self(own.next() ^ key.rotate_left(32))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A number below `n` from the upper half of `word`.
fn below(word: u64, n: usize) -> usize {
    (((word >> 32) * n as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_powers() {
        for y in [0.5_f32, 0.895, 1.3] {
            for x in [1e-12_f32, 1e-5, 0.03, 0.5, 0.707, 1.0, 1.414, 2.0, 77.0, 4e6] {
                let exact = f64::from(x).powf(f64::from(y));
                let error = (f64::from(power(x, y)) / exact - 1.0).abs();
                assert!(error < 1e-5, "{x}^{y}: {error}");
            }
        }
    }

    #[test]
    fn an_edge_acts_as_often_as_its_share_of_epochs_says() {
        for (weight, times) in [(1.0, 500), (0.5, 250), (0.3, 150), (1.0 / 500.0, 1), (0.999, 499)]
        {
            let share = (f64::from(EVERY) * weight).ceil() as u32;
            assert_eq!((0..500).filter(|&epoch| acts(share, epoch)).count(), times, "{weight}");
        }
    }

    #[test]
    fn points_move_as_each_would_alone() {
        // A ring with chords: rows of different lengths, and more points than lanes, but no multiple of them.
        const N: usize = 43;
        let mut graph = Graph { starts: vec![0], ends: Vec::new(), weights: Vec::new() };
        for i in 0..N {
            let mut row = vec![(i + 1) % N, (i + N - 1) % N];
            row.extend((i % 4 == 0).then_some((i + 7) % N));
            for j in row {
                graph.ends.push(j as u32);
                graph.weights.push(1.0 / (1.0 + ((i + j) % 5) as f32));
            }
            graph.starts.push(graph.ends.len());
        }
        let places: Vec<[f32; 2]> =
            (0..N).map(|i| i as f32).map(|i| [(i * 0.7).sin() * 3.0, (i * 1.3).cos()]).collect();
        let order: Vec<u32> = (0..N as u32).collect();
        let edges = Edges::new(&graph, &order, 9);
        let forces = Forces { a: 1.58, b: 0.895 };
        for epoch in 0..9 {
            let now = Moment { places: &places, edges: &edges, forces, epoch, rate: 0.7, key: 5 };
            let mut together = vec![[0.0; 2]; N];
            for (group, moved) in together.chunks_mut(LANES).enumerate() {
                now.move_together(group * LANES, moved, &mut Vec::new());
            }
            for (i, &found) in together.iter().enumerate() {
                assert_eq!(found, alone(now, i), "point {i} in epoch {epoch}");
            }
        }
    }

    /// One point, step by step.
    fn alone(now: Moment, i: usize) -> [f32; 2] {
        let mut at = now.places[i];
        let mut step = |other: [f32; 2], force: &dyn Fn(f32) -> f32| {
            let difference = [at[0] - other[0], at[1] - other[1]];
            let squared = difference[0] * difference[0] + difference[1] * difference[1];
            if squared > 0.0 {
                for (x, d) in at.iter_mut().zip(difference) {
                    let move_by = (force(squared) * d).clamp(-LARGEST_STEP, LARGEST_STEP);
                    *x += now.rate * move_by;
                }
            }
        };
        let mut draws = Draws::new(now.key, now.epoch, i);
        for &(j, share) in &now.edges.rows[now.edges.starts[i]..now.edges.starts[i + 1]] {
            if !acts(share, now.epoch) {
                continue;
            }
            for _ in 0..2 {
                step(now.places[j as usize], &|squared| now.forces.pull(squared));
            }
            let words = [draws.next(), draws.next(), draws.next()];
            for push in 0..PUSHES {
                let other = below(words[push / 2] << (32 * (push % 2)), now.places.len());
                if other != i {
                    step(now.places[other], &|squared| now.forces.push(squared));
                }
            }
        }
        at
    }

    #[test]
    fn draws_reach_everybody_and_differ_by_epoch_and_point() {
        let mut seen = [0_usize; 7];
        for epoch in 0..100 {
            let mut draws = Draws::new(3, epoch, 5);
            for _ in 0..35 {
                let word = draws.next();
                seen[below(word, 7)] += 1;
                seen[below(word << 32, 7)] += 1;
            }
        }
        assert!(seen.iter().all(|&count| (900..1100).contains(&count)), "{seen:?}");
        assert_ne!(Draws::new(3, 0, 1).next(), Draws::new(3, 1, 0).next());
    }
}
