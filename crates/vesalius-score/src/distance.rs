//! Euclidean distances to the nearest voxel of a set, exact: of the voxels that are asked for, or along one axis after
//! the other of all.
//!
//! All: Felzenszwalb and Huttenlocher 2012, "Distance transforms of sampled functions",
//! doi:10.4086/toc.2012.v008a019: the lower envelope of parabolas, with a spacing for each axis. Along short axes all
//! parabolas are compared, many lines at a time, which takes less time.

/// Squared distances of voxels `at` of `shape` to the nearest voxel of `others`; infinite where there is none.
///
/// Two surfaces that are compared lie close to each other: from each voxel the search goes outwards, line by line, until
/// lines are farther away than what was found. Where they lie apart that takes longer than all distances at once, and those
/// are taken from then on.
pub fn squared(
    others: impl Iterator<Item = usize>,
    shape: [usize; 3],
    spacing: [f64; 3],
    at: impl Iterator<Item = usize>,
) -> Vec<f64> {
    let Some(lines) = Lines::of(others, shape, spacing) else {
        return at.map(|_| f64::INFINITY).collect();
    };
    let mut left = LOOKED_AT * lines.field.len();
    let mut all: Option<Vec<f64>> = None;
    at.map(|at| {
        if let Some(field) = &all {
            return across_slices(field, shape, spacing, at);
        }
        let (found, looked_at) = lines.nearest(at);
        left = left.saturating_sub(looked_at);
        if left == 0 {
            all = Some(lines.within_slices());
        }
        found
    })
    .collect()
}

/// How many values for each voxel of the grid are looked at before all distances are taken at once.
const LOOKED_AT: usize = 16;

/// Squared distances along the last axis.
struct Lines {
    field: Vec<f64>,
    /// Whether a line has a voxel of the set.
    is_there: Vec<bool>,
    shape: [usize; 3],
    spacing: [f64; 3],
}

impl Lines {
    /// `None` of no voxel.
    fn of(set: impl Iterator<Item = usize>, shape: [usize; 3], spacing: [f64; 3]) -> Option<Self> {
        let [slices, rows, columns] = shape;
        let mut field = vec![f64::INFINITY; slices * rows * columns];
        let mut is_there = vec![false; slices * rows];
        for at in set {
            field[at] = 0.0;
            is_there[at / columns] = true;
        }
        let lines = field.chunks_exact_mut(columns).zip(&is_there);
        lines.filter(|(_, is)| **is).for_each(|(line, _)| sweep(line, spacing[2]));
        is_there.contains(&true).then_some(Self { field, is_there, shape, spacing })
    }

    /// The squared distance of one voxel, and how many values were looked at.
    fn nearest(&self, at: usize) -> (f64, usize) {
        let [slices, rows, columns] = self.shape;
        let (slice, row, column) = (at / columns / rows, at / columns % rows, at % columns);
        let (mut best, mut looked_at) = (f64::INFINITY, 0);
        for slice_apart in 0..slices {
            let across = (slice_apart as f64 * self.spacing[0]).powi(2);
            if across >= best {
                break;
            }
            for slice in both_ways(slice, slice_apart, slices) {
                for row_apart in 0..rows {
                    let raised = across + (row_apart as f64 * self.spacing[1]).powi(2);
                    if raised >= best {
                        break;
                    }
                    for row in both_ways(row, row_apart, rows) {
                        let line = slice * rows + row;
                        looked_at += 1;
                        if self.is_there[line] {
                            best = best.min(self.field[line * columns + column] + raised);
                        }
                    }
                }
            }
        }
        (best, looked_at)
    }

    /// Of all voxels, to what lies in their slice.
    fn within_slices(&self) -> Vec<f64> {
        let mut field = self.field.clone();
        let [slices, rows, columns] = self.shape;
        if rows > SHORT {
            let mut envelope = Envelope::default();
            for slice in 0..slices {
                for column in 0..columns {
                    let start = slice * rows * columns + column;
                    envelope.replace(&mut field, start, columns, rows, self.spacing[1]);
                }
            }
        } else if rows > 1 {
            compare_all(&mut field, rows, columns, self.spacing[1]);
        }
        field
    }
}

/// The places so far before and behind one, of `length`.
fn both_ways(from: usize, apart: usize, length: usize) -> impl Iterator<Item = usize> {
    let behind = (apart > 0).then_some(from + apart).filter(|&at| at < length);
    from.checked_sub(apart).into_iter().chain(behind)
}

/// Of one voxel, from the distances within slices.
fn across_slices(field: &[f64], shape: [usize; 3], spacing: [f64; 3], at: usize) -> f64 {
    let plane = shape[1] * shape[2];
    let (slice, within) = (at / plane, at % plane);
    let raised = |other: usize| {
        let apart = slice.abs_diff(other) as f64 * spacing[0];
        field[other * plane + within] + apart * apart
    };
    (0..shape[0]).map(raised).fold(f64::INFINITY, f64::min)
}

/// Up to which length of an axis all parabolas are compared.
const SHORT: usize = 128;

