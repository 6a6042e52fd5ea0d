//! Points and weights that integrate over a chi-squared variable.

use std::cmp::Ordering;

/// Points of a grid; tails of Student's t come out within 2e-5 of their value down to one degree of freedom.
const POINTS: usize = 96;
/// Where the grid ends: logarithm of the density there, below that of the mode.
const DROP: f64 = 36.0;

/// `f / χ²_f` at each point, and the point's weight; weights sum to 1.
///
/// The trapezoidal rule in `ln χ²`, whose density falls off smoothly on both sides.
pub fn inverse(freedom: usize) -> Vec<(f64, f64)> {
    let f = freedom as f64;
    // Logarithm of the density of y = ln(χ²/f), up to a constant: 0 at the mode.
    let density = |y: f64| f / 2.0 * (y - y.exp_m1());
    let edge = |sign: f64| {
        let (mut low, mut high) = (0.0, 200.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            match density(sign * middle).total_cmp(&-DROP) {
                Ordering::Less => high = middle,
                _ => low = middle,
            }
        }
        sign * high
    };
    let (low, high) = (edge(-1.0), edge(1.0));
    let step = (high - low) / (POINTS - 1) as f64;
    let points: Vec<(f64, f64)> = (0..POINTS)
        .map(|i| low + step * i as f64)
        .map(|y| ((-y).exp(), density(y).exp()))
        .collect();
    let all: f64 = points.iter().map(|(_, weight)| weight).sum();
    points.into_iter().map(|(value, weight)| (value, weight / all)).collect()
}

/// Chance that a standard normal variable exceeds `z`.
pub fn upper_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}
