//! The fuzzy graph: how strongly two points belong together, between 0 and 1.
//!
//! Each point measures distances on a scale of its own: from its nearest neighbour (ρ) on, in units (σ) such that its
//! memberships sum to log₂ k. Two opinions of one pair are joined as probabilities are: a + b − ab. McInnes et al.
//! 2018, section 3.1 and algorithms 2 and 3; tolerances are umap-learn's.

use super::neighbours::Neighbours;
use rayon::prelude::*;

/// How near the sum of memberships must come to log₂ k.
const TOLERANCE: f64 = 1e-5;
/// Halvings of the search for σ at most.
const STEPS: usize = 64;
/// σ is at least this share of a point's mean distance to its neighbours (of all points' where ρ is 0).
const LEAST_SCALE: f64 = 1e-3;

/// A point's scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Distance to the nearest neighbour that is not at the same place.
    pub rho: f32,
    /// Unit of distances beyond ρ.
    pub sigma: f32,
}

/// Undirected, each edge once in each of its two rows.
#[derive(Debug)]
pub struct Graph {
    /// Where the row of each point begins; N + 1.
    pub starts: Vec<usize>,
    /// Points at the other ends, ascending in each row.
    pub ends: Vec<u32>,
    /// Membership strengths, in (0, 1].
    pub weights: Vec<f32>,
}

/// Scales of all points.
pub fn scales(neighbours: &Neighbours) -> Vec<Scale> {
    let all = &neighbours.distances;
    let mean = all.iter().copied().map(f64::from).sum::<f64>() / all.len() as f64;
    let target = (neighbours.k as f64).log2();
    all.par_chunks(neighbours.k).map(|row| scale(row, target, mean)).collect()
}

fn scale(row: &[f32], target: f64, mean_of_all: f64) -> Scale {
    let rho = row.iter().copied().find(|&distance| distance > 0.0).unwrap_or(0.0);
    let memberships = |sigma: f64| -> f64 {
        row[1..]
            .iter()
            .map(|&distance| {
                let beyond = f64::from(distance) - f64::from(rho);
                if beyond > 0.0 { (-beyond / sigma).exp() } else { 1.0 }
            })
            .sum()
    };
    let (mut low, mut high, mut sigma) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..STEPS {
        let sum = memberships(sigma);
        if (sum - target).abs() < TOLERANCE {
            break;
        }
        if sum > target {
            high = sigma;
        } else {
            low = sigma;
        }
        sigma = if high.is_infinite() { sigma * 2.0 } else { f64::midpoint(low, high) };
    }
    let mean = if rho > 0.0 {
        row.iter().copied().map(f64::from).sum::<f64>() / row.len() as f64
    } else {
        mean_of_all
    };
    Scale { rho, sigma: sigma.max(LEAST_SCALE * mean) as f32 }
}

/// Membership of each neighbour `[N, k]` in its point's neighbourhood; 0 for the point itself.
pub fn memberships(neighbours: &Neighbours, scales: &[Scale]) -> Vec<f32> {
    let k = neighbours.k;
    let rows = neighbours.distances.par_chunks(k).zip(neighbours.indices.par_chunks(k));
    rows.zip(scales)
        .enumerate()
        .flat_map_iter(|(i, ((distances, indices), scale))| {
            distances.iter().zip(indices).map(move |(&distance, &j)| {
                let beyond = distance - scale.rho;
                if j as usize == i {
                    0.0
                } else if beyond <= 0.0 || scale.sigma == 0.0 {
                    1.0
                } else {
                    (-f64::from(beyond) / f64::from(scale.sigma)).exp() as f32
                }
            })
        })
        .collect()
}

/// The graph of both opinions joined.
pub fn graph(neighbours: &Neighbours) -> Graph {
    let strengths = memberships(neighbours, &scales(neighbours));
    let (n, k) = (neighbours.len(), neighbours.k);
    let mut rows: Vec<Vec<(u32, f32, f32)>> = vec![Vec::with_capacity(2 * k); n];
    for (at, (&j, &strength)) in neighbours.indices.iter().zip(&strengths).enumerate() {
        let i = at / k;
        if strength > 0.0 {
            rows[i].push((j, strength, 0.0));
            rows[j as usize].push((i as u32, 0.0, strength));
        }
    }
    let mut graph = Graph { starts: vec![0], ends: Vec::new(), weights: Vec::new() };
    for row in &mut rows {
        row.sort_unstable_by_key(|&(j, ..)| j);
        for pair in row.chunk_by(|a, b| a.0 == b.0) {
            let own: f32 = pair.iter().map(|&(_, own, _)| own).sum();
            let other: f32 = pair.iter().map(|&(.., other)| other).sum();
            graph.ends.push(pair[0].0);
            graph.weights.push(own + other - own * other);
        }
        graph.starts.push(graph.ends.len());
    }
    graph
}

#[cfg(test)]
mod tests {
    use super::super::Points;
    use super::super::neighbours::Candidates;
    use super::*;

    fn of(values: &[f32], width: usize, k: usize) -> Neighbours {
        let points = Points::new(values, width).unwrap();
        Neighbours::among(points, &Candidates::everybody(points.len()), k).unwrap()
    }

    #[test]
    fn memberships_sum_to_the_logarithm_of_k_and_the_graph_is_symmetric() {
        let values: Vec<f32> = (0..60).map(|i| (i as f32 * 0.37).sin() * (i as f32)).collect();
        let neighbours = of(&values, 2, 8);
        let strengths = memberships(&neighbours, &scales(&neighbours));
        for row in strengths.chunks(8) {
            assert!((row.iter().sum::<f32>() - 3.0).abs() < 1e-3, "{row:?}");
        }
        let graph = graph(&neighbours);
        let weight = |i: usize, j: u32| {
            let row = graph.starts[i]..graph.starts[i + 1];
            let at = graph.ends[row.clone()].binary_search(&j).unwrap();
            graph.weights[row][at]
        };
        for i in 0..30 {
            for &j in &graph.ends[graph.starts[i]..graph.starts[i + 1]] {
                assert_eq!(weight(i, j), weight(j as usize, i as u32));
            }
        }
    }

    #[test]
    fn points_at_the_same_place_belong_together_wholly() {
        let mut values = vec![1.0_f32; 12];
        values.extend([4.0, 5.0, 9.0, 9.5]);
        let neighbours = of(&values, 1, 4);
        let scales = scales(&neighbours);
        assert_eq!(scales[0].rho, 0.0);
        assert!(scales[0].sigma > 0.0);
        assert!(memberships(&neighbours, &scales)[1..4].iter().all(|&strength| strength == 1.0));
    }
}
