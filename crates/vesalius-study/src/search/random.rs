//! Independent draws, each point at most once.

use super::trial::keyed;
use crate::space::{Point, Space};
use std::collections::HashSet;

/// Draws in a row that only repeat: the space is used up.
const REPEATS: usize = 1000;

/// `count` points, fewer where the space has fewer.
pub fn points(space: Space, count: usize, seed: u64, label: &str) -> Vec<Point> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut repeats = 0;
    for index in 0.. {
        if found.len() == count || repeats == REPEATS {
            break;
        }
        let point = space.draw(&mut keyed(seed, label, "draw", index));
        if seen.insert(bits(&point)) {
            found.push(point);
            repeats = 0;
        } else {
            repeats += 1;
        }
    }
    found
}

/// A point as something that can be compared.
pub fn bits(point: &Point) -> Vec<Option<u64>> {
    point.iter().map(|at| at.map(f64::to_bits)).collect()
}
