//! Every combination: parameters as digits, the last one fastest; a parameter that does not exist has one value.

use crate::space::{Parameter, Point, Space};

/// The first `limit` points.
pub fn points(space: Space, limit: usize) -> Vec<Point> {
    let mut found = Vec::new();
    descend(space, &mut Vec::new(), limit, &mut found);
    found
}

/// How many points there are, if at most `limit`.
pub fn size(space: Space, limit: usize) -> Option<usize> {
    let count = points(space, limit.saturating_add(1)).len();
    (count <= limit).then_some(count)
}

fn descend(space: Space, point: &mut Point, limit: usize, found: &mut Vec<Point>) {
    let i = point.len();
    let Some(parameter) = space.parameters.get(i) else {
        found.push(point.clone());
        return;
    };
    let values = if space.exists(i, point) { coordinates(parameter) } else { vec![None] };
    for value in values {
        if found.len() >= limit {
            return;
        }
        point.push(value);
        descend(space, point, limit, found);
        point.pop();
    }
}

fn coordinates(parameter: &Parameter) -> Vec<Option<f64>> {
    if let Some(count) = parameter.cardinality() {
        return (0..count).map(|i| Some(i as f64)).collect();
    }
    let count = parameter.points.unwrap_or(1);
    let mut all: Vec<f64> = (0..count)
        .map(|i| parameter.along(if count == 1 { 0.5 } else { i as f64 / (count - 1) as f64 }))
        .collect();
    all.dedup(); // integers of a short range
    all.into_iter().map(Some).collect()
}
