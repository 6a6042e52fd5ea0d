//! Where points start: their two principal components, scaled to ±10.
//!
//! A start that knows the data keeps its large shape (Kobak and Linderman 2021, doi:10.1038/s41587-020-00809-z), and
//! needs no care for parts of the graph that no edge connects.

use super::points::Points;
use anyhow::{Result, bail};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};
use rayon::prelude::*;

/// Rows that find the axes at most: a start needs no more.
const ROWS: usize = 2048;
/// Orthogonal iterations.
const STEPS: usize = 30;
/// Largest coordinate of the start, and the noise that parts equal points (both as umap-learn).
const EXTENT: f64 = 10.0;
const NOISE: f64 = 1e-4;

/// The start of every point; the draws of the noise are a function of (seed, point).
///
/// # Errors
/// When all points are the same.
pub fn principal_components(points: Points, seed: u64) -> Result<Vec<[f32; 2]>> {
    let (n, width) = (points.len(), points.width());
    if (1..n).all(|i| points.row(i) == points.row(0)) {
        bail!("all {n} points are the same, expected points that differ");
    }
    let stride = n.div_ceil(ROWS);
    let rows: Vec<usize> = (0..n).step_by(stride).collect();
    let mut mean = vec![0.0_f64; width];
    for &row in &rows {
        for (sum, &value) in mean.iter_mut().zip(points.row(row)) {
            *sum += f64::from(value) / rows.len() as f64;
        }
    }
    let score = |axis: &[f64], row: usize| score(points.row(row), &mean, axis);
    let mut noise = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || -> f64 { StandardNormal.sample(&mut noise) };
    let mut axes: [Vec<f64>; 2] = [0, 1].map(|_| (0..width).map(|_| normal()).collect());
    orthonormal(&mut axes);
    for _ in 0..STEPS {
        // Partial sums of fixed groups of rows, added in their order: the same for any number of threads.
        let parts: Vec<[Vec<f64>; 2]> = rows
            .par_chunks(64)
            .map(|group| {
                let mut part = [vec![0.0; width], vec![0.0; width]];
                for &row in group {
                    for (sums, axis) in part.iter_mut().zip(&axes) {
                        let weight = score(axis, row);
                        let centred = points.row(row).iter().zip(&mean);
                        for (sum, (&x, m)) in sums.iter_mut().zip(centred) {
                            *sum += weight * (f64::from(x) - m);
                        }
                    }
                }
                part
            })
            .collect();
        let mut next = [vec![0.0; width], vec![0.0; width]];
        for part in &parts {
            for (sums, part) in next.iter_mut().zip(part) {
                sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
            }
        }
        orthonormal(&mut next);
        axes = next;
    }
    let mut start: Vec<[f64; 2]> =
        (0..n).into_par_iter().map(|i| [score(&axes[0], i), score(&axes[1], i)]).collect();
    let extent = start.iter().flatten().fold(0.0_f64, |most, x| most.max(x.abs()));
    for point in start.iter_mut().flatten() {
        *point = *point * EXTENT / extent.max(f64::MIN_POSITIVE) + NOISE * normal();
    }
    Ok(start.into_iter().map(|point| point.map(|x| x as f32)).collect())
}

/// How far along `axis` a row lies from the mean, summed over eight lanes in a fixed order.
fn score(row: &[f32], mean: &[f64], axis: &[f64]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let mut add = |row: &[f32], mean: &[f64], axis: &[f64]| {
        for (lane, ((x, m), a)) in lanes.iter_mut().zip(row.iter().zip(mean).zip(axis)) {
            *lane += (f64::from(*x) - m) * a;
        }
    };
    let (row, row_rest) = row.as_chunks::<8>();
    let (mean, mean_rest) = mean.as_chunks::<8>();
    let (axis, axis_rest) = axis.as_chunks::<8>();
    for ((row, mean), axis) in row.iter().zip(mean).zip(axis) {
        add(row, mean, axis);
    }
    add(row_rest, mean_rest, axis_rest);
    lanes.iter().sum()
}

/// Gram and Schmidt; the largest entry of each axis is made positive, so that signs are no matter of chance.
fn orthonormal(axes: &mut [Vec<f64>; 2]) {
    let [first, second] = axes;
    unit(first);
    let shared: f64 = first.iter().zip(&*second).map(|(a, b)| a * b).sum();
    second.iter_mut().zip(&*first).for_each(|(b, a)| *b -= shared * a);
    unit(second);
}

fn unit(axis: &mut [f64]) {
    let norm = axis.iter().map(|x| x * x).sum::<f64>().sqrt();
    let largest = axis.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
    if norm > 1e-300 {
        for x in axis {
            *x *= largest.signum() / norm;
        }
    } else {
        axis.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_those_of_greatest_variance() {
        // Deviation 3 along x, 1 along y, 0.1 along z, rotated in the plane of x and y.
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut values = Vec::new();
        let mut own = Vec::new();
        for _ in 0..3000 {
            let [x, y, z]: [f64; 3] = [3.0, 1.0, 0.1].map(|s| {
                let draw: f64 = StandardNormal.sample(&mut rng);
                s * draw
            });
            own.push([x, y]);
            let turned = [x * 0.8 - y * 0.6 + 5.0, x * 0.6 + y * 0.8, z];
            values.extend(turned.map(|v| v as f32));
        }
        let start = principal_components(Points::new(&values, 3).unwrap(), 1).unwrap();
        for axis in 0..2 {
            let products: Vec<[f64; 3]> = start
                .iter()
                .zip(&own)
                .map(|(a, b)| (f64::from(a[axis]), b[axis]))
                .map(|(a, b)| [a * b, a * a, b * b])
                .collect();
            let [ab, aa, bb] = [0, 1, 2].map(|i| products.iter().map(|p| p[i]).sum::<f64>());
            assert!((ab / (aa * bb).sqrt()).abs() > 0.995);
        }
    }
}