/// The first axis: zeros and infinities become squared distances to the nearest zero.
fn sweep(line: &mut [f64], mm: f64) {
    let mut since = f64::INFINITY;
    for value in line.iter_mut() {
        since = if *value == 0.0 { 0.0 } else { since + 1.0 };
        *value = since;
    }
    since = f64::INFINITY;
    for value in line.iter_mut().rev() {
        since = if *value == 0.0 { 0.0 } else { since + 1.0 };
        let apart = value.min(since) * mm;
        *value = apart * apart;
    }
}

/// `length` rows of `step` values each: every value becomes the least of its column, each raised by its distance.
fn compare_all(field: &mut [f64], length: usize, step: usize, mm: f64) {
    let mut before = Vec::with_capacity(length * step);
    for block in field.chunks_exact_mut(length * step) {
        before.clear();
        before.extend_from_slice(block);
        let there: Vec<bool> = before
            .chunks_exact(step)
            .map(|row| row.iter().any(|value| value.is_finite()))
            .collect();
        for (i, row) in block.chunks_exact_mut(step).enumerate() {
            for (j, other) in before.chunks_exact(step).enumerate() {
                if i == j || !there[j] {
                    continue;
                }
                let raised = (i.abs_diff(j) as f64 * mm).powi(2);
                for (value, &other) in row.iter_mut().zip(other) {
                    let other = other + raised;
                    *value = if other < *value { other } else { *value };
                }
            }
        }
    }
}

/// The parabolas of one line that are lowest somewhere.
#[derive(Default)]
struct Envelope {
    line: Vec<f64>,
    /// Where each has its lowest point.
    at: Vec<usize>,
    /// From where on each is the lowest, in voxels.
    from: Vec<f64>,
}

impl Envelope {
    fn replace(&mut self, field: &mut [f64], start: usize, step: usize, length: usize, mm: f64) {
        let Self { line, at, from } = self;
        line.clear();
        line.extend((0..length).map(|i| field[start + i * step]));
        at.clear();
        from.clear();
        let area = mm * mm;
        for (i, &height) in line.iter().enumerate().filter(|(_, height)| height.is_finite()) {
            // Where the new parabola goes below the last one.
            let crossing = |last: usize| {
                let (a, b) = (line[last], height);
                let (p, q) = (last as f64, i as f64);
                ((b - a) / area + q * q - p * p) / (2.0 * (q - p))
            };
            while let (Some(&last), Some(&since)) = (at.last(), from.last()) {
                if crossing(last) > since {
                    break;
                }
                at.pop();
                from.pop();
            }
            from.push(at.last().map_or(f64::NEG_INFINITY, |&last| crossing(last)));
            at.push(i);
        }
        if at.is_empty() {
            return;
        }
        let mut lowest = 0;
        for i in 0..length {
            while from.get(lowest + 1).is_some_and(|&next| next < i as f64) {
                lowest += 1;
            }
            let apart = i.abs_diff(at[lowest]) as f64 * mm;
            field[start + i * step] = apart * apart + line[at[lowest]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By comparing with every voxel of the set.
    fn slow(set: &[bool], shape: [usize; 3], spacing: [f64; 3]) -> Vec<f64> {
        let place = |i: usize| {
            [i / (shape[1] * shape[2]), i / shape[2] % shape[1], i % shape[2]].map(|n| n as f64)
        };
        let apart = |a: usize, b: usize| -> f64 {
            (0..3).map(|axis| ((place(a)[axis] - place(b)[axis]) * spacing[axis]).powi(2)).sum()
        };
        let all: Vec<usize> = (0..set.len()).filter(|&i| set[i]).collect();
        (0..set.len())
            .map(|i| all.iter().map(|&other| apart(i, other)).fold(f64::INFINITY, f64::min))
            .collect()
    }

    #[test]
    fn distances_are_those_of_every_pair() {
        for (shape, spacing, sparse) in [
            ([5, 7, 6], [3.0, 0.7, 1.3], 17),
            // More rows, and more slices, than SHORT.
            ([3, 150, 2], [3.0, 0.7, 1.3], 97),
            ([140, 2, 3], [0.4, 2.0, 1.0], 101),
            ([1, 9, 8], [1.0, 1.0, 1.0], 5),
            ([4, 1, 11], [0.3, 1.0, 2.0], 9),
            ([3, 3, 3], [1.0, 1.0, 1.0], 40), // one voxel: the first
        ] {
            let set: Vec<bool> = (0..shape.iter().product()).map(|i| i * i % sparse == 0).collect();
            let expected = slow(&set, shape, spacing);
            let of_lines = |found: Vec<f64>| {
                for (found, expected) in found.iter().zip(&expected) {
                    let error = (found - expected).abs();
                    assert!(error < 1e-12 * (1.0 + expected), "{shape:?}: {found} {expected}");
                }
            };
            let there = || (0..set.len()).filter(|&i| set[i]);
            of_lines(squared(there(), shape, spacing, 0..set.len()));
            // Both ways by themselves.
            let lines = Lines::of(there(), shape, spacing).unwrap();
            of_lines((0..set.len()).map(|at| lines.nearest(at).0).collect());
            let within = lines.within_slices();
            of_lines((0..set.len()).map(|at| across_slices(&within, shape, spacing, at)).collect());
        }
        assert!(
            squared(std::iter::empty(), [2, 2, 2], [1.0; 3], 0..8).iter().all(|d| d.is_infinite())
        );
    }
}
