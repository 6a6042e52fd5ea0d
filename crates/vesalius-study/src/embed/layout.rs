//! The layout: edges pull their ends together, points drawn at random push each other apart.
//!
//! umap-learn's forces, schedule and annealing (McInnes et al. 2018, algorithm 5). There one point moves at a time,
//! which is either sequential or a race. Here points move in waves: those of a wave (a random eighth of all) move at the
//! same time, each by itself through all its edges and draws, while it sees the others where they were before. So a wave
//! needs no lock, and its outcome does not depend on who computes it.

use super::curve::Curve;
use super::fuzzy::Graph;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Groups that move one after the other in an epoch.
const WAVES: usize = 8;
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
    let edges = Edges::new(graph, &order, epochs);
    let forces = Forces { a: curve.a as f32, b: curve.b as f32 };
    let mut places: Vec<[f32; 2]> = order.iter().map(|&i| start[i as usize]).collect();
    let wave = n.div_ceil(WAVES);
    let mut moved = Vec::with_capacity(wave);
    for epoch in 0..epochs {
        let rate = 1.0 - epoch as f32 / epochs as f32;
        for first in (0..n).step_by(wave) {
            let last = (first + wave).min(n);
            (first..last)
                .into_par_iter()
                .with_min_len(64)
                .map(|i| {
                    let draws = Draws::new(key, epoch, i);
                    one_point(i, &places, &edges, forces, epoch, rate, draws)
                })
                .collect_into_vec(&mut moved);
            places[first..last].copy_from_slice(&moved);
        }
    }
    let mut found = vec![[0.0; 2]; n];
    for (&i, place) in order.iter().zip(places) {
        found[i as usize] = place;
    }
    found
}

/// The graph by places in the shuffled order, with how often each edge acts.
struct Edges {
    starts: Vec<usize>,
    /// The other end, and the share of epochs in which the edge acts.
    rows: Vec<(u32, f32)>,
}

impl Edges {
    /// Edges too weak to act in any epoch are left out.
    fn new(graph: &Graph, order: &[u32], epochs: usize) -> Self {
        let most = graph.weights.iter().copied().fold(0.0, f32::max);
        let least = most / epochs as f32;
        let mut place = vec![0_u32; order.len()];
        for (at, &i) in order.iter().enumerate() {
            place[i as usize] = at as u32;
        }
        let mut edges = Self { starts: vec![0], rows: Vec::with_capacity(graph.ends.len()) };
        for &i in order {
            let row = graph.starts[i as usize]..graph.starts[i as usize + 1];
            let kept = graph.ends[row.clone()].iter().zip(&graph.weights[row]);
            let kept = kept.filter(|&(_, &weight)| weight >= least);
            edges.rows.extend(kept.map(|(&j, &weight)| (place[j as usize], weight / most)));
            edges.starts.push(edges.rows.len());
        }
        edges
    }
}

fn one_point(
    i: usize,
    places: &[[f32; 2]],
    edges: &Edges,
    forces: Forces,
    epoch: usize,
    rate: f32,
    mut draws: Draws,
) -> [f32; 2] {
    let mut at = places[i];
    let now = epoch as f32;
    for &(j, share) in &edges.rows[edges.starts[i]..edges.starts[i + 1]] {
        // Acts when its count of turns, share times epochs, passes a whole number.
        if (now * share) as i32 == ((now + 1.0) * share) as i32 {
            continue;
        }
        // Once as this point's edge and once as the other's: umap-learn visits each edge from both ends, and moves both.
        for _ in 0..2 {
            step(&mut at, places[j as usize], rate, |squared| forces.pull(squared));
        }
        for _ in 0..PUSHES {
            let other = draws.below(places.len());
            if other != i {
                step(&mut at, places[other], rate, |squared| forces.push(squared));
            }
        }
    }
    at
}

/// Moves `at` along its difference to `other` by `force` of the squared distance.
fn step(at: &mut [f32; 2], other: [f32; 2], rate: f32, force: impl Fn(f32) -> f32) {
    let difference = [at[0] - other[0], at[1] - other[1]];
    let squared = difference[0] * difference[0] + difference[1] * difference[1];
    if squared > 0.0 {
        let force = force(squared);
        for (x, d) in at.iter_mut().zip(difference) {
            *x += rate * (force * d).clamp(-LARGEST_STEP, LARGEST_STEP);
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
    fn pull(self, squared: f32) -> f32 {
        let power = power(squared, self.b);
        -2.0 * self.a * self.b * power / (squared * (1.0 + self.a * power))
    }

    fn push(self, squared: f32) -> f32 {
        2.0 * self.b / ((SOFTENING + squared) * (1.0 + self.a * power(squared, self.b)))
    }
}

/// x^y of a positive x, to about 1e-6: a few products instead of the system's function, whose last digit is another
/// on other systems.
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
    let whole = (z + ROUND) - ROUND;
    let r = (z - whole) * std::f32::consts::LN_2;
    let exp = 1.0
        + r * (1.0
            + r * (0.5
                + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    exp * f32::from_bits(((whole as i32 + 127) as u32) << 23)
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

    fn below(&mut self, n: usize) -> usize {
        (((self.next() >> 32) * n as u64) >> 32) as usize
    }
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
    fn draws_reach_everybody_and_differ_by_epoch_and_point() {
        let mut seen = [0_usize; 7];
        for epoch in 0..100 {
            let mut draws = Draws::new(3, epoch, 5);
            for _ in 0..70 {
                seen[draws.below(7)] += 1;
            }
        }
        assert!(seen.iter().all(|&count| (900..1100).contains(&count)), "{seen:?}");
        assert_ne!(Draws::new(3, 0, 1).next(), Draws::new(3, 1, 0).next());
    }
}
